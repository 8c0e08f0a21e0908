"""How measurements are shown and kept: a table for the terminal, a page of `docs/`, and JSON beside it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from figures import Figure
from rich.console import Console
from rich.table import Table

HEAD = """# Measurements

Written by `make bench`, which says how each figure comes about (`tests/benchmark/`). Everything runs on one machine,
the load included. A figure is the median of its runs. The bare engine is a workflow of four empty activities and one
event, as an order has, on a sidecar of its own beside the shop, measured in turns with it. An order counts when its
record reads `delivered`, and the clock stops when no event of the topic is left to take in. The first column is the
workshop's code, that this shop started from, on two cores.

Where the time goes, what was tried, and why a goal is missed: [where-the-time-goes.md](where-the-time-goes.md).
How far one machine goes: [run replicas](how-to/run-replicas.md).
"""
MARK = {True: "met", False: "missed", None: ""}
STYLE = {True: "green", False: "red", None: ""}


def grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> Table:
    """The one form of a table: the first column says what, numbers stand to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=bool(number))
    for number, row in enumerate(rows):
        table.add_row(*row, style=styles[number] if styles else "")
    return table


def show(console: Console, figures: Sequence[Figure]) -> None:
    """Print the goals, then what else was measured."""
    aimed = [each for each in figures if each.goal is not None]
    rows = [(f.name, f.workshop, f.aim, f.value, f.spread, MARK[f.met]) for f in aimed]
    columns = ("", "workshop", "goal", "median", "spread", "")
    console.print(grid("Goals", columns, rows, [STYLE[f.met] for f in aimed]))
    rest = [(f.name, f.value, f.spread) for f in figures if f.goal is None]
    console.print(grid("\nAlso measured", ("", "median", "spread"), rest))


def compare(console: Console, before: Sequence[Figure], now: Sequence[Figure]) -> None:
    """Print what has changed since."""
    past = {each.name: each for each in before if each.samples}
    both = [(past[each.name], each) for each in now if each.name in past]
    rows = [(new.name, old.value, new.value, _change(old.median, new.median)) for old, new in both]
    console.print(grid("\nSince then", ("", "then", "now", "change"), rows))


def write(path: Path, machine: dict[str, str], figures: Sequence[Figure]) -> None:
    """Write the page, and the same for programs beside it."""
    aimed, rest = ([f for f in figures if (f.goal is not None) == wanted] for wanted in (True, False))
    lines = [HEAD, "| | the workshop's code | goal | median | spread | |", "|---|---|---|---|---|---|"]
    lines += [f"| {f.name} | {f.workshop} | {f.aim} | **{f.value}** | {f.spread} | {MARK[f.met]} |" for f in aimed]
    lines += ["", "## Also measured", "", "| | median | spread |", "|---|---|---|"]
    lines += [f"| {f.name} | {f.value} | {f.spread} |" for f in rest]
    lines += ["", "## The machine", "", "| | |", "|---|---|", *(f"| {key} | {said} |" for key, said in machine.items())]
    path.write_text("\n".join(lines) + "\n")
    kept = {"machine": machine, "figures": [each.written() for each in figures]}
    path.with_suffix(".json").write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def merged(page: Path, figures: Sequence[Figure], rows: Iterable[str]) -> list[Figure]:
    """The figures, and those of the page's other rows, in the order of `rows`."""
    new = {each.row for each in figures}
    kept = page.with_suffix(".json")
    present = [each for each in (read(kept) if kept.exists() else []) if each.row not in new]
    return [each for row in rows for each in [*present, *figures] if each.row == row]


def read(path: Path) -> list[Figure]:
    """The figures of a file that `write` has left."""
    return [Figure.read(each) for each in json.loads(path.read_text())["figures"]]


def _change(old: float, new: float) -> str:
    return f"{100 * (new - old) / old:+.0f} %" if old else ""
