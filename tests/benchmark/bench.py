"""How fast, how large, how steady: measures the shop side by side with the bare engine, and writes down what came out.

make bench                                                  (about 20 minutes on two quiet cores)
make bench BENCH="--only throughput --runs 2 --compare docs/measurements.json"
make bench BENCH="--only burst --merge"                     (one row anew, the others as they were)
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import machine
import report
from burst import burst
from figures import Figure
from memory import memory
from overload import overload
from parts import parts
from reserved import reserved
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from speed import alone, throughput
from stand import Stand
from stored import stored
from watching import watching

from pizzashop.local import checks
from pizzashop.local.build import provide_dapr
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "measurements.md"
ROWS: dict[str, Callable[[Stand], Iterator[Figure]]] = {
    "throughput": throughput,
    "parts": parts,
    "alone": alone,
    "burst": burst,
    "memory": memory,
    "stored": stored,
    "overload": overload,
    "watching": watching,
}


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(ROWS)), help="This row; may be given several times.")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 100), help="How often each is measured.")
@click.option("--compare", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Measurements (JSON).")
@click.option("--merge", is_flag=True, help="Put what was measured into the page, beside its other rows.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The page to write.")
def main(only: tuple[str, ...], runs: int, compare: Path | None, merge: bool, out: Path | None) -> None:
    """Open the shop, measure, and print a table; a full run also writes docs/measurements.md."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    before = report.read(compare) if compare else []
    project = Project.read(ROOT / "dapr.yaml")
    checks.require_startable(project)
    dapr = provide_dapr(Settings.from_env().cache_dir, Console(stderr=True), Shutdown())
    about = machine.describe(dapr) | ({"note": warning} if (warning := machine.busy()) else {})
    figures: list[Figure] = []
    # A part of the rows must not take the place of the whole page.
    page = out or (PAGE if merge or not only else None)
    with _progress(console) as progress, reserved(checks.required_ports(project)):
        task = progress.add_task("", total=len(only or ROWS))
        stand = Stand(project, dapr, runs, lambda text: progress.update(task, description=text))
        for name in only or ROWS:
            figures += ROWS[name](stand)
            progress.advance(task)
            if page:  # at once: should a later row fail, this one was not in vain
                report.write(page, about, report.merged(page, figures, ROWS) if merge else figures)
    report.show(console, figures)
    if compare:
        report.compare(console, before, figures)
    if page:
        console.print(f"\nWritten to {page}, and for programs to {page.with_suffix('.json')}")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn(), console=console, transient=True
    )


if __name__ == "__main__":
    main()
