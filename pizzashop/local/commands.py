"""The commands that run the shop on this machine."""

import click


@click.command()
@click.option("--pace", type=click.FloatRange(min=0), help="Multiplies how long every stage lasts; 0 is at once.")
@click.option("-v", "--verbose", is_flag=True, help="Show the log of the roles and sidecars too.")
def up(pace: float | None, verbose: bool) -> None:
    """Open the shop on this machine, and keep it open until Ctrl-C.

    Uses an installed Dapr, or builds it once. Starts what is not running yet: Valkey, placement, scheduler,
    then the five roles with their sidecars; starts again what ends. Ctrl-C stops all that it started;
    orders in flight go on when the shop opens again.
    """
    from rich.console import Console

    from pizzashop.local.up import up as run
    from pizzashop.settings import Settings

    env = {} if pace is None else {"PIZZASHOP_PACE": str(pace)}
    run(Settings.from_env(), Console(highlight=False), env, verbose=verbose)


@click.command()
@click.option("--cli", is_flag=True, help="See to the `dapr` CLI too, for `dapr run`.")
def prepare(cli: bool) -> None:
    """See to Dapr without opening the shop: find an installed one, or build it once.

    `pizzashop up` does this by itself. Done before, a machine or an image opens the shop in seconds.
    """
    from rich.console import Console

    from pizzashop.console.output import ignore_output_errors, raise_output_error
    from pizzashop.local.build import provide_cli, provide_dapr
    from pizzashop.local.messages import Messages
    from pizzashop.local.processes import Shutdown
    from pizzashop.settings import Settings

    console, cache_dir = Console(highlight=False), Settings.from_env().cache_dir
    opening = Messages(console)
    with Shutdown().listening() as closing, ignore_output_errors():
        opening.dapr(provide_dapr(cache_dir, console, closing))
        if cli:
            opening.cli(provide_cli(cache_dir, console, closing))
    raise_output_error()


@click.command()
@click.option("--json", "json_wanted", is_flag=True, help="Say it for a program.")
@click.pass_context
def doctor(ctx: click.Context, json_wanted: bool) -> None:
    """Say what this machine has, what is wrong with it, and what mends it.

    Ends with exit code 1 where the shop could not open.
    """
    from rich.console import Console

    from pizzashop.local.doctor import as_json, examine, show
    from pizzashop.settings import Settings

    findings = list(examine(Settings.from_env()))
    if json_wanted:
        click.echo(as_json(findings))
    else:
        show(findings, Console(highlight=False))
    ctx.exit(any(each.state == "wrong" for each in findings))
