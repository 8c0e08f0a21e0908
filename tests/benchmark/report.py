"""Show and store measurements: a table for the terminal, a page of `docs/`, and JSON beside the page."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from figures import Figure
from rich.console import Console
from rich.table import Table

HEAD = """# Measurements

`make bench` writes this page; `tests/benchmark/` contains the code of each figure. The shop and the load run on one
machine. A figure is the median of its runs. The bare engine is a workflow with four empty activities and one event,
like an order's. It has its own sidecar beside the shop, and shop and bare engine are measured in turns. An empty order
is a workflow with the requests of an order, which the roles answer at once. An order counts when its record reads
`delivered`, and the clock stops when all events of the topic are applied. The first column is the code of the Dapr
workshop, from which this shop started, on two cores.

If you run a shop, look at the figures at pace 1: how many orders a second one machine takes for minutes, what happens
to 500 orders at once, and the CPU time of an order. The figures at pace 0 compare the shop with the engine, and
releases with each other.

Where the time goes, what was tried, and why a goal is missed: [where-the-time-goes.md](where-the-time-goes.md).
How far one machine goes: [run replicas](how-to/run-replicas.md).
"""
GOAL_TEXT = {True: "met", False: "missed", None: ""}
GOAL_STYLE = {True: "green", False: "red", None: ""}


def make_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> Table:
    """Return a table whose first column is text and whose other columns are numbers."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=bool(number))
    for number, row in enumerate(rows):
        table.add_row(*row, style=styles[number] if styles else "")
    return table


def print_figures(console: Console, figures: Sequence[Figure]) -> None:
    """Print the figures with a goal, then the others."""
    with_goal = [f for f in figures if f.goal is not None]
    rows = [(f.name, f.workshop, f.goal_text, f.median_text, f.spread_text, GOAL_TEXT[f.is_met]) for f in with_goal]
    columns = ("", "workshop", "goal", "median", "spread", "")
    console.print(make_table("Goals", columns, rows, [GOAL_STYLE[f.is_met] for f in with_goal]))
    others = [(f.name, f.median_text, f.spread_text) for f in figures if f.goal is None]
    console.print(make_table("\nAlso measured", ("", "median", "spread"), others))


def print_comparison(console: Console, before: Sequence[Figure], now: Sequence[Figure]) -> None:
    """Print the change of each figure that was measured before."""
    old_by_name = {figure.name: figure for figure in before if figure.samples}
    pairs = [(old_by_name[figure.name], figure) for figure in now if figure.name in old_by_name]
    rows = [(new.name, old.median_text, new.median_text, _change(old.median, new.median)) for old, new in pairs]
    console.print(make_table("\nChanges", ("", "before", "now", "change"), rows))


def write_page(path: Path, machine: dict[str, str], figures: Sequence[Figure]) -> None:
    """Write the page, and the same figures as JSON beside it."""
    with_goal = [f for f in figures if f.goal is not None]
    others = [f for f in figures if f.goal is None]
    lines = [HEAD, "| | the workshop's code | goal | median | spread | |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {f.name} | {f.workshop} | {f.goal_text} | **{f.median_text}** | {f.spread_text} | {GOAL_TEXT[f.is_met]} |"
        for f in with_goal
    ]
    lines += ["", "## Also measured", "", "| | median | spread |", "|---|---|---|"]
    lines += [f"| {f.name} | {f.median_text} | {f.spread_text} |" for f in others]
    lines += ["", "## The machine", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in machine.items()]
    path.write_text("\n".join(lines) + "\n")
    content = {"machine": machine, "figures": [figure.to_json() for figure in figures]}
    path.with_suffix(".json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def merge_figures(page: Path, figures: Sequence[Figure], rows: Iterable[str]) -> list[Figure]:
    """Return the figures, and those of the page's other rows, in the order of `rows`."""
    measured = {figure.row for figure in figures}
    path = page.with_suffix(".json")
    kept = [figure for figure in (read_figures(path) if path.exists() else []) if figure.row not in measured]
    return [figure for row in rows for figure in [*kept, *figures] if figure.row == row]


def read_figures(path: Path) -> list[Figure]:
    """Return the figures of a JSON file that `write_page` wrote."""
    return [Figure.from_json(content) for content in json.loads(path.read_text())["figures"]]


def _change(old: float, new: float) -> str:
    return f"{100 * (new - old) / old:+.0f} %" if old else ""
