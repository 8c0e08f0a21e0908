"""The `pizzashop` command: it finds each subcommand, reads its arguments, and turns errors into exit codes."""

import os
import sys
from collections.abc import Sequence
from pkgutil import resolve_name
from typing import Any

import click

from pizzashop import __version__, roles
from pizzashop.console import output
from pizzashop.errors import INTERRUPTED, ShopError

# These commands run the shop on this machine.
LOCAL_COMMANDS = {
    "up": "pizzashop.local.up:up",
    "prepare": "pizzashop.local.up:prepare",
    "doctor": "pizzashop.local.doctor:doctor",
    "units": "pizzashop.local.units:units",
}
# These commands are for the operators of a running shop.
CONSOLE_COMMANDS = {
    "order": "pizzashop.console.orders:order",
    "status": "pizzashop.console.orders:status",
    "list": "pizzashop.console.orders:list_orders",
    "watch": "pizzashop.console.orders:watch",
    "approve": "pizzashop.console.decisions:approve",
    "reject": "pizzashop.console.decisions:reject",
    "remake": "pizzashop.console.decisions:remake",
    "pause": "pizzashop.console.decisions:pause",
    "resume": "pizzashop.console.decisions:resume",
    "cancel": "pizzashop.console.decisions:cancel",
    "events": "pizzashop.console.events:events",
    "demo": "pizzashop.console.demo:demo",
    "staff": "pizzashop.console.staff:staff",
    "logs": "pizzashop.console.logs:logs",
    "crash": "pizzashop.console.crash:crash",
}
_LAZY_COMMANDS = {**LOCAL_COMMANDS, **CONSOLE_COMMANDS}

EPILOG = """
\b
Exit codes: 0 done; 1 other error; 2 invalid usage or input; 3 no such order or event;
4 refused: not allowed, or not possible in the present state; 5 the shop cannot be reached;
6 a watched order failed or was cancelled; 130 ended by Ctrl-C; 141 the reader of the output has gone.
"""


class _LazyGroup(click.Group):
    """Import the module of a command only when it is needed, so that the process of a role stays small."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LAZY_COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LAZY_COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = resolve_name(_LAZY_COMMANDS[cmd_name])
        return command

    def main(self, *args: Any, **kwargs: Any) -> Any:
        output.protect_standard_streams()
        try:
            return super().main(*args, **kwargs)
        except output.OutputClosed as error:
            sys.exit(error.exit_code)
        except ShopError as error:
            click.echo(f"pizzashop: {error}", err=True)
            sys.exit(error.exit_code)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _decode_arguments(ctx, args))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # The terminal shows `^C`: begin a new line for the next prompt.
            click.echo(err=True)
            ctx.exit(INTERRUPTED)


def _decode_arguments(ctx: click.Context, args: Sequence[str]) -> list[str]:
    """Return the arguments decoded as UTF-8, whatever the locale; raise UsageError if one is not UTF-8."""
    decoded: list[str] = []
    for arg in args:
        try:
            arg.encode()
            decoded.append(arg)
        except UnicodeEncodeError:
            # Python represents bytes that the locale cannot decode as surrogates.
            original = os.fsencode(arg)
            try:
                decoded.append(original.decode())
            except UnicodeDecodeError:
                option = [previous for previous in decoded[-1:] if previous.startswith("-")]
                shown = " ".join([*option, original.decode(errors="backslashreplace")])
                raise click.UsageError(f"{shown}: these bytes are not UTF-8.", ctx) from None
    return decoded


@click.group(cls=_LazyGroup, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
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
@click.option("--port", type=click.IntRange(1, 65535), help="Listen on this port; for a second process of one role.")
def serve(names: tuple[str, ...], port: int | None) -> None:
    """Serve one role, several, or all of them, each on its own port, until a signal ends the process.

    Each role needs its own Dapr sidecar, which `dapr run -f .` and `pizzashop up` start.
    """
    from pizzashop.server.server import serve as run
    from pizzashop.settings import Settings

    chosen = roles.ROLES if "all" in names else tuple(roles.ROLE_BY_NAME[name] for name in dict.fromkeys(names))
    if port is not None and len(chosen) > 1:
        raise click.UsageError("--port can be used with one role only.")
    run({port or role.port: role for role in chosen}, Settings.from_env())
