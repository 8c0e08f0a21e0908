"""Takes the pictures of telemetry in `docs/pictures/`, of a real shop whose kitchen was killed: `make pictures`."""

import os
import signal

import pytest
from person import DESKTOP, NewPerson, Person
from pictures import SIZES, save
from shop_client import ShopClient, eventually
from up_process import OPEN, UpProcess

from pizzashop.local.build import find_telemetry
from pizzashop.local.telemetry import DASHBOARDS_PATH, SCRAPE_SECONDS, TELEMETRY_PORTS
from pizzashop.settings import Settings

SECONDS_BETWEEN_ORDERS = 5
WHOLE_WORKFLOW = '"what">orchestration||pizza_workflow'
DASHBOARD = f"http://localhost:{TELEMETRY_PORTS['victoriametrics'][0]}{DASHBOARDS_PATH}"


def test_an_order_whose_kitchen_was_killed_and_the_dashboard(
    up: UpProcess, client: ShopClient, person: NewPerson
) -> None:
    if find_telemetry(Settings.from_env().cache_dir) is None:
        pytest.skip("The servers of telemetry are not built: run `pizzashop prepare --telemetry`")
    up.start("--telemetry", "--pace", "1")
    up.read_until(OPEN)
    order_id = client.place_order()
    client.wait_for_status(order_id, "cooking_baking")
    os.killpg(up.find("serve --role kitchen").pid, signal.SIGKILL)
    manager, others = person(viewport=DESKTOP), []
    for _ in range(6):
        others.append(client.place_order())
        manager.page.wait_for_timeout(SECONDS_BETWEEN_ORDERS * 1000)
    for each in (order_id, *others):
        client.wait_for_status(each, "pending_validation", seconds=60)
        client.decide(each, approved=True, by="ana")
    client.wait_for_status(order_id, "delivered", seconds=60)
    eventually(lambda: content_of(manager, order_id), lambda html: WHOLE_WORKFLOW in html)
    for size, viewport in SIZES.items():
        someone = person(viewport=viewport)
        someone.open_page(f"/manager/orders/{order_id}")
        someone.page.locator(".history .pill.bad").first.evaluate("each => each.scrollIntoView({block: 'center'})")
        save(someone, f"waterfall-{size}")
    # The dashboard has a line from the second scrape on.
    manager.page.wait_for_timeout(2 * SCRAPE_SECONDS * 1000)
    manager.page.goto(DASHBOARD)
    manager.page.locator(".u-legend, canvas").first.wait_for()
    manager.page.wait_for_timeout(2000)
    save(manager, "dashboard-desktop")
    assert up.end(signal.SIGINT) == 0


def content_of(someone: Person, order_id: str) -> str:
    """Return the page of an order, loaded anew."""
    someone.open_page(f"/manager/orders/{order_id}")
    return someone.page.content()
