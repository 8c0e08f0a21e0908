"""`pizzashop order`: places an order, and follows it where asked to."""

from typing import Any

import click

from pizzashop.console.desk import Desk, pass_desk
from pizzashop.console.ids import valid_id
from pizzashop.console.options import as_json, echo_json
from pizzashop.console.problems import Closed
from pizzashop.console.text import clean
from pizzashop.console.watch import watch
from pizzashop.domain.errors import Unavailable
from pizzashop.domain.ids import new_id
from pizzashop.domain.text import clean as without_marks


@click.command()
@click.argument("pizza")
@click.option("--size", default="large", show_default=True, help="small, medium, large, or what you like.")
@click.option("--name", help="Who it is for.")
@click.option("--address", help="Where it goes.")
@click.option("--phone", help="Whom the driver calls.")
@click.option("--id", "order_id", metavar="ID", type=valid_id, help="The order's id; a new one where none is given.")
@click.option("--watch", "watched", is_flag=True, help="Follow it to its end.")
@as_json
@pass_desk
def order(
    desk: Desk,
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
        click.get_current_context().exit(watch(desk, content["order_id"], as_json=as_json))
    if as_json:
        echo_json(answer)
        return
    click.echo(_placed(content["order_id"], clean(f"{pizza}, {size}")))


def _place(desk: Desk, content: dict[str, Any]) -> dict[str, Any]:
    try:
        return desk.shop.place(content)
    except Closed:
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
