"""`pizzashop watch`, `status` and `list`: what becomes of the orders."""

import click

from pizzashop.console.desk import Desk, pass_desk
from pizzashop.console.listing import listing
from pizzashop.console.options import as_json, echo_json, one_id
from pizzashop.console.record import Record
from pizzashop.console.text import clean
from pizzashop.console.watch import watch as follow_to_the_end
from pizzashop.domain.errors import NotFound
from pizzashop.domain.order import CANCELLED, FAILED, WAY

_STANDING = click.Choice(["open", "closed", *WAY, FAILED, CANCELLED])


@click.command()
@one_id
@as_json
@pass_desk
def watch(desk: Desk, order_id: str, as_json: bool) -> None:
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
@pass_desk
def status(desk: Desk, order_id: str, as_json: bool) -> None:
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
        from pizzashop.console.card import card

        desk.console.print(card(record, runtime))


@click.command("list")
@click.option("--status", "wanted", metavar="STATUS", type=_STANDING, help="open, closed, or a status of an order.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="At most so many.")
@click.option("--after", help="Go on after this place, which the page before names.")
@as_json
@pass_desk
def list_orders(desk: Desk, wanted: str | None, limit: int, after: str | None, as_json: bool) -> None:
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
    click.echo(listing([Record.parse(each) for each in page.get("orders") or ()]))
    if page.get("next"):
        again = f"--status {wanted} " if wanted else ""
        click.echo(f"\nThere are more: pizzashop list {again}--limit {limit} --after {clean(page['next'])}")
