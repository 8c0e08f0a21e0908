"""The commands `pizzashop up`, `prepare` and `doctor`.

The imports stand inside the commands, so that `pizzashop --help` and the other commands do not load these modules.
"""

import click


@click.command()
@click.option("--pace", type=click.FloatRange(min=0), help="Multiply the duration of every stage; 0 is at once.")
@click.option("-v", "--verbose", is_flag=True, help="Show the logs of all processes too.")
def up(pace: float | None, verbose: bool) -> None:
    """Open the shop on this machine, and keep it open until Ctrl-C.

    Uses an installed Dapr, or builds it once. Starts what is not running yet: Valkey, placement, scheduler,
    then the five roles with their sidecars. Restarts each process that ends. Ctrl-C stops all that it started;
    orders in flight go on when the shop opens again.
    """
    from rich.console import Console

    from pizzashop.local.up import up as run
    from pizzashop.settings import Settings

    env = {} if pace is None else {"PIZZASHOP_PACE": str(pace)}
    run(Settings.from_env(), Console(highlight=False), env, verbose=verbose)


@click.command()
@click.option("--cli", is_flag=True, help="Find or build the `dapr` CLI too, for `dapr run`.")
def prepare(cli: bool) -> None:
    """See to Dapr without opening the shop: find an installed one, or build it once.

    `pizzashop up` does this by itself. After `prepare`, a machine or an image opens the shop in seconds.
    """
    from rich.console import Console

    from pizzashop.console.output import ignore_output_errors, raise_output_error
    from pizzashop.local.build import provide_cli, provide_dapr
    from pizzashop.local.shutdown import Shutdown
    from pizzashop.local.up import print_dapr, print_line, shorten_path
    from pizzashop.settings import Settings

    console, cache_dir = Console(highlight=False), Settings.from_env().cache_dir
    with Shutdown().handle_signals() as shutdown, ignore_output_errors():
        print_dapr(console, provide_dapr(cache_dir, console, shutdown))
        if cli:
            print_line(console, "Dapr CLI", shorten_path(provide_cli(cache_dir, console, shutdown)))
    raise_output_error()


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what this machine has, what is wrong with it, and what mends it.

    Ends with exit code 1 where the shop could not open.
    """
    from rich.console import Console

    from pizzashop.local.doctor import print_findings, run_checks, to_json
    from pizzashop.settings import Settings

    findings = list(run_checks(Settings.from_env()))
    if as_json:
        click.echo(to_json(findings))
    else:
        print_findings(findings, Console(highlight=False))
    ctx.exit(any(each.state == "wrong" for each in findings))
