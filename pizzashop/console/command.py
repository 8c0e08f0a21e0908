"""What the commands share: their context, their options, and running one action for several ids."""

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NoReturn

import click
from rich.console import Console

from pizzashop.console.output import ignore_output_errors, raise_output_error
from pizzashop.console.shop import ShopApi
from pizzashop.domain.ids import parse_generated_id
from pizzashop.domain.requests import ORDER_ID_PATTERN
from pizzashop.errors import NotFound, ShopError, Unavailable
from pizzashop.settings import Settings

# What a command has done for one id: a sentence for the user, and a JSON object for programs.
Outcome = tuple[str, dict[str, Any]]


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
    # While the shop is too busy for a new order, the order is sent again for this long.
    max_place_seconds: float = 30.0
    # A watch ends after this time without an answer from the shop.
    max_outage_seconds: float = 120.0

    @cached_property
    def console(self) -> Console:
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


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def _check_confirmable(ctx: click.Context, _option: click.Parameter, value: bool) -> bool:
    if not value and not ctx.ensure_object(CommandContext).is_interactive:
        raise click.UsageError("There is no terminal to ask for confirmation: use --yes.")
    return value


yes_option = click.option("--yes", is_flag=True, callback=_check_confirmable, help="Do not ask for confirmation.")


def run_for_each(
    ids: Iterable[str],
    action: Callable[[str], Outcome],
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
    with ignore_output_errors():
        try:
            for identifier in dict.fromkeys(ids):
                try:
                    sentence, answer = action(identifier)
                except Unavailable:
                    raise
                except ShopError as error:
                    prefix = "" if isinstance(error, NotFound) else f"{identifier}: "
                    click.echo(f"pizzashop: {prefix}{error}", err=True)
                    answers.append({id_field: identifier, "error": str(error)})
                    exit_code = exit_code or error.exit_code
                else:
                    answers.append(answer)
                    if not as_json:
                        click.echo(sentence)
        finally:
            if as_json:
                echo_json(answers)
    raise_output_error()
    click.get_current_context().exit(exit_code)


def confirm(question: str, refusal: str) -> None:
    """Ask a question on the terminal; raise ShopError with the text `refusal` unless the answer is yes."""
    if not click.confirm(question, err=True):
        raise ShopError(refusal)


def echo_json(document: Any) -> None:
    """Print a document as JSON on one line, in characters that the output's encoding has."""
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    click.echo(json.dumps(document, ensure_ascii=not is_unicode))
