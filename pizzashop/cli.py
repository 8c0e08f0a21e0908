"""The `pizzashop` command: thin, it hands over to the package that does the work."""

import os
import sys
from collections.abc import Sequence
from pkgutil import resolve_name
from typing import Any

import click

from pizzashop import __version__, roles
from pizzashop.console import output
from pizzashop.errors import INTERRUPTED, ShopError

LOCAL = {
    "up": "pizzashop.local.commands:up",
    "prepare": "pizzashop.local.commands:prepare",
    "doctor": "pizzashop.local.commands:doctor",
}
"""The commands that run the shop on this machine, and where they are."""
CONSOLE = {
    "order": "pizzashop.console.orders:order",
    "watch": "pizzashop.console.orders:watch",
    "status": "pizzashop.console.orders:status",
    "list": "pizzashop.console.orders:list_orders",
    "approve": "pizzashop.console.decisions:approve",
    "reject": "pizzashop.console.decisions:reject",
    "remake": "pizzashop.console.decisions:remake",
    "pause": "pizzashop.console.decisions:pause",
    "resume": "pizzashop.console.decisions:resume",
    "cancel": "pizzashop.console.decisions:cancel",
    "events": "pizzashop.console.events:events",
    "demo": "pizzashop.console.demo:demo",
    "staff": "pizzashop.console.staff:staff",
}
"""Those that talk to a running shop."""
_PLACES = {**LOCAL, **CONSOLE}


class _Group(click.Group):
    """Loads a command when it is asked for: a process that serves a role is the smaller for it.

    Shows an error of the shop as one sentence, and ends with the exit code that the error carries.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_PLACES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _PLACES:
            return super().get_command(ctx, cmd_name)
        command: click.Command = resolve_name(_PLACES[cmd_name])
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        output.install()
        try:
            return super().main(*args, **kwargs)
        except output.ReaderGone as error:
            sys.exit(error.exit_code)
        except ShopError as error:
            click.echo(f"pizzashop: {error}", err=True)
            sys.exit(error.exit_code)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _decoded(ctx, args))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo(err=True)  # the next prompt does not stand behind `^C`
            ctx.exit(INTERRUPTED)


EPILOG = """
\b
Exit codes: 0 done; 1 another error; 2 bad usage or input; 3 no such order or event;
4 refused, as it contradicts what is already so; 5 the shop cannot be reached;
6 a watched order failed or was cancelled; 130 left with Ctrl-C; 141 nobody reads the output any more.
"""


def _decoded(ctx: click.Context, args: Sequence[str]) -> list[str]:
    """The arguments as text, also where the locale is not UTF-8; raises UsageError where one is none."""
    found: list[str] = []
    for arg in args:
        try:
            arg.encode()
            found.append(arg)
        except UnicodeEncodeError:  # Python keeps bytes that it cannot decode as surrogates
            typed = os.fsencode(arg)
            try:
                found.append(typed.decode())
            except UnicodeDecodeError:
                shown = [each for each in found[-1:] if each.startswith("-")]
                shown.append(typed.decode(errors="backslashreplace"))
                raise click.UsageError(f"{' '.join(shown)}: these bytes are not UTF-8.", ctx) from None
    return found


@click.group(cls=_Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "--version", prog_name="pizzashop")
def main() -> None:
    """Durable pizza ordering on Dapr.

    Open the shop with `pizzashop up`, place an order with `pizzashop order pepperoni --watch`.
    """


@main.command()
@click.option(
    "--role",
    "names",
    multiple=True,
    required=True,
    type=click.Choice([*roles.ROLE_BY_NAME, "all"]),
    help="The role to serve; may be given several times.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Listen here: for a second process of one role.")
def serve(names: tuple[str, ...], port: int | None) -> None:
    """Serve one role, several, or all of them, each on its own port, until told to stop.

    Each role needs its Dapr sidecar beside it; `dapr run -f .` and `pizzashop up` see to that.
    """
    from pizzashop.server.server import serve as run
    from pizzashop.settings import Settings

    chosen = roles.ROLES if "all" in names else tuple(roles.ROLE_BY_NAME[name] for name in dict.fromkeys(names))
    if port is not None and len(chosen) > 1:
        raise click.UsageError("--port is for one role: several have a port each.")
    run({port or role.port: role for role in chosen}, Settings.from_env())
