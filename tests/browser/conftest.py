"""A real shop, and people who use it, each in a browser context of their own."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import chromium
import pytest
from person import DESKTOP, PACE, NewPerson, Person
from playwright.sync_api import Browser
from real_dapr import clean_end, client, dapr, open_shop, project, store_name, up
from shop_client import OpenShop

from pizzashop.local.shop import Shop

__all__ = ["clean_end", "client", "dapr", "open_shop", "project", "store_name", "up"]


@pytest.fixture(scope="session", autouse=True)
def browser() -> Iterator[Browser]:
    """Start the browser before any shop: without a browser the tests need no shop."""
    with chromium.open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def shop(open_shop: OpenShop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop for the tests of one module."""
    directory = tmp_path_factory.mktemp("shop")
    with open_shop(directory, pace=PACE, state_dir=directory) as opened:
        yield opened


@pytest.fixture
def person(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[NewPerson]:
    """Make people, each with a browser context of their own. An error of a script in their pages fails the test.

    When a test fails, its directory keeps a picture of each person's page.
    """
    with ExitStack() as stack:
        people: list[Person] = []

        def new(**options: Any) -> Person:
            context = stack.enter_context(browser.new_context(**{"viewport": DESKTOP, **options}))
            people.append(Person.with_page(context))
            return people[-1]

        failed_before = request.session.testsfailed
        yield new
        if request.session.testsfailed > failed_before:
            for number, each in enumerate(people):
                each.page.screenshot(path=tmp_path / f"person-{number}.png", full_page=True)
        assert [error for each in people for error in each.errors] == []
