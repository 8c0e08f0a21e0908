"""`pizzashop up`: from nothing to an open shop, and back."""

import itertools
import time
from collections.abc import Mapping
from contextlib import suppress

from rich.console import Console

from pizzashop.access import keys
from pizzashop.access.door import require_safe
from pizzashop.local import disk, in_flight, preflight, redis, storage
from pizzashop.local.closing import Closing, Interrupted
from pizzashop.local.connection import Connection
from pizzashop.local.entrance import Entrance, tokens
from pizzashop.local.follow import following
from pizzashop.local.health import name_of
from pizzashop.local.opening import Opening
from pizzashop.local.project import Project
from pizzashop.local.provide import provide
from pizzashop.local.register import Register
from pizzashop.local.shop import Shop
from pizzashop.settings import Settings
from pizzashop.streams import ignore_output_errors, require_output

STORE_TURNS = 6
"""The store is looked at in every turn of so many, which is every 3 seconds."""


def up(settings: Settings, console: Console, env: Mapping[str, str], *, verbose: bool = False) -> None:
    """Open the shop until told to close; raises LocalError where that cannot be, BadSettings where it may not."""
    require_safe(settings)
    project, opening = Project.find(), Opening(console)
    state_dir = settings.state_dir.expanduser().absolute()
    register = Register(state_dir)
    with disk.report_full(state_dir), Closing().listening() as closing, register.held(), ignore_output_errors():
        opening.title()
        # Later nobody is told: the shop serves on when its reader goes, or the disk of its output is full.
        require_output()
        if (count := register.tidy(closing)) is not None:
            opening.unclosed(count)
        preflight.require(project, closing, opening.waits_for)
        needed = storage.require(project, state_dir, closing)
        dapr = provide(settings.cache_dir, console, closing)
        opening.dapr(dapr)
        shop = Shop(
            state_dir,
            project,
            dapr,
            closing=closing,
            needed=needed,
            env={"PIZZASHOP_STATE_DIR": str(state_dir), **tokens(settings), **env},
        )
        try:
            with following(shop.logs, verbose), shop:
                _open(shop, opening, register, settings, needed)
                _keep_open(shop, opening, register, storage.Watch(needed, state_dir))
                opening.closing()
        finally:
            keys.forget_link(state_dir)
            register.tidy(closing)
        opening.closed()


def _open(shop: Shop, opening: Opening, register: Register, settings: Settings, needed: list[Connection]) -> None:
    began = time.monotonic()
    register.note(shop.processes())
    opening.repairs([*shop.services.repairs, *storage.forget_torn(needed)])
    for connection in needed:
        if server := redis.ask(connection):
            theirs = shop.services["valkey"].theirs or not connection.embedded
            opening.redis(connection, server, theirs, shop.state_dir / "valkey")
    opening.services(shop.services)
    if in_flight.mark(shop.state_dir):
        opening.warn(f"Note: {in_flight.DIFFER}. {in_flight.GO_ON}")
    shop.apps.start()
    register.note(shop.processes())
    shop.apps.wait()
    register.note(shop.processes())
    entrance, seconds = Entrance.of(settings), time.monotonic() - began
    opening.shop(shop.project, shop.state_dir / "logs", seconds, entrance, name_of(settings.host))


def _keep_open(shop: Shop, opening: Opening, register: Register, watch: storage.Watch) -> None:
    with suppress(Interrupted):
        for count in itertools.count(1):
            shop.closing.pause(0.5)
            if count % STORE_TURNS == 0:
                for said in watch.look():
                    opening.warn(said)
            for process in shop.restart_ended():
                register.note(shop.processes())
                opening.restarted(process)
