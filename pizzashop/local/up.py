"""`pizzashop up` and `prepare`.

`up` checks the machine, opens the shop, watches it until a shutdown is requested, and closes it. It prints one line for
each fact, and the addresses of the open shop.
"""

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from secrets import token_urlsafe

import click
from rich.console import Console
from rich.text import Text

from pizzashop import __version__, tracing
from pizzashop.auth import accounts
from pizzashop.auth.authentication import requires_sign_in, validate_exposure
from pizzashop.auth.people import login_name
from pizzashop.console.output import ignore_output_errors, raise_output_error
from pizzashop.local import brokers, checks, postgresql, redis, repairs
from pizzashop.local.build import provide_cli, provide_dapr, provide_telemetry
from pizzashop.local.crashes import CrashRequests
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import HOST, ports_of_closing_connections, url_host
from pizzashop.local.programs import scrape_targets
from pizzashop.local.project import Project
from pizzashop.local.servers import ServerMonitor, Servers
from pizzashop.local.shop import PidFile, Shop
from pizzashop.local.shutdown import Interrupted, Shutdown
from pizzashop.local.telemetry import DASHBOARDS_PATH, RETENTION_DAYS, TELEMETRY_PORTS, Telemetry, require_usable
from pizzashop.roles import STOREFRONT, WORKFLOW
from pizzashop.settings import BROKERS, STORES, Settings, connectable_host, home_directory

SAMPLE_ORDER = (
    '{"order_id": "123", "pizza_type": "pepperoni", "size": "large",'
    ' "customer": {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}}'
)

_WATCH_SECONDS = 0.5
# The disk and the servers are checked in every sixth round of the watch, which is every 3 seconds.
_STORAGE_ROUNDS = 6


@click.command()
@click.option("--pace", type=click.FloatRange(min=0), help="Multiply the duration of every stage; 0 is at once.")
@click.option("--store", type=click.Choice(STORES), help="The state store; otherwise PIZZASHOP_STORE, or redis.")
@click.option("--broker", type=click.Choice(BROKERS), help="The broker; otherwise PIZZASHOP_BROKER, or redis.")
@click.option("--telemetry", "has_telemetry", is_flag=True, help="Keep metrics and traces too, and show them.")
@click.option("-v", "--verbose", is_flag=True, help="Show the logs of all processes too.")
def up(pace: float | None, store: str | None, broker: str | None, has_telemetry: bool, verbose: bool) -> None:
    """Open the shop on this machine, and keep it open until Ctrl-C.

    Uses an installed Dapr, or builds it once. Starts what it needs and is not running yet: Valkey or
    PostgreSQL, placement, scheduler, then the five roles with their sidecars. Restarts each process that ends.
    Ctrl-C stops all that it started; orders in flight go on when the shop opens again.
    """
    settings, console = Settings.from_env(store=store, broker=broker), Console(highlight=False)
    validate_exposure(settings)
    tracing.check_settings()
    broker_env = brokers.component_environment(settings)
    if has_telemetry:
        require_usable()
    project = Project.find().with_products(settings.products)
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
            _print_warning(console, f"The shop was not closed the last time: {effect}.")
        if held := ports_of_closing_connections(checks.required_ports(project, has_telemetry=has_telemetry)):
            numbers = ", ".join(map(str, held))
            _print_warning(console, f"Waiting up to a minute for closing connections, which still hold {numbers} ...")
        checks.require_startable(project, shutdown, has_telemetry=has_telemetry)
        checks.check_disk(state_dir).require()
        servers = Servers.find(project, state_dir, settings)
        servers.require(state_dir, shutdown)
        project = project.write_components(state_dir / "resources")
        dapr = provide_dapr(settings.cache_dir, console, shutdown)
        _print_dapr(console, dapr)
        env = {"PIZZASHOP_STATE_DIR": str(state_dir), **api_tokens(settings), **broker_env}
        if pace is not None:
            env["PIZZASHOP_PACE"] = str(pace)
        telemetry = _prepare_telemetry(settings, state_dir, project, env, console, shutdown) if has_telemetry else None
        shop = Shop(
            state_dir,
            project,
            dapr,
            shutdown=shutdown,
            env=env,
            needs_valkey=any(each.is_embedded for each in servers.redis_connections),
            postgresql=postgres.embedded if (postgres := servers.postgresql_connection) else None,
            telemetry=telemetry,
            can_run_sidecars=servers.are_reachable,
        )
        try:
            with _follow([process.log for process in shop]) if verbose else nullcontext(), shop:
                _open(shop, console, settings, servers)
                monitor = ServerMonitor(servers, state_dir)
                crash_settings = settings if pace is None else settings.model_copy(update={"pace": pace})
                crashes = CrashRequests(state_dir, shop.processes, crash_settings)
                with crashes.accepted():
                    _watch(shop, console, monitor, crashes)
                console.print("\n  Closing the shop ...")
        finally:
            accounts.revoke_sign_in_link(state_dir)
        console.print("  Closed. Orders in flight go on when the shop opens again.")


@click.command()
@click.option("--cli", is_flag=True, help="Find or build the `dapr` CLI too, for `dapr run`.")
@click.option("--telemetry", is_flag=True, help="Build the servers of `up --telemetry` too.")
def prepare(cli: bool, telemetry: bool) -> None:
    """See to Dapr without opening the shop: find an installed one, or build it once.

    `pizzashop up` does this by itself. After `prepare`, a machine or an image opens the shop in seconds.
    """
    console, cache_dir = Console(highlight=False), Settings.from_env().cache_dir
    with Shutdown().handle_signals() as shutdown, ignore_output_errors():
        _print_dapr(console, provide_dapr(cache_dir, console, shutdown))
        if cli:
            _print_line(console, "Dapr CLI", _shorten_path(provide_cli(cache_dir, console, shutdown)))
        if telemetry:
            for name, binary in provide_telemetry(cache_dir, console, shutdown).items():
                _print_line(console, name, _shorten_path(binary))
    raise_output_error()


def _prepare_telemetry(
    settings: Settings, state_dir: Path, project: Project, env: dict[str, str], console: Console, shutdown: Shutdown
) -> Telemetry:
    """Return the servers of telemetry, ready to start; add the token for the metrics to `env`, if one is needed."""
    telemetry = Telemetry(state_dir / "telemetry", provide_telemetry(settings.cache_dir, console, shutdown))
    token = settings.metrics_token
    if requires_sign_in(settings) and not token:
        env["PIZZASHOP_METRICS_TOKEN"] = token = token_urlsafe(32)
    telemetry.write_configuration(scrape_targets(project, connectable_host(settings.host)), token)
    return telemetry


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


def _print_line(console: Console, subject: str, text: str) -> None:
    # Without wrapping, the user can copy an address or a command as a whole.
    console.print(Text.assemble("  ", (f"{subject:<23}", "bold"), text), soft_wrap=True)


def _print_warning(console: Console, text: str) -> None:
    console.print(Text(f"  {text}", "yellow"), soft_wrap=True)


def _print_dapr(console: Console, dapr: Dapr) -> None:
    _print_line(console, f"Dapr {dapr.version}", f"{dapr.origin}, {_shorten_path(dapr.daprd.parent)}")


def _shorten_path(path: Path) -> str:
    home = home_directory()
    return f"~/{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)


def _open(shop: Shop, console: Console, settings: Settings, servers: Servers) -> None:
    """Print the state of the services, open the shop, and print how to use it."""
    started = time.monotonic()
    for text in (*shop.repairs, *servers.delete_half_written_workflows()):
        _print_warning(console, f"{text}.")
    for connection in servers.redis_connections:
        _print_redis(console, shop, connection)
    if (postgres := servers.postgresql_connection) and not postgres.has_secret:
        _print_postgresql(console, postgres)
    if servers.broker:
        _print_line(console, servers.broker.name, f"already running, {servers.broker.address}")
    for process in (shop.services["placement"], shop.services["scheduler"]):
        state = "ready" if process.was_started else "already running"
        _print_line(console, process.name, f"{state}, port {process.ports[0]}")
    for name in TELEMETRY_PORTS:
        if name in shop.services:
            directory = _shorten_path(shop.state_dir / "telemetry")
            _print_line(
                console, name, f"ready, port {shop.services[name].ports[0]}, {RETENTION_DAYS} days in {directory}"
            )
    if repairs.write_opening_id(shop.state_dir, settings.store):
        _print_warning(console, f"Note: {repairs.LOST_TIMERS}. {repairs.LOST_TIMERS_RECOVERY}")
    shop.open()
    _print_open_shop(shop, console, settings, time.monotonic() - started)


def _watch(shop: Shop, console: Console, monitor: ServerMonitor, crashes: CrashRequests) -> None:
    """Restart ended processes and print changes of the storage until a shutdown is requested."""
    with suppress(Interrupted):
        for round_number in itertools.count(1):
            shop.shutdown.sleep(_WATCH_SECONDS)
            if round_number % _STORAGE_ROUNDS == 0:
                for change in monitor.changes():
                    _print_warning(console, change)
            if killed := crashes.kill_requested():
                _print_warning(
                    console, f"{datetime.now():%H:%M:%S} {killed.name} was killed on request, to try a crash"
                )
            for process in shop.restart_ended():
                crashes.note_progress(process)
                text = f"{process.name} had ended: started again, its log is {_shorten_path(process.log)}"
                _print_warning(console, f"{datetime.now():%H:%M:%S} {text}")
            crashes.note_progress()


def _print_redis(console: Console, shop: Shop, connection: redis.Connection) -> None:
    if (server := redis.inspect_server(connection)) is None:
        return
    if connection.is_embedded and shop.services["valkey"].was_started:
        directory = _shorten_path(shop.state_dir / "valkey")
        text = f"embedded, {connection.address}, every write appended to {directory}"
    else:
        text = ", ".join(filter(None, [f"already running, {connection.address}", server.persistence]))
    _print_line(console, server.title, text)
    for warning in server.warnings:
        _print_warning(console, f"Redis: {warning.text}. What to do: {warning.remedy}.")


def _print_postgresql(console: Console, connection: postgresql.Connection) -> None:
    server = postgresql.inspect_server(connection)
    embedded = connection.embedded
    place = _shorten_path(embedded.directory) if embedded else connection.address
    state = "embedded" if embedded else "already running"
    _print_line(console, server.title, ", ".join(filter(None, [state, place, server.persistence])))
    for warning in server.warnings:
        _print_warning(console, f"PostgreSQL: {warning.text}. What to do: {warning.remedy}.")


def _print_open_shop(shop: Shop, console: Console, settings: Settings, seconds: float) -> None:
    """Print that the shop opened in so many `seconds`, its addresses, and what the user can do next."""
    host, needs_sign_in = url_host(settings.host), requires_sign_in(settings)
    manager_page, hint = "manager", ""
    if needs_sign_in:
        manager_page = f"sign-in?once={accounts.create_sign_in_link(shop.state_dir, login_name())}"
        hint = "   (signs you in, once)"
    roles = " · ".join(" ".join(map(str, (app.app_id, *app.app_ports))) for app in shop.project.apps)
    _print_line(console, roles, f"  open after {seconds:.1f} s")
    console.print()
    _print_line(console, "Order a pizza", f"http://{host}:{STOREFRONT.port}")
    _print_line(console, "Run the shop", f"http://{host}:{STOREFRONT.port}/{manager_page}{hint}")
    _print_line(console, "In a terminal", f"{_pizzashop_command()} order pepperoni --watch")
    url = f"http://{host}:{WORKFLOW.port}/start-order"
    _print_line(console, "With curl", f"curl {url} -H 'Content-Type: application/json' -d '{SAMPLE_ORDER}'")
    _print_line(console, "Logs", _shorten_path(shop.state_dir / "logs"))
    if metrics := shop.services.get("victoriametrics"):
        _print_line(console, "Metrics", f"http://{url_host(HOST)}:{metrics.ports[0]}{DASHBOARDS_PATH}")
        _print_line(console, "Traces", "on the manager's page of each order, under What happened")
    if not needs_sign_in:
        console.print()
        text = "Open to this machine only, without a sign-in. To change that: docs/how-to/let-the-staff-sign-in.md"
        _print_warning(console, text)
    console.print("\n  Ctrl-C closes the shop; orders in flight go on when it opens again.")


def _pizzashop_command() -> str:
    # `make up` installs the shop into a virtual environment that need not be active, so the path may be needed.
    own = Path(sys.executable).with_name("pizzashop")
    found = shutil.which("pizzashop")
    return "pizzashop" if (found and Path(found) == own) or not own.exists() else os.path.relpath(own)


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
