"""The fake shop, and the command line that talks to it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from command_processes import RunCommand, StartCommand, open_processes
from fake_shop import FakeShop, open_shop

from pizzashop.cli import main
from pizzashop.console.command import CommandContext
from pizzashop.console.shop import ShopApi


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with open_shop() as shop:
        yield shop


@pytest.fixture
def context(shop: FakeShop) -> Iterator[CommandContext]:
    with ShopApi(shop.url, shop.url) as api:
        yield CommandContext(api, is_interactive=False, poll_seconds=0)


@pytest.fixture
def run(context: CommandContext) -> RunCommand:
    """Run a command in this process."""

    def run(*args: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, args, obj=context, input=typed)

    return run


@pytest.fixture
def run_json(run: RunCommand) -> Callable[..., object]:
    """Run a command with `--json`, and return what it prints."""

    def run_json(*args: str) -> object:
        return json.loads(run(*args, "--json").stdout)

    return run_json


@pytest.fixture
def start(shop: FakeShop, tmp_path: Path) -> Iterator[StartCommand]:
    """Start a command as its own process; its state directory is `tmp_path`."""
    with open_processes(shop, tmp_path) as start:
        yield start
