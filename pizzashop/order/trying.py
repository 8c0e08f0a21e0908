"""A try to change a record: on what was seen of it, before it is known whether that still holds."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from pizzashop.domain.errors import NotFound, ShopError
from pizzashop.domain.record import Record
from pizzashop.order.shelf import Seen

T = TypeVar("T")
Change = Callable[[Record], T]


class Try(NamedTuple):
    """What a change came to: its answer, or what it raised, and the record, if that is another now."""

    seen: Seen
    answer: Any
    changed: Record | None = None


def tried(seen: Seen, how: Change[Any], deleted_too: bool) -> Try:
    """Have `how` change the record that was seen."""
    try:
        record = there(seen.record(), deleted_too)
        answer = how(record)
    except ShopError as error:
        return Try(seen, error)
    if record.model_dump_json().encode() == seen.stored.value:
        return Try(seen, answer)
    record.version += 1
    return Try(seen, answer, record)


def there(record: Record | None, deleted_too: bool = False) -> Record:
    """The record; raises NotFound where there is none (any more)."""
    if record is None or (record.deleted and not deleted_too):
        raise NotFound("Order not found")
    return record
