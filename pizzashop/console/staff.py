"""`pizzashop staff`: the accounts with which the staff signs in."""

import sys
from typing import TYPE_CHECKING

import click

from pizzashop.auth.people import STAFF_ROLES, login_name
from pizzashop.console.session import as_json, echo_json
from pizzashop.console.tables import table
from pizzashop.domain.text import is_readable, remove_invisible
from pizzashop.errors import InvalidSettings
from pizzashop.settings import Settings

if TYPE_CHECKING:
    from pizzashop.auth.accounts import Accounts

LEAST_PASSWORD = 8
MAX_NAME = 60
RESTART = "Shops that are open learn of a first account when they are opened again."

known = click.argument("name")


@click.group(invoke_without_command=True)
@as_json
@click.pass_context
def staff(ctx: click.Context, as_json: bool) -> None:
    """List the accounts with which the staff signs in, and their roles.

    \b
    pizzashop staff
    pizzashop staff add ana --role manager
    export PIZZASHOP_STAFF_TOKEN=$(pizzashop staff token ana)
    pizzashop staff link
    """
    if ctx.invoked_subcommand is not None:
        return
    found = {name: list(account.roles) for name, account in sorted(_accounts().all().items())}
    if as_json:
        echo_json(found)
        return
    click.echo(
        table([(name, ", ".join(roles)) for name, roles in found.items()]) if found else "There are no accounts."
    )


def _name(_context: click.Context, _argument: click.Parameter, said: str) -> str:
    name = " ".join(remove_invisible(said).split())
    if not 0 < len(name) <= MAX_NAME or not is_readable(name):
        raise click.BadParameter(f"a name has 1 to {MAX_NAME} printable characters")
    return name


def _password(_context: click.Context, _option: click.Parameter, said: str | None) -> str:
    password = _typed_or_piped() if said is None else said
    if len(password) < LEAST_PASSWORD:
        raise click.BadParameter(f"a password has at least {LEAST_PASSWORD} characters")
    return password


def _typed_or_piped() -> str:
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return typed
    # Not with click: it asks the terminal, also where the password is piped in.
    try:
        line = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError:
        raise click.BadParameter("these bytes are not UTF-8") from None
    if not line:
        raise click.UsageError("Nobody is here to be asked for the password: pipe it in, or say --password.")
    return line.rstrip("\r\n")


@staff.command()
@click.argument("name", callback=_name)
@click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(STAFF_ROLES), help="May be given twice."
)
@click.option("--password", callback=_password, help="Asked for where it is not given; a script pipes it in.")
def add(name: str, roles: tuple[str, ...], password: str) -> None:
    """Add an account, or give one other roles and another password: whoever used it signs in anew."""
    accounts = _accounts()
    first = not accounts.all()
    accounts.add(name, tuple(dict.fromkeys(roles)), password)
    click.echo(f"{name} signs in as {', '.join(roles)}. {RESTART if first else ''}".strip())


@staff.command()
@known
def remove(name: str) -> None:
    """Remove an account: whoever used it is out."""
    _accounts().remove(name)
    click.echo(f"{name} signs in no more.")


@staff.command()
@known
def token(name: str) -> None:
    """Print a new token for an account's programs; the one before is worth nothing any more."""
    click.echo(_accounts().issue_token(name))


@staff.command()
def link() -> None:
    """Print a link that signs you in as manager, once."""
    from pizzashop.auth.accounts import create_sign_in_link
    from pizzashop.auth.authentication import requires_sign_in
    from pizzashop.local.ports import name_of
    from pizzashop.roles import STOREFRONT

    settings = Settings.from_env()
    if not requires_sign_in(settings):
        raise InvalidSettings("Nobody has to sign in: there are no accounts, and PIZZASHOP_STAFF_TOKEN is not set.")
    token = create_sign_in_link(settings.state_dir.expanduser(), login_name())
    click.echo(f"http://{name_of(settings.host)}:{STOREFRONT.port}/sign-in?once={token}")


def _accounts() -> "Accounts":
    from pizzashop.auth.authentication import open_accounts

    return open_accounts(Settings.from_env())
