"""`pizzashop order`, `status` and `list`: place orders, and see what became of them."""

from typing import Any

import click

from pizzashop.console.command import (
    CommandContext,
    echo_json,
    json_option,
    order_id_argument,
    parse_new_id,
    pass_command_context,
)
from pizzashop.console.shop import OrderRecord, ShopNotRunning
from pizzashop.console.watch import watch_order
from pizzashop.domain.ids import generate_order_id
from pizzashop.domain.lifecycle import CANCELLED, FAILED, HAPPY_PATH
from pizzashop.domain.text import remove_invisible, to_single_line
from pizzashop.errors import NotFound, Unavailable

_STATUS_FILTER = click.Choice(["open", "closed", *HAPPY_PATH, FAILED, CANCELLED])


@click.command()
@click.argument("pizza")
@click.option("--size", default="large", show_default=True, help="small, medium, large, or any other word.")
@click.option("--name", help="The customer's name.")
@click.option("--address", help="The customer's address.")
@click.option("--phone", help="The customer's phone number.")
@click.option("--id", "order_id", metavar="ID", type=parse_new_id, help="The order's id; without it a new one is made.")
@click.option("--watch", is_flag=True, help="Follow the order to its end.")
@json_option
@pass_command_context
def order(
    context: CommandContext,
    /,
    pizza: str,
    size: str,
    order_id: str | None,
    watch: bool,
    as_json: bool,
    **customer: str | None,
) -> None:
    """Order a PIZZA.

    \b
    pizzashop order pepperoni --watch
    pizzashop order "quattro stagioni" --size small --name "John Doe" --address "123 Main St"

    With --watch it ends with 0 when the pizza is delivered, with 6 when the order failed or was cancelled.
    """
    order_id = order_id or generate_order_id()
    content: dict[str, Any] = {
        "order_id": order_id,
        "pizza_type": remove_invisible(pizza),
        "size": remove_invisible(size),
    }
    if given := {name: remove_invisible(value) for name, value in customer.items() if value is not None}:
        content["customer"] = given
    answer = _place(context, content)
    if watch:
        click.get_current_context().exit(watch_order(context, order_id, as_json=as_json))
    if as_json:
        echo_json(answer)
        return
    click.echo(f"Order {order_id}   {to_single_line(f'{pizza}, {size}')}")
    click.echo(f"  follow it     pizzashop watch {order_id}")
    click.echo(f"  approve it    pizzashop approve {order_id}")


def _place(context: CommandContext, content: dict[str, Any]) -> dict[str, Any]:
    try:
        return context.shop.place_order(content)
    except ShopNotRunning:
        raise
    except Unavailable as error:
        # The shop may have taken the order although its answer was lost; a second order would be a second pizza.
        raise Unavailable(f"{error} See whether it was placed: pizzashop status {content['order_id']}") from None


@click.command()
@order_id_argument
@json_option
@pass_command_context
def status(context: CommandContext, order_id: str, as_json: bool) -> None:
    """Show everything that the shop knows about an order.

    \b
    pizzashop status 7Q4K-M2XD-9ZRT
    pizzashop status 7Q4K-M2XD-9ZRT --json | jq -r .status
    """
    order_id = context.shop.resolve_id(order_id)
    record = context.shop.get_order(order_id)
    try:
        workflow_status: str | None = context.shop.workflow_status(order_id)
    except NotFound:
        # The order was accepted, but no workflow was started for it.
        workflow_status = None
    if as_json:
        echo_json(record.raw | {"workflow_status": workflow_status})
    else:
        from pizzashop.console.render import order_details

        context.console.print(order_details(record, workflow_status))


@click.command("list")
@click.option("--status", metavar="STATUS", type=_STATUS_FILTER, help="open, closed, or a status of an order.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="Show at most this many.")
@click.option("--after", help="Continue after this place, which the page before names.")
@json_option
@pass_command_context
def list_orders(context: CommandContext, status: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List the orders, newest first.

    \b
    pizzashop list --status open
    pizzashop list --status pending_validation --json | jq -r '.orders[].order_id' | xargs pizzashop approve
    """
    page = context.shop.list_orders(status=status, limit=limit, after=after)
    if as_json:
        echo_json(page)
        return
    if records := [OrderRecord.parse(content) for content in page.get("orders") or ()]:
        from pizzashop.console.render import order_table

        click.echo(order_table(records))
    else:
        click.echo("No orders here. Place one: pizzashop order pepperoni")
    if page.get("next"):
        option = f"--status {status} " if status else ""
        click.echo(f"\nThere are more: pizzashop list {option}--limit {limit} --after {to_single_line(page['next'])}")
