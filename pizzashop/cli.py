"""The `pizzashop` command: thin, it hands over to the package that does the work."""

from collections.abc import Callable
from typing import Any

import click

from pizzashop import __version__, roles
from pizzashop.console.commands import COMMANDS as CONSOLE_COMMANDS
from pizzashop.domain.errors import ShopError
from pizzashop.local.commands import COMMANDS as LOCAL_COMMANDS
from pizzashop.settings import Settings


class _Group(click.Group):
    """Shows an error of the shop as one sentence, and ends with the exit code that the error carries."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ShopError as error:
            click.echo(f"pizzashop: {error}", err=True)
            ctx.exit(error.exit_code)


EPILOG = """
\b
Exit codes: 0 done; 1 another error; 2 bad usage or input; 3 no such order or event;
4 refused, as it contradicts what is already so; 5 the shop cannot be reached;
6 a watched order failed or was cancelled; 130 left with Ctrl-C.
"""


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
    type=click.Choice([*roles.BY_NAME, "all"]),
    help="The role to serve; may be given several times.",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Listen here: for a second process of one role.")
def serve(names: tuple[str, ...], port: int | None) -> None:
    """Serve one role, several, or all of them, each on its own port, until told to stop.

    Each role needs its Dapr sidecar beside it; `dapr run -f .` and `pizzashop up` see to that.
    """
    from pizzashop.server import serve as run

    chosen = roles.ROLES if "all" in names else tuple(roles.BY_NAME[name] for name in dict.fromkeys(names))
    if port is not None and len(chosen) > 1:
        raise click.UsageError("--port is for one role: several have a port each.")
    run({port or role.port: role for role in chosen}, Settings.from_env())


_register: Callable[[click.Command], None] = main.add_command
for _command in (*LOCAL_COMMANDS, *CONSOLE_COMMANDS):
    _register(_command)
