"""How `pizzashop up` and `pizzashop prepare` print: one line for each fact, and the addresses of the open shop."""

import os
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.roles import STOREFRONT, WORKFLOW
from pizzashop.settings import home_directory

SAMPLE_ORDER = (
    '{"order_id": "123", "pizza_type": "pepperoni", "size": "large",'
    ' "customer": {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}}'
)


def print_line(console: Console, subject: str, text: str) -> None:
    """Print one fact; the subjects of all lines form a column."""
    # Without wrapping, the user can copy an address or a command as a whole.
    console.print(Text.assemble("  ", (f"{subject:<23}", "bold"), text), soft_wrap=True)


def print_warning(console: Console, text: str) -> None:
    """Print that the shop works, but not as it should."""
    console.print(Text(f"  {text}", "yellow"), soft_wrap=True)


def print_dapr(console: Console, dapr: Dapr) -> None:
    """Print which Dapr the shop uses."""
    print_line(console, f"Dapr {dapr.version}", f"{dapr.origin}, {shorten_path(dapr.daprd.parent)}")


def print_open_shop(
    console: Console, project: Project, *, host: str, manager_url: str, needs_sign_in: bool, logs: Path, seconds: float
) -> None:
    """Print that the shop opened in so many `seconds`, its addresses, and what the user can do next."""
    roles = " · ".join(" ".join(map(str, (app.app_id, *app.app_ports))) for app in project.apps)
    print_line(console, roles, f"  open after {seconds:.1f} s")
    console.print()
    print_line(console, "Order a pizza", f"http://{host}:{STOREFRONT.port}")
    print_line(console, "Run the shop", manager_url + ("   (signs you in, once)" if needs_sign_in else ""))
    print_line(console, "In a terminal", f"{_pizzashop_command()} order pepperoni --watch")
    url = f"http://{host}:{WORKFLOW.port}/start-order"
    print_line(console, "With curl", f"curl {url} -H 'Content-Type: application/json' -d '{SAMPLE_ORDER}'")
    print_line(console, "Logs", shorten_path(logs))
    if not needs_sign_in:
        console.print()
        text = "Open to this machine only, without a sign-in. To change that: docs/how-to/let-the-staff-sign-in.md"
        print_warning(console, text)
    console.print("\n  Ctrl-C closes the shop; orders in flight go on when it opens again.")


def shorten_path(path: Path) -> str:
    """Return the path with `~` for the user's home directory."""
    home = home_directory()
    return f"~/{path.relative_to(home)}" if home and path.is_relative_to(home) else str(path)


def _pizzashop_command() -> str:
    # `make up` installs the shop into a virtual environment that need not be active, so the path may be needed.
    own = Path(sys.executable).with_name("pizzashop")
    found = shutil.which("pizzashop")
    return "pizzashop" if (found and Path(found) == own) or not own.exists() else os.path.relpath(own)
