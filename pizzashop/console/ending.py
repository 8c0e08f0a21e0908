"""The end of an order in one sentence, and the exit code that stands for it."""

from pizzashop.console.phases import seconds_between
from pizzashop.console.record import Record
from pizzashop.console.text import clean
from pizzashop.domain.order import DELIVERED, FAILED
from pizzashop.domain.times import counting
from pizzashop.domain.words import say_who

LOST = 6
"""The exit code of a watch whose order failed or was cancelled."""


def exit_code(record: Record) -> int:
    """0 where the pizza was delivered, 6 where it never will be."""
    return 0 if record.status == DELIVERED else LOST


def ending(record: Record) -> str:
    """How the order ended; nothing while it has not."""
    if not record.ended:
        return ""
    last = record.last(record.status)
    if record.status == DELIVERED:
        took = f" in {counting(seconds_between(record.history[0], last))}" if last else ""
        return f"Delivered{took}. Enjoy your pizza!"
    if record.status == FAILED:
        return f"The order failed: {clean(record.error or 'nobody said why').rstrip('.')}."
    said = say_who(record.status, last.by, last.note) if last else "cancelled"
    return f"The order was {clean(said).rstrip('.')}."
