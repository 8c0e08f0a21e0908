"""`pizzashop approve`, `reject`, `remake`, `pause`, `resume` and `cancel`: the manager or an operator steps in."""

from typing import Any, NoReturn

from pizzashop.console.command import OrdersRequest, confirm, orders_command, require_confirmation, yes_option
from pizzashop.console.shop import OrderRecord
from pizzashop.domain.lifecycle import PENDING_VALIDATION, RANK


@orders_command
def approve(request: OrdersRequest) -> None:
    """Approve pizzas: they go to the customer.

    \b
    pizzashop approve 7Q4K-M2XD-9ZRT
    pizzashop approve 7Q4K-M2XD-9ZRT 9XKD-2MPQ-3TTB --note "well done"
    """
    _decide(request, "Approved", approved=True)


@orders_command
def reject(request: OrdersRequest) -> None:
    """Reject pizzas: their orders fail. To have a pizza made again, use remake.

    \b
    pizzashop reject 7Q4K-M2XD-9ZRT --note "out of mozzarella"
    """
    _decide(request, "Rejected", approved=False)


@orders_command
def remake(request: OrdersRequest) -> None:
    """Send pizzas back: the kitchen makes new ones.

    \b
    pizzashop remake 7Q4K-M2XD-9ZRT --note "too dark"
    """
    _decide(request, "Sent back", approved=False, remake=True)


@orders_command
def pause(request: OrdersRequest) -> None:
    """Pause orders: the step under way is finished, and no other begins.

    \b
    pizzashop pause 7Q4K-M2XD-9ZRT --note "the customer is called back"
    """
    request.run_for_each(lambda order_id: _send_command(request, "pause", order_id))


@orders_command
def resume(request: OrdersRequest) -> None:
    """Resume paused orders.

    \b
    pizzashop resume 7Q4K-M2XD-9ZRT
    """
    request.run_for_each(lambda order_id: _send_command(request, "resume", order_id))


@yes_option
@orders_command
def cancel(request: OrdersRequest, yes: bool) -> None:
    """Cancel orders, for good. Asks first; in a script use --yes.

    \b
    pizzashop cancel 7Q4K-M2XD-9ZRT --note "the customer called"
    """
    require_confirmation(request.context, yes=yes)

    def confirm_and_cancel(order_id: str) -> tuple[str, dict[str, Any]]:
        if not yes:
            record = request.context.shop.get_order(order_id)
            # The shop refuses to cancel an order that has ended, so there is nothing to confirm.
            if not record.has_ended:
                confirm(f"Cancel order {order_id} ({record.pizza})?", refusal="Not cancelled.")
        return _send_command(request, "cancel", order_id)

    request.run_for_each(confirm_and_cancel)


def _decide(request: OrdersRequest, verb: str, **verdict: bool) -> NoReturn:
    def decide(order_id: str) -> tuple[str, dict[str, Any]]:
        record = request.context.shop.get_order(order_id)
        # With the attempt, a late decision cannot apply to the next pizza, which nobody has seen.
        answer = request.context.shop.send_decision(request.body(order_id, attempt=record.attempt, **verdict))
        effect = " It counts as soon as the pizza is cooked." if _is_early(record) else ""
        return f"{verb}: {order_id}, {record.pizza}.{effect}", answer

    request.run_for_each(decide)


def _is_early(record: OrderRecord) -> bool:
    return RANK.get(record.status, 0) < RANK[PENDING_VALIDATION] and not record.has_ended


def _send_command(request: OrdersRequest, action: str, order_id: str) -> tuple[str, dict[str, Any]]:
    answer = request.context.shop.send_command(action, request.body(order_id))
    return f"Order {order_id} is {answer.get('status', 'changed')}.", answer
