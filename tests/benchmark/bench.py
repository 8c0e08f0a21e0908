"""`make bench`: measure speed, memory and CPU of the shop beside the bare engine, and write the results to docs/.

make bench                                                  (about 90 minutes on two quiet cores)
make bench BENCH="--only throughput --runs 2 --compare docs/measurements.json"
make bench BENCH="--only burst --merge"                     (measures one row again)
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import report
from burst import burst
from figures import Figure
from machine import describe_machine, load_warning
from memory import memory
from overload import overload
from parts import parts
from real_pace import idle, pace, rush, sustained, telemetry
from reserved import reserved
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from speed import alone, throughput
from stored import stored
from testbed import TestBed
from watching import watching

from pizzashop.errors import LocalError
from pizzashop.local import checks
from pizzashop.local.build import provide_dapr
from pizzashop.local.project import Project
from pizzashop.local.shutdown import Shutdown
from pizzashop.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "measurements.md"
ROWS: dict[str, Callable[[TestBed], Iterator[Figure]]] = {
    "throughput": throughput,
    "pace": pace,
    "idle": idle,
    "rush": rush,
    "sustained": sustained,
    "telemetry": telemetry,
    "parts": parts,
    "alone": alone,
    "burst": burst,
    "memory": memory,
    "stored": stored,
    "overload": overload,
    "watching": watching,
}


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(ROWS)), help="Measure only this row; repeatable.")
@click.option("--runs", default=5, show_default=True, type=click.IntRange(1, 100), help="How often to measure.")
@click.option("--compare", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Compare with this JSON.")
@click.option("--merge", is_flag=True, help="Update the measured rows of the page.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write this page.")
def main(only: tuple[str, ...], runs: int, compare: Path | None, merge: bool, out: Path | None) -> None:
    """Open the shop, measure, and print a table; a full run also writes docs/measurements.md."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    before = report.read_figures(compare) if compare else []
    project = Project.read(ROOT / "dapr.yaml")
    checks.require_startable(project)
    dapr = provide_dapr(Settings.from_env().cache_dir, Console(stderr=True), Shutdown())
    machine = describe_machine(dapr) | ({"note": warning} if (warning := load_warning()) else {})
    figures: list[Figure] = []
    # A run of some rows must not replace the page of all rows.
    page = out or (PAGE if merge or not only else None)
    with _progress(console) as progress, reserved(checks.required_ports(project)):
        task = progress.add_task("", total=len(only or ROWS))
        testbed = TestBed(project, dapr, runs, lambda text: progress.update(task, description=text))
        for name in only or ROWS:
            figures += ROWS[name](testbed)
            progress.advance(task)
            if page:
                # Written after each row, the results survive an error of a later row.
                report.write_page(page, machine, report.merge_figures(page, figures, ROWS) if merge else figures)
    report.print_figures(console, figures)
    if compare:
        report.print_comparison(console, before, figures)
    if page:
        console.print(f"\nWritten to {page}, and as JSON to {page.with_suffix('.json')}")


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(20), TimeElapsedColumn(), console=console, transient=True
    )


if __name__ == "__main__":
    try:
        main()
    except LocalError as error:
        sys.exit(str(error))
