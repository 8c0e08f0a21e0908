"""The fake shop, and the command line that talks to it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from fake_shop import FakeShop, open_shop
from processes import Command, starting

from pizzashop.cli import main
from pizzashop.console.client import Client
from pizzashop.console.session import Session
from pizzashop.console.shop import Shop

Run = Callable[..., Result]


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    with open_shop() as shop:
        yield shop


@pytest.fixture
def desk(shop: FakeShop) -> Iterator[Session]:
    with Client() as client:
        yield Session(Shop(client, shop.url, shop.url), asks=False, interval=0)


@pytest.fixture
def run(desk: Session) -> Run:
    def run(*args: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(main, args, obj=desk, input=typed)

    return run


@pytest.fixture
def run_json(run: Run) -> Callable[..., object]:
    def run_json(*args: str) -> object:
        return json.loads(run(*args, "--json").stdout)

    return run_json


@pytest.fixture
def start(shop: FakeShop, tmp_path: Path) -> Iterator[Command]:
    """Starts a command as a process of its own; its state directory is `tmp_path`."""
    with starting(shop, str(tmp_path)) as start:
        yield start
