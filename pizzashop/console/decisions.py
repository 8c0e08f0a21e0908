"""`pizzashop approve`, `reject`, `remake`, `pause`, `resume` and `cancel`: the manager or an operator steps in."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from pizzashop.auth.people import login_name
from pizzashop.console.command import (
    CommandContext,
    Outcome,
    confirm,
    json_option,
    parse_id,
    pass_command_context,
    run_for_each,
    yes_option,
)
from pizzashop.console.shop import ShopApi
from pizzashop.domain.lifecycle import PENDING_VALIDATION, RANK

# The body of a request about one order: its id, the operator's name, and the note if there is one.
OrderRequest = dict[str, Any]


def _orders_command(action: Callable[..., Outcome]) -> click.Command:
    """Make a click command that runs `action` for each of several orders."""

    @click.command()
    @click.argument("order_ids", metavar="ID...", type=parse_id, nargs=-1, required=True)
    @click.option("--note", help="The reason; it is kept with the order.")
    @click.option("--by", default=login_name, show_default="your login name", help="Your name, kept with the order.")
    @json_option
    @pass_command_context
    @wraps(action)
    def run_for_orders(
        context: CommandContext,
        /,
        order_ids: tuple[str, ...],
        note: str | None,
        by: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        def run(text: str) -> Outcome:
            request: OrderRequest = {"order_id": context.shop.resolve_id(text), "by": by}
            return action(context.shop, request if note is None else request | {"note": note}, **options)

        run_for_each(order_ids, run, as_json=as_json)

    return run_for_orders


@_orders_command
def approve(shop: ShopApi, request: OrderRequest) -> Outcome:
    """Approve pizzas: they go to the customer.

    \b
    pizzashop approve 7Q4K-M2XD-9ZRT
    pizzashop approve 7Q4K-M2XD-9ZRT 9XKD-2MPQ-3TTB --note "well done"
    """
    return _decide(shop, request, "Approved", approved=True)


@_orders_command
def reject(shop: ShopApi, request: OrderRequest) -> Outcome:
    """Reject pizzas: their orders fail. To have a pizza made again, use remake.

    \b
    pizzashop reject 7Q4K-M2XD-9ZRT --note "out of mozzarella"
    """
    return _decide(shop, request, "Rejected", approved=False)


@_orders_command
def remake(shop: ShopApi, request: OrderRequest) -> Outcome:
    """Send pizzas back: the kitchen makes new ones.

    \b
    pizzashop remake 7Q4K-M2XD-9ZRT --note "too dark"
    """
    return _decide(shop, request, "Sent back", approved=False, remake=True)


@_orders_command
def pause(shop: ShopApi, request: OrderRequest) -> Outcome:
    """Pause orders: the step under way is finished, and no other begins.

    \b
    pizzashop pause 7Q4K-M2XD-9ZRT --note "the customer is called back"
    """
    return _send_command(shop, "pause", request)


@_orders_command
def resume(shop: ShopApi, request: OrderRequest) -> Outcome:
    """Resume paused orders.

    \b
    pizzashop resume 7Q4K-M2XD-9ZRT
    """
    return _send_command(shop, "resume", request)


@yes_option
@_orders_command
def cancel(shop: ShopApi, request: OrderRequest, yes: bool) -> Outcome:
    """Cancel orders, for good. Asks first; in a script use --yes.

    \b
    pizzashop cancel 7Q4K-M2XD-9ZRT --note "the customer called"
    """
    if not yes:
        record = shop.get_order(request["order_id"])
        # The shop refuses to cancel an order that has ended, so there is nothing to confirm.
        if not record.is_final:
            confirm(f"Cancel order {request['order_id']} ({record.pizza})?", refusal="Not cancelled.")
    return _send_command(shop, "cancel", request)


def _decide(shop: ShopApi, request: OrderRequest, verb: str, **verdict: bool) -> Outcome:
    record = shop.get_order(request["order_id"])
    # With the attempt, a late decision cannot apply to the next pizza, which nobody has seen.
    answer = shop.send_decision({**request, "attempt": record.attempt, **verdict})
    is_early = RANK.get(record.status, 0) < RANK[PENDING_VALIDATION] and not record.is_final
    effect = " It counts as soon as the pizza is cooked." if is_early else ""
    return f"{verb}: {request['order_id']}, {record.pizza}.{effect}", answer


def _send_command(shop: ShopApi, action: str, request: OrderRequest) -> Outcome:
    answer = shop.send_command(action, request)
    return f"Order {request['order_id']} is {answer.get('status', 'changed')}.", answer
