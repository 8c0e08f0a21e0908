"""`pizzashop up`: from nothing to an open shop, and back."""

import time
from collections.abc import Mapping
from contextlib import suppress

from rich.console import Console

from pizzashop.access import keys
from pizzashop.access.door import require_safe
from pizzashop.local import preflight, redis
from pizzashop.local.closing import Closing, Interrupted
from pizzashop.local.entrance import Entrance, tokens
from pizzashop.local.follow import following
from pizzashop.local.opening import Opening
from pizzashop.local.project import Project
from pizzashop.local.provide import provide
from pizzashop.local.register import Register
from pizzashop.local.shop import Shop
from pizzashop.settings import Settings
from pizzashop.streams import ignore_output_errors, require_output


def up(settings: Settings, console: Console, env: Mapping[str, str], *, verbose: bool = False) -> None:
    """Open the shop until told to close; raises LocalError where that cannot be, BadSettings where it may not."""
    require_safe(settings)
    project, opening = Project.find(), Opening(console)
    state_dir = settings.state_dir.expanduser().absolute()
    register = Register(state_dir)
    with Closing().listening() as closing, register.held(), ignore_output_errors():
        opening.title()
        # Later nobody is told: the shop serves on when its reader goes, or the disk of its output is full.
        require_output()
        if (count := register.tidy(closing)) is not None:
            opening.unclosed(count)
        preflight.require(project, closing)
        dapr = provide(settings.cache_dir, console, closing)
        opening.dapr(dapr)
        shop = Shop(
            state_dir,
            project,
            dapr,
            closing=closing,
            env={"PIZZASHOP_STATE_DIR": str(state_dir), **tokens(settings), **env},
        )
        try:
            with following(shop.log, verbose), shop:
                _open(shop, opening, register, Entrance.of(settings))
                _keep_open(shop, opening, register)
                opening.closing()
        finally:
            keys.forget_link(state_dir)
            register.tidy(closing)
        opening.closed()


def _open(shop: Shop, opening: Opening, register: Register, entrance: Entrance) -> None:
    began = time.monotonic()
    register.note(shop.processes())
    if server := redis.ask():
        opening.redis(server, shop.services["valkey"].theirs, shop.log.parents[1] / "valkey")
    opening.services(shop.services)
    shop.crew.start()
    register.note(shop.processes())
    shop.crew.wait()
    register.note(shop.processes())
    opening.shop(shop.project, shop.log, time.monotonic() - began, entrance)


def _keep_open(shop: Shop, opening: Opening, register: Register) -> None:
    with suppress(Interrupted):
        while True:
            shop.closing.pause(0.5)
            for process in shop.mend():
                register.note(shop.processes())
                opening.mended(process)
