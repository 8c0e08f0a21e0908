"""`pizzashop up`: from nothing to an open shop, and back."""

import itertools
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from pizzashop.auth import accounts
from pizzashop.auth.authentication import validate_exposure
from pizzashop.console.output import ignore_output_errors, raise_output_error
from pizzashop.local import disk, orders_in_flight, redis, storage
from pizzashop.local.build import provide_dapr
from pizzashop.local.messages import Entrance, Messages, api_tokens
from pizzashop.local.ports import name_of
from pizzashop.local.processes import Interrupted, Shutdown
from pizzashop.local.project import Project
from pizzashop.local.redis import Connection
from pizzashop.local.shop import Register, Shop, require_startable
from pizzashop.settings import Settings


@contextmanager
def show_logs(logs: Sequence[Path], wanted: bool) -> Iterator[None]:
    """Show what is added to these logs while this lasts, if it is wanted."""
    if not wanted:
        yield
        return
    # `tail -F` also waits for a file to appear and follows it when it is replaced; each line names its part.
    command = ["tail", "-q", "-n", "+1", "-F", *map(str, logs)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as tail:
        try:
            yield
        finally:
            tail.terminate()


STORE_TURNS = 6
"""The store is looked at in every turn of so many, which is every 3 seconds."""


def up(settings: Settings, console: Console, env: Mapping[str, str], *, verbose: bool = False) -> None:
    """Open the shop until told to close; raises LocalError where that cannot be, InvalidSettings where it may not."""
    validate_exposure(settings)
    project, opening = Project.find(), Messages(console)
    state_dir = settings.state_dir.expanduser().absolute()
    register = Register(state_dir)
    with disk.report_full(state_dir), Shutdown().listening() as closing, register.held(), ignore_output_errors():
        opening.title()
        # Later nobody is told: the shop serves on when its reader goes, or the disk of its output is full.
        raise_output_error()
        if (count := register.tidy(closing)) is not None:
            opening.unclosed(count)
        require_startable(project, closing, opening.waits_for)
        needed = storage.require_storage(project, state_dir, closing)
        dapr = provide_dapr(settings.cache_dir, console, closing)
        opening.dapr(dapr)
        shop = Shop(
            state_dir,
            project,
            dapr,
            closing=closing,
            needed=needed,
            env={"PIZZASHOP_STATE_DIR": str(state_dir), **api_tokens(settings), **env},
        )
        try:
            with show_logs(shop.logs, verbose), shop:
                _open(shop, opening, register, settings, needed)
                _keep_open(shop, opening, register, storage.Watch(needed, state_dir))
                opening.closing()
        finally:
            accounts.revoke_sign_in_link(state_dir)
            register.tidy(closing)
        opening.closed()


def _open(shop: Shop, opening: Messages, register: Register, settings: Settings, needed: list[Connection]) -> None:
    began = time.monotonic()
    register.note(shop.processes())
    opening.repairs([*shop.services.repairs, *storage.forget_torn(needed)])
    for connection in needed:
        if server := redis.inspect_server(connection):
            theirs = shop.services["valkey"].theirs or not connection.embedded
            opening.redis(connection, server, theirs, shop.state_dir / "valkey")
    opening.services(shop.services)
    if orders_in_flight.write_marks(shop.state_dir):
        opening.warn(f"Note: {orders_in_flight.DIFFER}. {orders_in_flight.GO_ON}")
    shop.apps.start()
    register.note(shop.processes())
    shop.apps.wait()
    register.note(shop.processes())
    entrance, seconds = Entrance.of(settings), time.monotonic() - began
    opening.shop(shop.project, shop.state_dir / "logs", seconds, entrance, name_of(settings.host))


def _keep_open(shop: Shop, opening: Messages, register: Register, watch: storage.Watch) -> None:
    with suppress(Interrupted):
        for count in itertools.count(1):
            shop.closing.pause(0.5)
            if count % STORE_TURNS == 0:
                for said in watch.look():
                    opening.warn(said)
            for process in shop.restart_ended():
                register.note(shop.processes())
                opening.restarted(process)
