"""`pizzashop staff`: manage the accounts with which the staff signs in."""

import sys

import click

from pizzashop.auth.accounts import Accounts, create_sign_in_link
from pizzashop.auth.authentication import open_accounts, requires_sign_in
from pizzashop.auth.people import MAX_NAME_LENGTH, STAFF_ROLES, login_name
from pizzashop.console.command import echo_json, json_option
from pizzashop.console.render import table
from pizzashop.domain.text import is_readable, remove_invisible
from pizzashop.errors import InvalidSettings
from pizzashop.local.ports import url_host
from pizzashop.roles import STOREFRONT
from pizzashop.settings import Settings

MIN_PASSWORD_LENGTH = 8


@click.group(invoke_without_command=True)
@json_option
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
    roles_of = {name: list(account.roles) for name, account in sorted(_accounts().all().items())}
    if as_json:
        echo_json(roles_of)
    elif roles_of:
        click.echo(table([(name, ", ".join(roles)) for name, roles in roles_of.items()]))
    else:
        click.echo("There are no accounts.")


def _parse_name(text: str) -> str:
    name = " ".join(remove_invisible(text).split())
    if not 0 < len(name) <= MAX_NAME_LENGTH or not is_readable(name):
        raise click.BadParameter(f"a name has 1 to {MAX_NAME_LENGTH} printable characters")
    return name


def _read_password(_context: click.Context, _option: click.Parameter, value: str | None) -> str:
    """Return the password from the option, the terminal or standard input."""
    if value is None:
        value = _prompt_password() if sys.stdin.isatty() else _piped_password()
    if len(value) < MIN_PASSWORD_LENGTH:
        raise click.BadParameter(f"a password has at least {MIN_PASSWORD_LENGTH} characters")
    return value


def _prompt_password() -> str:
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def _piped_password() -> str:
    # A prompt of click reads from the terminal even if standard input is a pipe.
    try:
        line = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError:
        raise click.BadParameter("these bytes are not UTF-8") from None
    if not line:
        raise click.UsageError("There is no terminal to type the password: pipe it in, or use --password.")
    return line.rstrip("\r\n")


@staff.command()
@click.argument("name", type=_parse_name)
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(STAFF_ROLES), help="Repeatable.")
@click.option("--password", callback=_read_password, help="Without it the terminal asks; a script pipes it in.")
def add(name: str, roles: tuple[str, ...], password: str) -> None:
    """Add an account, or change the roles and password of one: its user then has to sign in again."""
    accounts = _accounts()
    is_first = not accounts.all()
    accounts.add(name, tuple(dict.fromkeys(roles)), password)
    click.echo(f"{name} can sign in as {', '.join(roles)}.")
    if is_first:
        click.echo("This is the first account: a shop that is open uses it when it is opened again.")


@staff.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove an account: its user is signed out."""
    _accounts().remove(name)
    click.echo(f"{name} can no longer sign in.")


@staff.command()
@click.argument("name")
def token(name: str) -> None:
    """Print a new token for an account's programs; the token before is no longer valid."""
    click.echo(_accounts().issue_token(name))


@staff.command()
def link() -> None:
    """Print a link that signs you in as manager, once."""
    settings = Settings.from_env()
    if not requires_sign_in(settings):
        raise InvalidSettings("Nobody has to sign in: there are no accounts, and PIZZASHOP_STAFF_TOKEN is not set.")
    secret = create_sign_in_link(settings.state_dir.expanduser(), login_name())
    click.echo(f"http://{url_host(settings.host)}:{STOREFRONT.port}/sign-in?once={secret}")


def _accounts() -> Accounts:
    return open_accounts(Settings.from_env())
