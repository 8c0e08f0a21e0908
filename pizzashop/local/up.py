"""`pizzashop up`: check the machine, open the shop, watch it until a shutdown is requested, and close it."""

import itertools
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from secrets import token_urlsafe

from rich.console import Console
from rich.text import Text

from pizzashop import __version__
from pizzashop.auth import accounts
from pizzashop.auth.authentication import requires_sign_in, validate_exposure
from pizzashop.auth.people import login_name
from pizzashop.console.output import ignore_output_errors, raise_output_error
from pizzashop.local import checks, redis, stuck_orders
from pizzashop.local.build import provide_dapr
from pizzashop.local.messages import print_dapr, print_line, print_open_shop, print_warning, shorten_path
from pizzashop.local.ports import url_host
from pizzashop.local.project import Project
from pizzashop.local.redis import Connection
from pizzashop.local.shop import PidFile, Shop
from pizzashop.local.shutdown import Interrupted, Shutdown
from pizzashop.roles import STOREFRONT
from pizzashop.settings import Settings

_WATCH_SECONDS = 0.5
# Disk and Redis are checked in every sixth round of the watch, which is every 3 seconds.
_STORAGE_ROUNDS = 6


def up(settings: Settings, console: Console, env: Mapping[str, str], *, verbose: bool = False) -> None:
    """Open the shop and keep it open until a shutdown is requested; `env` is added to the roles' environment.

    Raise LocalError if the shop cannot open on this machine, InvalidSettings if the settings are not safe.
    """
    validate_exposure(settings)
    project = Project.find()
    state_dir = settings.state_dir.expanduser().absolute()
    pid_file = PidFile(state_dir)
    with (
        checks.report_full_disk(state_dir),
        Shutdown().handle_signals() as shutdown,
        pid_file.locked(),
        ignore_output_errors(),
    ):
        console.print(Text(f"Pizzashop {__version__}\n", "bold"))
        # An open shop goes on when its output cannot be written any more, so only the first line may raise an error.
        raise_output_error()
        if (count := pid_file.end_leftovers(shutdown)) is not None:
            # A killed scheduler holds its leadership for up to 20 s, and the new one waits for that.
            effect = f"{count} processes that it left were ended" if count else "opening may take 20 s longer"
            print_warning(console, f"The shop was not closed the last time: {effect}.")
        checks.require_startable(project, shutdown, lambda held: _report_wait_for_ports(console, held))
        connections = checks.require_storage(project, state_dir, shutdown)
        dapr = provide_dapr(settings.cache_dir, console, shutdown)
        print_dapr(console, dapr)
        shop = Shop(
            state_dir,
            project,
            dapr,
            shutdown=shutdown,
            env={"PIZZASHOP_STATE_DIR": str(state_dir), **api_tokens(settings), **env},
            needs_valkey=any(connection.is_embedded for connection in connections),
        )
        try:
            with _follow([process.log for process in shop]) if verbose else nullcontext(), shop:
                _open(shop, console, settings, connections)
                _watch(shop, console, checks.StorageMonitor(connections, state_dir))
                console.print("\n  Closing the shop ...")
        finally:
            accounts.revoke_sign_in_link(state_dir)
        console.print("  Closed. Orders in flight go on when the shop opens again.")


def api_tokens(settings: Settings) -> dict[str, str]:
    """Return the tokens with which roles and sidecars prove who they are; new ones where the settings have none.

    Empty if the staff does not have to sign in.
    """
    if not requires_sign_in(settings):
        return {}
    return {
        "APP_API_TOKEN": settings.app_api_token or token_urlsafe(32),
        "DAPR_API_TOKEN": settings.dapr_api_token or token_urlsafe(32),
    }


def _open(shop: Shop, console: Console, settings: Settings, connections: list[Connection]) -> None:
    """Print the state of the services, open the shop, and print how to use it."""
    started = time.monotonic()
    for text in (*shop.repairs, *checks.delete_half_written_workflows(connections)):
        print_warning(console, f"{text}.")
    for connection in connections:
        _print_redis(console, shop, connection)
    for process in (shop.services["placement"], shop.services["scheduler"]):
        state = "ready" if process.was_started else "already running"
        print_line(console, process.name, f"{state}, port {process.ports[0]}")
    if stuck_orders.write_marks(shop.state_dir):
        print_warning(console, f"Note: {stuck_orders.LOST_TIMERS}. {stuck_orders.LOST_TIMERS_RECOVERY}")
    shop.open()
    host, needs_sign_in = url_host(settings.host), requires_sign_in(settings)
    page = "manager"
    if needs_sign_in:
        page = f"sign-in?once={accounts.create_sign_in_link(shop.state_dir, login_name())}"
    print_open_shop(
        console,
        shop.project,
        host=host,
        manager_url=f"http://{host}:{STOREFRONT.port}/{page}",
        needs_sign_in=needs_sign_in,
        logs=shop.state_dir / "logs",
        seconds=time.monotonic() - started,
    )


def _watch(shop: Shop, console: Console, monitor: checks.StorageMonitor) -> None:
    """Restart ended processes and print changes of the storage until a shutdown is requested."""
    with suppress(Interrupted):
        for round_number in itertools.count(1):
            shop.shutdown.sleep(_WATCH_SECONDS)
            if round_number % _STORAGE_ROUNDS == 0:
                for change in monitor.changes():
                    print_warning(console, change)
            for process in shop.restart_ended():
                text = f"{process.name} had ended: started again, its log is {shorten_path(process.log)}"
                print_warning(console, f"{datetime.now():%H:%M:%S} {text}")


def _report_wait_for_ports(console: Console, held: Sequence[int]) -> None:
    numbers = ", ".join(map(str, held))
    print_warning(console, f"Waiting up to a minute for closing connections, which still hold {numbers} ...")


def _print_redis(console: Console, shop: Shop, connection: Connection) -> None:
    if (server := redis.inspect_server(connection)) is None:
        return
    if connection.is_embedded and shop.services["valkey"].was_started:
        directory = shorten_path(shop.state_dir / "valkey")
        text = f"embedded, {connection.address}, every write appended to {directory}"
    else:
        text = ", ".join(filter(None, [f"already running, {connection.address}", server.persistence]))
    print_line(console, server.title, text)
    for warning in server.warnings:
        print_warning(console, f"Redis: {warning.text}. What to do: {warning.remedy}.")


@contextmanager
def _follow(logs: Sequence[Path]) -> Iterator[None]:
    """Print all new log lines within the block."""
    # `tail -F` waits for a file that does not exist yet, and follows one that a restart replaces.
    command = ["tail", "-q", "-n", "+1", "-F", *map(str, logs)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as tail:
        try:
            yield
        finally:
            tail.terminate()
