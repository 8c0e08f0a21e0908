"""A role dies while people look at pages: their pages say so, and go on when it is back."""

from collections.abc import Iterator

import pytest
from person import PACE, NewPerson
from playwright.sync_api import expect
from shop_client import ShopClient, eventually, stages
from shop_processes import ShopProcesses

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project


@pytest.fixture(scope="module")
def separate(project: Project, dapr: Dapr, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShopProcesses]:
    made = ShopProcesses(tmp_path_factory.mktemp("lost"), project, dapr, {"PIZZASHOP_PACE": str(PACE)})
    with made.running() as running:
        yield running


@pytest.mark.parametrize("role", ["order", "storefront"])
def test_pages_go_on_after_a_role_was_killed(
    person: NewPerson, client: ShopClient, separate: ShopProcesses, role: str
) -> None:
    customer, manager = person(), person()
    manager.open_page("/manager")
    order_id = customer.place_order()
    eventually(lambda: client.record(order_id), lambda record: "cooking_making_dough" in stages(record))
    expect(manager.order_card(order_id)).to_be_visible()
    separate.kill(role)
    for each in (customer, manager):
        expect(each.page.locator("#connection")).not_to_be_empty()
    separate.start(role)
    for each in (customer, manager):
        expect(each.page.locator("#connection")).to_be_empty()
    expect(manager.order_card(order_id).get_by_label(f"Approve order {order_id}")).to_be_visible()
    manager.click_action("Approve", order_id)
    expect(customer.page.get_by_role("link", name="Order another")).to_be_visible()
