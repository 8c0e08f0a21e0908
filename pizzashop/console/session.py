"""One command for several orders: each is tried, and what went wrong with one does not stop the others."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Concatenate, NoReturn, ParamSpec, TypeVar

import click

from pizzashop.auth.people import login_name
from pizzashop.console.client import Client
from pizzashop.console.output import ignore_output_errors, json_text, raise_output_error
from pizzashop.console.shop import Shop
from pizzashop.domain.ids import own_id
from pizzashop.domain.requests import ORDER_ID_FORM
from pizzashop.errors import NotFound, ShopError, Unavailable
from pizzashop.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Session:
    """What each command is handed: `interval` and `patience` are a watch's, in seconds."""

    shop: Shop
    asks: bool = field(default_factory=lambda: sys.stdin.isatty())
    interval: float = 0.25
    patience: float = 120.0

    @cached_property
    def console(self) -> "Console":
        """The terminal, or what stands in its place."""
        from rich.console import Console

        # What goes into a file or a pipe has no width of its own; rich would break its lines at 80.
        return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def pass_session(command: Callable[Concatenate[Session, P], T]) -> Callable[P, T]:
    """Hand the desk to a command: the one in the context, or one for the shop on this machine."""

    @click.pass_context
    @wraps(command)
    def with_desk(ctx: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> T:
        desk = ctx.find_object(Session) or _session(Settings.from_env())
        ctx.call_on_close(desk.shop.close)
        return command(desk, *args, **kwargs)

    return with_desk


def _session(settings: Settings) -> Session:
    return Session(Shop.beside(Client(token=settings.staff_token), settings.host))


def valid_id(text: str) -> str:
    """Check the shape of an id that was typed, before the shop is asked."""
    if not ORDER_ID_FORM.fullmatch(text):
        raise click.BadParameter("an id is 1 to 64 letters, digits, _ or -; the first a letter or digit")
    return text


def spelled_id(text: str) -> str:
    """The same of an order that there is: one of the shop's own may be written in any way (`7q4k m2xd 9zrt`)."""
    said = text.strip()
    return said if ORDER_ID_FORM.fullmatch(said) else own_id(said) or valid_id(text)


one_id = click.argument("order_id", metavar="ID", type=spelled_id)
some_ids = click.argument("order_ids", metavar="ID...", type=spelled_id, nargs=-1, required=True)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
note = click.option("--note", help="Why; it stays with the order.")
by = click.option("--by", default=login_name, show_default="your login name", help="Who says so.")


def on_orders(command: Callable[Concatenate[Session, P], None]) -> Callable[P, None]:
    """Hand a command the desk, the orders that it is for, why and in whose name, and whether to print JSON."""
    return some_ids(note(by(as_json(pass_session(command)))))


def echo_json(document: Any) -> None:
    """Print one JSON document."""
    click.echo(json_text(document))


Answer = dict[str, Any]


def run_for_each(
    ids: Iterable[str], act: Callable[[str], tuple[str, Answer]], *, as_json: bool, key: str = "order_id"
) -> NoReturn:
    """Do `act` to each order (or to what `key` names): it answers a sentence, and JSON.

    Ends the command with the exit code of the first error. None is left out because the output cannot be written.
    """
    with ignore_output_errors():
        code = _run_for_each(ids, act, as_json=as_json, key=key)
    raise_output_error()
    click.get_current_context().exit(code)


def _run_for_each(ids: Iterable[str], act: Callable[[str], tuple[str, Answer]], *, as_json: bool, key: str) -> int:
    answers: list[Answer] = []
    code = 0
    for one in dict.fromkeys(ids):
        try:
            said, answer = act(one)
        except Unavailable:
            _print_answers(answers, as_json=as_json)
            raise
        except ShopError as error:
            about = "" if isinstance(error, NotFound) else f"{one}: "
            click.echo(f"pizzashop: {about}{error}", err=True)
            answers.append({key: one, "error": str(error)})
            code = code or error.exit_code
        else:
            answers.append(answer)
            if not as_json:
                click.echo(said)
    _print_answers(answers, as_json=as_json)
    return code


def _print_answers(answers: list[Answer], *, as_json: bool) -> None:
    if as_json:
        echo_json(answers)
