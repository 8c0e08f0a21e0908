"""The arguments and options that several commands share."""

from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec

import click

from pizzashop.access.people import login
from pizzashop.console.desk import Desk, pass_desk
from pizzashop.console.ids import valid_id
from pizzashop.streams import json_text

P = ParamSpec("P")

one_id = click.argument("order_id", metavar="ID", type=valid_id)
some_ids = click.argument("order_ids", metavar="ID...", type=valid_id, nargs=-1, required=True)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
note = click.option("--note", help="Why; it stays with the order.")
by = click.option("--by", default=login, show_default="your login name", help="Who says so.")


def on_orders(command: Callable[Concatenate[Desk, P], None]) -> Callable[P, None]:
    """Hand a command the desk, the orders that it is for, why and in whose name, and whether to print JSON."""
    return some_ids(note(by(as_json(pass_desk(command)))))


def echo_json(document: Any) -> None:
    """Print one JSON document."""
    click.echo(json_text(document))
