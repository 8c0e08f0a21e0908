"""A list of orders as an aligned table."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from pizzashop.console.shop import Record
from pizzashop.domain.history import seconds_since
from pizzashop.presentation.status_text import status_text
from pizzashop.presentation.times import running_text

_HEAD = ("ORDER", "PIZZA", "STATUS", "FOR")
_PIZZA_WIDTH = 32


def order_table(records: Sequence[Record]) -> str:
    """A line for each order: which, what, how it stands, and for how long."""
    if not records:
        return "No orders here. Place one: pizzashop order pepperoni"
    return table([_HEAD, *(_line(record) for record in records)])


def table(lines: Sequence[Sequence[str]]) -> str:
    """Rows of as many cells each, in columns; their width is what a terminal gives the text, not its length."""
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(set_cell_size, line, widths)).rstrip() for line in lines)


def _line(record: Record) -> tuple[str, str, str, str]:
    pizza = record.pizza
    if cell_len(pizza) > _PIZZA_WIDTH:
        pizza = f"{set_cell_size(pizza, _PIZZA_WIDTH - 1).rstrip()}…"
    standing = f"paused: {status_text(record.status)}" if record.paused else status_text(record.status)
    if record.attempt > 1:
        standing += f" (pizza {record.attempt})"
    age = running_text(seconds_since(record.history[-1].at)) if record.history else ""
    return record.order_id, pizza, standing, age
