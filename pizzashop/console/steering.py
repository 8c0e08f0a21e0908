"""`pizzashop pause`, `resume` and `cancel`: an operator steps in."""

from typing import Any

import click

from pizzashop.console.batch import each
from pizzashop.console.desk import Desk
from pizzashop.console.options import on_orders
from pizzashop.domain.errors import ShopError


@click.command()
@on_orders
def pause(desk: Desk, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Pause orders: what is under way is finished, nothing new begins.

    \b
    pizzashop pause 7Q4K-M2XD-9ZRT --note "the customer is called back"
    """
    each(order_ids, lambda order_id: _steer(desk, "pause", order_id, by, note), as_json=as_json)


@click.command()
@on_orders
def resume(desk: Desk, order_ids: tuple[str, ...], note: str | None, by: str, as_json: bool) -> None:
    """Let paused orders go on.

    \b
    pizzashop resume 7Q4K-M2XD-9ZRT
    """
    each(order_ids, lambda order_id: _steer(desk, "resume", order_id, by, note), as_json=as_json)


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask first.")
@on_orders
def cancel(desk: Desk, order_ids: tuple[str, ...], note: str | None, by: str, yes: bool, as_json: bool) -> None:
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

    each(order_ids, ask_and_cancel, as_json=as_json)


def _confirm(question: str) -> None:
    if not click.confirm(question, err=True):
        raise ShopError("Not cancelled.")


def _steer(desk: Desk, action: str, order_id: str, by: str, note: str | None) -> tuple[str, dict[str, Any]]:
    order_id = desk.shop.id_of(order_id)
    command = {"order_id": order_id, "by": by} | ({"note": note} if note is not None else {})
    answer = desk.shop.steer(action, command)
    return f"Order {order_id} is {answer.get('status', f'told to {action}')}.", answer
