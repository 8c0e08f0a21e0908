"""All that is known of one order: the picture, then how it stands exactly, then its history."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pizzashop.console.frame import frame
from pizzashop.console.record import Record
from pizzashop.console.text import clean
from pizzashop.domain.times import clock
from pizzashop.domain.words import say_who


def card(record: Record, runtime: str | None) -> RenderableType:
    """The card of an order; `runtime` is what the workflow engine says of it."""
    return Group(frame(record), Text(), _facts(record, runtime), Text(), _history(record))


def _facts(record: Record, runtime: str | None) -> RenderableType:
    table = Table.grid(padding=(0, 3, 0, 0))
    paused = ", paused" if record.paused else ""
    table.add_row("status", f"{record.status}, attempt {record.attempt}{paused}")
    table.add_row("workflow", f"pizza-order-{record.order_id}  {clean(runtime or 'not started')}")
    if record.error:
        table.add_row("error", Text(clean(record.error)))
    if customer := _customer(record):
        table.add_row("customer", Text(customer))
    return Padding(table, (0, 0, 0, 2), expand=False)


def _customer(record: Record) -> str:
    known = record.customer if isinstance(record.customer, dict) else {}
    return clean(", ".join(str(known[field]) for field in ("name", "address", "phone") if known.get(field)))


def _history(record: Record) -> RenderableType:
    table = Table.grid(padding=(0, 3, 0, 0))
    for entry in record.history:
        attempt = f" ({entry.attempt})" if record.attempt > 1 else ""
        said = clean(say_who(entry.status, entry.by, entry.note))
        table.add_row(clock(entry.at), Text(said), Text(entry.status + attempt, style="dim"))
    return Padding(table, (0, 0, 0, 2), expand=False)
