"""`pizzashop approve`, `reject` and `remake`: the manager's decision."""

from typing import Any

import click

from pizzashop.console.batch import each
from pizzashop.console.desk import Desk
from pizzashop.console.options import on_orders
from pizzashop.console.record import Record
from pizzashop.domain.order import PENDING_VALIDATION, RANK

_VERDICTS: dict[str, dict[str, bool]] = {
    "Approved": {"approved": True},
    "Rejected": {"approved": False},
    "Sent back": {"approved": False, "remake": True},
}


@click.command()
@on_orders
def approve(desk: Desk, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Approve pizzas: they go to the customer.

    \b
    pizzashop approve 7Q4K-M2XD-9ZRT
    pizzashop approve 7Q4K-M2XD-9ZRT 9XKD-2MPQ-3TTB --note "well done"
    """
    each(order_ids, lambda order_id: _decide(desk, order_id, "Approved", by, note), as_json=as_json)


@click.command()
@on_orders
def reject(desk: Desk, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Reject pizzas: their orders fail. To have one made again use remake.

    \b
    pizzashop reject 7Q4K-M2XD-9ZRT --note "out of mozzarella"
    """
    each(order_ids, lambda order_id: _decide(desk, order_id, "Rejected", by, note), as_json=as_json)


@click.command()
@on_orders
def remake(desk: Desk, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Send pizzas back: the kitchen makes new ones.

    \b
    pizzashop remake 7Q4K-M2XD-9ZRT --note "too dark"
    """
    each(order_ids, lambda order_id: _decide(desk, order_id, "Sent back", by, note), as_json=as_json)


def _decide(desk: Desk, order_id: str, verdict: str, by: str, note: str | None) -> tuple[str, dict[str, Any]]:
    order_id = desk.shop.id_of(order_id)
    record = desk.shop.record(order_id)
    # Naming the attempt keeps a decision from landing on the next pizza, which nobody has looked at.
    decision = {"order_id": order_id, "attempt": record.attempt, "by": by, **_VERDICTS[verdict]}
    answer = desk.shop.decide(decision | ({"note": note} if note is not None else {}))
    return f"{verdict}: {order_id}, {record.pizza}.{_early(record)}", answer


def _early(record: Record) -> str:
    early = RANK.get(record.status, 0) < RANK[PENDING_VALIDATION] and not record.ended
    return " It counts as soon as the pizza is cooked." if early else ""
