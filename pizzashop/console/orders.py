"""`pizzashop watch`, `status` and `list`: what becomes of the orders."""

from typing import Any

import click

from pizzashop.console.client import ShopClosed
from pizzashop.console.output import one_line_text
from pizzashop.console.session import Session, as_json, echo_json, one_id, pass_session, valid_id
from pizzashop.console.shop import Record
from pizzashop.console.tables import order_table
from pizzashop.console.watch import watch_to_end
from pizzashop.console.watch import watch_to_end as follow_to_the_end
from pizzashop.domain.ids import new_id
from pizzashop.domain.lifecycle import CANCELLED, FAILED, HAPPY_PATH
from pizzashop.domain.text import remove_invisible as without_marks
from pizzashop.errors import NotFound, Unavailable


@click.command()
@click.argument("pizza")
@click.option("--size", default="large", show_default=True, help="small, medium, large, or what you like.")
@click.option("--name", help="Who it is for.")
@click.option("--address", help="Where it goes.")
@click.option("--phone", help="Whom the driver calls.")
@click.option("--id", "order_id", metavar="ID", type=valid_id, help="The order's id; a new one where none is given.")
@click.option("--watch", "watched", is_flag=True, help="Follow it to its end.")
@as_json
@pass_session
def order(
    desk: Session,
    /,
    pizza: str,
    size: str,
    order_id: str | None,
    watched: bool,
    as_json: bool,
    **customer: str | None,
) -> None:
    """Order a PIZZA.

    \b
    pizzashop order pepperoni --watch
    pizzashop order "quattro stagioni" --size small --name "John Doe" --address "123 Main St"

    With --watch it ends with 0 when the pizza is delivered, with 6 when the order failed or was cancelled.
    """
    known = {field: without_marks(value) for field, value in customer.items() if value is not None}
    content = {"order_id": order_id or new_id(), "pizza_type": without_marks(pizza), "size": without_marks(size)}
    answer = _place(desk, content | ({"customer": known} if known else {}))
    if watched:
        click.get_current_context().exit(watch_to_end(desk, content["order_id"], as_json=as_json))
    if as_json:
        echo_json(answer)
        return
    click.echo(_placed(content["order_id"], one_line_text(f"{pizza}, {size}")))


def _place(desk: Session, content: dict[str, Any]) -> dict[str, Any]:
    try:
        return desk.shop.place(content)
    except ShopClosed:
        raise
    except Unavailable as error:
        # The answer was lost, perhaps not the order: without the id it would be ordered twice.
        raise Unavailable(f"{error} See whether it was placed: pizzashop status {content['order_id']}") from None


def _placed(order_id: str, pizza: str) -> str:
    return (
        f"Order {order_id}   {pizza}\n"
        f"  follow it     pizzashop watch {order_id}\n"
        f"  approve it    pizzashop approve {order_id}"
    )


_STANDING = click.Choice(["open", "closed", *HAPPY_PATH, FAILED, CANCELLED])


@click.command()
@one_id
@as_json
@pass_session
def watch(desk: Session, order_id: str, as_json: bool) -> None:
    """Follow an order live, to its end.

    \b
    pizzashop watch 7Q4K-M2XD-9ZRT
    pizzashop watch 7Q4K-M2XD-9ZRT --json | jq .status

    Ends with 0 when the pizza is delivered, with 6 when the order failed or was cancelled. Ctrl-C leaves the
    watch; the order goes on. With --json: one line for each change.
    """
    click.get_current_context().exit(follow_to_the_end(desk, desk.shop.id_of(order_id), as_json=as_json))


@click.command()
@one_id
@as_json
@pass_session
def status(desk: Session, order_id: str, as_json: bool) -> None:
    """Show all that the shop knows of an order.

    \b
    pizzashop status 7Q4K-M2XD-9ZRT
    pizzashop status 7Q4K-M2XD-9ZRT --json | jq -r .status
    """
    order_id = desk.shop.id_of(order_id)
    record = desk.shop.record(order_id)
    try:
        runtime: str | None = desk.shop.runtime_status(order_id)
    except NotFound:
        runtime = None  # accepted, and never started
    if as_json:
        echo_json(record.raw | {"workflow_status": runtime})
    else:
        from pizzashop.console.render import order_card

        desk.console.print(order_card(record, runtime))


@click.command("list")
@click.option("--status", "wanted", metavar="STATUS", type=_STANDING, help="open, closed, or a status of an order.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="At most so many.")
@click.option("--after", help="Go on after this place, which the page before names.")
@as_json
@pass_session
def list_orders(desk: Session, wanted: str | None, limit: int, after: str | None, as_json: bool) -> None:
    """List the orders, newest first.

    \b
    pizzashop list --status open
    pizzashop list --status pending_validation --json | jq -r '.orders[].order_id' | xargs pizzashop approve
    """
    given = {"status": wanted, "limit": str(limit), "after": after}
    page = desk.shop.records({name: value for name, value in given.items() if value})
    if as_json:
        echo_json(page)
        return
    click.echo(order_table([Record.parse(each) for each in page.get("orders") or ()]))
    if page.get("next"):
        again = f"--status {wanted} " if wanted else ""
        click.echo(f"\nThere are more: pizzashop list {again}--limit {limit} --after {one_line_text(page['next'])}")
