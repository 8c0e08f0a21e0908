"""What `pizzashop up` says: what runs, where, and what to try."""

import os
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_urlsafe
from typing import NamedTuple, Self

from rich.console import Console
from rich.text import Text

from pizzashop import __version__
from pizzashop.auth.accounts import create_sign_in_link
from pizzashop.auth.authentication import requires_sign_in
from pizzashop.auth.people import login_name
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import name_of
from pizzashop.local.processes import Process
from pizzashop.local.project import Project
from pizzashop.local.redis import Connection, Redis
from pizzashop.local.services import Services
from pizzashop.roles import STOREFRONT
from pizzashop.settings import Settings, home_directory


class Entrance(NamedTuple):
    """Where whoever opens the shop begins; `guarded`: everybody else has to sign in, and the address works once."""

    address: str
    guarded: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The entrance of a shop with these settings; makes a new link where the staff signs in."""
        shop = f"http://{name_of(settings.host)}:{STOREFRONT.port}"
        if not requires_sign_in(settings):
            return cls(f"{shop}/manager", False)
        return cls(f"{shop}/sign-in?once={create_sign_in_link(settings.state_dir.expanduser(), login_name())}", True)


def api_tokens(settings: Settings) -> dict[str, str]:
    """Where the staff signs in, what the roles and sidecars of a shop are told: given ones, else new ones."""
    if not requires_sign_in(settings):
        return {}
    return {
        "APP_API_TOKEN": settings.app_api_token or token_urlsafe(32),
        "DAPR_API_TOKEN": settings.dapr_api_token or token_urlsafe(32),
    }


SAMPLE_ORDER = (
    '{"order_id": "123", "pizza_type": "pepperoni", "size": "large",'
    ' "customer": {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}}'
)
CURL = f"curl http://%s:8005/start-order -H 'Content-Type: application/json' -d '{SAMPLE_ORDER}'"


class Messages:
    """Says it line by line as it becomes true, the first word of each in one column."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def line(self, subject: str, text: str = "") -> None:
        """One line: a subject and what is to be said of it."""
        # No wrapping: an address or a command is to be copied whole.
        self.console.print(Text.assemble("  ", (f"{subject:<23}", "bold"), text), soft_wrap=True)

    def title(self) -> None:
        """The name and version of the shop."""
        self.console.print(Text(f"Pizzashop {__version__}\n", "bold"))

    def dapr(self, dapr: Dapr) -> None:
        """Which Dapr is used."""
        self.line(f"Dapr {dapr.version}", f"{dapr.origin}, {tilde(dapr.daprd.parent)}")

    def cli(self, cli: Path) -> None:
        """Which CLI `dapr run` is."""
        self.line("Dapr CLI", tilde(cli))

    def redis(self, connection: Connection, server: Redis, theirs: bool, directory: Path) -> None:
        """The server of state and events, and how it keeps them."""
        embedded = f"embedded, {connection.address}, every write appended to {tilde(directory)}"
        already = ", ".join(filter(None, [f"already running, {connection.address}", server.keeps]))
        self.line(server.title, already if theirs else embedded)
        for note in server.notes:
            self.warn(f"Redis: {note.text}. What to do: {note.mend}.")

    def repairs(self, said: list[str]) -> None:
        """What a crash left damaged, and what was done about it."""
        for each in said:
            self.warn(f"{each}.")

    def services(self, services: Services) -> None:
        """Placement and scheduler, and whose they are."""
        for service in services:
            if service.name != "valkey":
                whose = "already running" if service.theirs else "ready"
                self.line(service.name, f"{whose}, port {service.ports[0]}")

    def shop(self, project: Project, logs: Path, seconds: float, entrance: Entrance, name: str) -> None:
        """The shop is open: its roles, its addresses under `name`, and what to try next."""
        roles = " · ".join(" ".join(map(str, (app.app_id, *app.app_ports))) for app in project.apps)
        self.line(roles, f"  open after {seconds:.1f} s")
        self.console.print()
        self.line("Order a pizza", f"http://{name}:{STOREFRONT.port}")
        self.line("Run the shop", entrance.address + ("   (signs you in, once)" if entrance.guarded else ""))
        self.line("In a terminal", f"{_command()} order pepperoni --watch")
        self.line("With curl", CURL % name)
        self.line("Logs", tilde(logs))
        if not entrance.guarded:
            self.console.print()
            self.warn("Open to this machine alone: nobody has to sign in. docs/access.md says how to change that.")
        self.console.print("\n  Ctrl-C closes the shop; orders in flight go on when it opens again.")

    def restarted(self, process: Process) -> None:
        """A part had ended, and runs again."""
        self.warn(f"{datetime.now():%H:%M:%S} {process.name} had ended: started again, its log is {tilde(process.log)}")

    def waits_for(self, ports: Sequence[int]) -> None:
        """Connections that are closing hold these ports for up to a minute."""
        self.warn(f"Waiting, up to a minute: connections that are closing still hold {', '.join(map(str, ports))} ...")

    def closing(self) -> None:
        """It was told to close."""
        self.console.print("\n  Closing the shop ...")

    def closed(self) -> None:
        """Nothing of it runs any more."""
        self.console.print("  Closed. What was in flight goes on when it opens again.")

    def unclosed(self, count: int) -> None:
        """The last shop was killed; so many of its processes still ran."""
        # Its scheduler's claim to lead lasts 20 s where it had no time to give it up.
        ended = f"{count} processes that it left were ended" if count else "opening may take 20 s longer"
        self.warn(f"The shop was not closed the last time: {ended}.")

    def warn(self, text: str) -> None:
        """Something that works, but not as it should."""
        self.console.print(Text(f"  {text}", "yellow"), soft_wrap=True)


def tilde(path: Path) -> str:
    """A path as people write it."""
    home = home_directory()
    return f"~/{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)


def _command() -> str:
    # As it can be typed: `make up` puts it into a virtual environment that need not be active.
    ours = Path(sys.executable).with_name("pizzashop")
    found = shutil.which("pizzashop")
    return "pizzashop" if (found and Path(found) == ours) or not ours.exists() else os.path.relpath(ours)
