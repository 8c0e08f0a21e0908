"""The Dapr that the shop runs with: installed, built before, or built now."""

from pathlib import Path

from rich.console import Console

from pizzashop.local import dapr
from pizzashop.local.closing import Closing
from pizzashop.local.dapr import Dapr
from pizzashop.local.health import listening
from pizzashop.local.services import PORTS


def provide(cache_dir: Path, console: Console, closing: Closing) -> Dapr:
    """The installed Dapr if all of it is there, else the one that was built before, else one built now."""
    cache_dir = cache_dir.expanduser().absolute()
    found = present(cache_dir)
    if found is None:
        from pizzashop.local.build import build

        build(cache_dir, console, closing)
        found = dapr.built(cache_dir)
        assert found is not None
    return found


def present(cache_dir: Path) -> Dapr | None:
    """What is there without building anything."""
    installed = dapr.installed()
    return installed if installed and _complete(installed) else dapr.built(cache_dir)


def provide_cli(cache_dir: Path, console: Console, closing: Closing) -> Path:
    """The installed `dapr` CLI, else the one that was built before, else one built now."""
    cache_dir = cache_dir.expanduser().absolute()
    found = dapr.cli(cache_dir)
    if found is None:
        from pizzashop.local.build import build_cli

        build_cli(cache_dir, console, closing)
        found = dapr.cli(cache_dir)
        assert found is not None
    return found


def _complete(found: Dapr) -> bool:
    # Installed with containers, Dapr has no placement and scheduler to start: they must run already.
    binaries = {"placement": found.placement, "scheduler": found.scheduler}
    return all(path is not None or listening(PORTS[name][0]) for name, path in binaries.items())
