"""What the commands share: their context, their options, and running one action for several orders."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pizzashop.auth.people import login_name
from pizzashop.console.output import ignore_output_errors, json_text, raise_output_error
from pizzashop.console.shop import ShopApi
from pizzashop.domain.ids import parse_generated_id
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.errors import NotFound, ShopError, Unavailable
from pizzashop.settings import Settings

if TYPE_CHECKING:
    from rich.console import Console


def _local_shop() -> ShopApi:
    """Return the shop on this machine; click closes it at the end of the command."""
    settings = Settings.from_env()
    shop = ShopApi.on_host(settings.host, token=settings.staff_token)
    return click.get_current_context().with_resource(shop)


@dataclass
class CommandContext:
    """What each command works with: the shop, the terminal, and how it follows an order."""

    shop: ShopApi = field(default_factory=_local_shop)
    # A person at a terminal can answer questions.
    is_interactive: bool = field(default_factory=lambda: sys.stdin.isatty())
    poll_seconds: float = 0.25
    # A watch ends after this time without an answer from the shop.
    max_outage_seconds: float = 120.0

    @cached_property
    def console(self) -> "Console":
        """The terminal, or the file or pipe in its place."""
        from rich.console import Console

        # A file or pipe has no width: without this one, rich would wrap its lines at 80.
        return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


# This decorator passes the context to a command: the one that click has, or else a new one.
pass_command_context = click.make_pass_decorator(CommandContext, ensure=True)


def parse_new_id(text: str) -> str:
    """Return the id of a new order; raise BadParameter if its form is not valid."""
    if not ORDER_ID_PATTERN.fullmatch(text):
        raise click.BadParameter("an id is 1 to 64 letters, digits, _ or -; the first a letter or digit")
    return text


def parse_id(text: str) -> str:
    """Return the id of an existing order. An id that the shop made may be spelled in any way (`7q4k m2xd 9zrt`)."""
    stripped = text.strip()
    return stripped if ORDER_ID_PATTERN.fullmatch(stripped) else parse_generated_id(stripped) or parse_new_id(text)


order_id_argument = click.argument("order_id", metavar="ID", type=parse_id)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask for confirmation.")


@dataclass(frozen=True)
class OrdersRequest:
    """The arguments of a command that does the same to several orders."""

    context: CommandContext
    order_ids: tuple[str, ...]
    note: str | None
    by: str
    as_json: bool

    def body(self, order_id: str, **fields: object) -> dict[str, Any]:
        """Return the JSON of a request about one order, with the operator's name and note."""
        note = {} if self.note is None else {"note": self.note}
        return {"order_id": order_id, "by": self.by, **fields, **note}

    def run_for_each(self, action: Callable[[str], tuple[str, dict[str, Any]]]) -> NoReturn:
        """Run `action` for the full id of each order; see `run_for_each`."""
        run_for_each(self.order_ids, lambda text: action(self.context.shop.resolve_id(text)), as_json=self.as_json)


def orders_command(command: Callable[..., None]) -> click.Command:
    """Make a click command that takes several order ids, a note, a name and `--json`."""

    @click.command()
    @click.argument("order_ids", metavar="ID...", type=parse_id, nargs=-1, required=True)
    @click.option("--note", help="The reason; it is kept with the order.")
    @click.option("--by", default=login_name, show_default="your login name", help="Your name, kept with the order.")
    @json_option
    @pass_command_context
    @wraps(command)
    def with_request(
        context: CommandContext,
        /,
        order_ids: tuple[str, ...],
        note: str | None,
        by: str,
        as_json: bool,
        **options: Any,
    ) -> None:
        command(OrdersRequest(context, order_ids, note, by, as_json), **options)

    return with_request


def run_for_each(
    ids: Iterable[str],
    action: Callable[[str], tuple[str, dict[str, Any]]],
    *,
    as_json: bool,
    id_field: str = "order_id",
) -> NoReturn:
    """Run `action` once for each id, print the sentence or JSON that it returns, and end the command.

    An error of one id does not stop the others; neither does output that cannot be written. Only Unavailable stops
    them, because the others would fail too. The exit code is that of the first error.
    """
    answers: list[dict[str, Any]] = []
    exit_code = 0
    outage: Unavailable | None = None
    with ignore_output_errors():
        for identifier in dict.fromkeys(ids):
            try:
                sentence, answer = action(identifier)
            except Unavailable as error:
                outage = error
                break
            except ShopError as error:
                prefix = "" if isinstance(error, NotFound) else f"{identifier}: "
                click.echo(f"pizzashop: {prefix}{error}", err=True)
                answers.append({id_field: identifier, "error": str(error)})
                exit_code = exit_code or error.exit_code
            else:
                answers.append(answer)
                if not as_json:
                    click.echo(sentence)
        if as_json:
            echo_json(answers)
    if outage:
        raise outage
    raise_output_error()
    click.get_current_context().exit(exit_code)


def confirm(question: str, refusal: str) -> None:
    """Ask a question on the terminal; raise ShopError with the text `refusal` unless the answer is yes."""
    if not click.confirm(question, err=True):
        raise ShopError(refusal)


def require_confirmation(context: CommandContext, *, yes: bool) -> None:
    """Raise UsageError if a command was neither confirmed with `--yes` nor can ask for a confirmation."""
    if not yes and not context.is_interactive:
        raise click.UsageError("There is no terminal to ask for confirmation: use --yes.")


def echo_json(document: Any) -> None:
    """Print one JSON document."""
    click.echo(json_text(document))
