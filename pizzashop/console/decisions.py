"""`pizzashop pause`, `resume` and `cancel`: an operator steps in."""

from typing import Any

import click

from pizzashop.console.session import Session, on_orders, run_for_each
from pizzashop.console.shop import Record
from pizzashop.domain.lifecycle import PENDING_VALIDATION, RANK
from pizzashop.errors import ShopError

_VERDICTS: dict[str, dict[str, bool]] = {
    "Approved": {"approved": True},
    "Rejected": {"approved": False},
    "Sent back": {"approved": False, "remake": True},
}


@click.command()
@on_orders
def approve(desk: Session, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Approve pizzas: they go to the customer.

    \b
    pizzashop approve 7Q4K-M2XD-9ZRT
    pizzashop approve 7Q4K-M2XD-9ZRT 9XKD-2MPQ-3TTB --note "well done"
    """
    run_for_each(order_ids, lambda order_id: _decide(desk, order_id, "Approved", by, note), as_json=as_json)


@click.command()
@on_orders
def reject(desk: Session, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Reject pizzas: their orders fail. To have one made again use remake.

    \b
    pizzashop reject 7Q4K-M2XD-9ZRT --note "out of mozzarella"
    """
    run_for_each(order_ids, lambda order_id: _decide(desk, order_id, "Rejected", by, note), as_json=as_json)


@click.command()
@on_orders
def remake(desk: Session, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Send pizzas back: the kitchen makes new ones.

    \b
    pizzashop remake 7Q4K-M2XD-9ZRT --note "too dark"
    """
    run_for_each(order_ids, lambda order_id: _decide(desk, order_id, "Sent back", by, note), as_json=as_json)


def _decide(desk: Session, order_id: str, verdict: str, by: str, note: str | None) -> tuple[str, dict[str, Any]]:
    order_id = desk.shop.id_of(order_id)
    record = desk.shop.record(order_id)
    # Naming the attempt keeps a decision from landing on the next pizza, which nobody has looked at.
    decision = {"order_id": order_id, "attempt": record.attempt, "by": by, **_VERDICTS[verdict]}
    answer = desk.shop.decide(decision | ({"note": note} if note is not None else {}))
    return f"{verdict}: {order_id}, {record.pizza}.{_early(record)}", answer


def _early(record: Record) -> str:
    early = RANK.get(record.status, 0) < RANK[PENDING_VALIDATION] and not record.ended
    return " It counts as soon as the pizza is cooked." if early else ""


@click.command()
@on_orders
def pause(desk: Session, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Pause orders: what is under way is finished, nothing new begins.

    \b
    pizzashop pause 7Q4K-M2XD-9ZRT --note "the customer is called back"
    """
    run_for_each(order_ids, lambda order_id: _steer(desk, "pause", order_id, by, note), as_json=as_json)


@click.command()
@on_orders
def resume(desk: Session, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Let paused orders go on.

    \b
    pizzashop resume 7Q4K-M2XD-9ZRT
    """
    run_for_each(order_ids, lambda order_id: _steer(desk, "resume", order_id, by, note), as_json=as_json)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask first.")
@on_orders
def cancel(desk: Session, order_ids: tuple[str, ...], note: str | None, by: str, yes: bool, as_json: bool) -> None:
    """Cancel orders, for good. Asks first; in a script say --yes.

    \b
    pizzashop cancel 7Q4K-M2XD-9ZRT --note "the customer called"
    """
    if not yes and not desk.asks:
        raise click.UsageError("Nobody is here to be asked: say --yes to cancel.")

    def ask_and_cancel(spelled: str) -> tuple[str, dict[str, Any]]:
        order_id = desk.shop.id_of(spelled)
        record = desk.shop.record(order_id)
        if not yes and not record.ended:
            _confirm(f"Cancel order {order_id} ({record.pizza})?")
        return _steer(desk, "cancel", order_id, by, note)

    run_for_each(order_ids, ask_and_cancel, as_json=as_json)


def _confirm(question: str) -> None:
    if not click.confirm(question, err=True):
        raise ShopError("Not cancelled.")


def _steer(desk: Session, action: str, order_id: str, by: str, note: str | None) -> tuple[str, dict[str, Any]]:
    order_id = desk.shop.id_of(order_id)
    command = {"order_id": order_id, "by": by} | ({"note": note} if note is not None else {})
    answer = desk.shop.steer(action, command)
    return f"Order {order_id} is {answer.get('status', f'told to {action}')}.", answer
