"""Pages that watch real orders: live, through the death of the roles behind them, with nothing missed."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop_client import ShopClient, eventually
from shop_processes import ShopProcesses
from sse import Page

from pizzashop.domain.lifecycle import HAPPY_PATH, status_text
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, project: Project, dapr: Dapr) -> Iterator[ShopProcesses]:
    """A shop whose stages last long enough to be seen."""
    state_dir: Path = tmp_path_factory.mktemp("watching")
    with ShopProcesses(state_dir, project, dapr, {"PIZZASHOP_PACE": "0.2"}).running() as separate:
        yield separate


def happened(html: str) -> list[str]:
    """What the page's history shows, in the words of the shop."""
    found = html.split('id="happened"')[1]
    return [each.lower() for each in re.findall(r"</time> <span>([^<]+)", found)]


def watching(order_id: str) -> Page:
    page = Page(f"/live/orders/{order_id}")
    page.start()
    return page


def test_a_page_sees_the_whole_way_through_the_death_of_role_order(shop: ShopProcesses, client: ShopClient) -> None:
    order_id = client.place_order("watch")
    page = watching(order_id)
    page.until("is in the oven")
    shop.kill("order")
    eventually(lambda: "away" in page.names)
    shop.start("order")
    eventually(lambda: "back" in page.names)
    page.until("the manager has yet to look at it")
    assert client.decide(order_id, approved=True)[0] == 200
    last = page.until("Enjoy it!")
    eventually(lambda: "over" in page.names)
    assert page.marks == sorted(set(page.marks))
    assert [each for each in happened(last.text) if each != "approved"] == [
        status_text(status) for status in HAPPY_PATH
    ]


def test_a_page_comes_again_when_the_storefront_was_killed(shop: ShopProcesses, client: ShopClient) -> None:
    order_id = client.place_order("watch")
    page = watching(order_id)
    page.until("in the oven")
    shop.kill("storefront")
    shop.start("storefront")
    page.until("the manager has yet to look at it")
    assert page.connected >= 2
    assert client.decide(order_id, approved=False)[0] == 200
    page.until("We could not make your pepperoni")
    assert page.marks == sorted(set(page.marks))


def test_a_board_shows_what_comes_and_what_goes(shop: ShopProcesses, client: ShopClient) -> None:
    assert shop.is_running("storefront")
    page = Page("/live/manager")
    page.start()
    order_id = client.place_order("watch")
    page.until(f'id="o-{order_id}"')
    assert client.command("cancel", order_id)[0] == 200
    eventually(lambda: f'id="o-{order_id}"' not in page.events[-1].text)


def test_streams_end_when_the_storefront_is_told_to_stop(shop: ShopProcesses, client: ShopClient) -> None:
    order_id = client.place_order("watch")
    pages = [watching(order_id) for _ in range(20)]
    eventually(lambda: all(page.connected for page in pages))
    shop.terminate("storefront")
    eventually(lambda: not shop.is_running("storefront"), seconds=10)
    shop.start("storefront")
    eventually(lambda: all(page.connected > 1 for page in pages))
