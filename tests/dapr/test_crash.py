"""A kitchen killed on request in the midst of an order: by the command, and by the page."""

import json
import subprocess
from typing import Any

import pytest
from shop_client import PIZZASHOP, ShopClient, eventually
from sse import Page
from up_process import OPEN, UpProcess

from pizzashop.domain.lifecycle import COOK_STEP, HAPPY_PATH, RANK

COOKING = [stage.status for stage in COOK_STEP.timed_stages]
STOREFRONT = "http://127.0.0.1:8002"


@pytest.fixture
def open_up(up: UpProcess) -> UpProcess:
    """`pizzashop up` with stages that last long enough to be met."""
    up.start("--pace", "0.4")
    up.read_until(OPEN)
    return up


def run(up: UpProcess, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([PIZZASHOP, *words], env=up.env, capture_output=True, text=True, timeout=60, check=False)


def in_the_kitchen(client: ShopClient) -> str:
    order_id = client.place_order("crash")
    client.wait_for_status(order_id, "cooking_making_dough")
    return order_id


def stages_of(lines: list[dict[str, Any]]) -> list[str]:
    return [line["text"] for line in lines if line.get("order") and line["text"] in HAPPY_PATH]


def test_orders_go_on_after_a_kitchen_was_killed_by_the_command_and_by_the_page(
    open_up: UpProcess, client: ShopClient
) -> None:
    order_id = in_the_kitchen(client)
    result = run(open_up, "crash", "kitchen", "--json")
    assert result.returncode == 0, result.stderr
    crash = json.loads(result.stdout)
    assert crash["killed_at"] < crash["restarted_at"] <= crash["ready_at"]
    assert crash["lost"] == []
    [watched] = crash["orders"]
    assert watched["order_id"] == order_id
    assert watched["stage"] in COOKING
    assert RANK[watched["latest_stage"]] == RANK[watched["stage"]] + 1
    assert watched["went_on_at"] > crash["killed_at"]
    assert watched["delay_seconds"] > 0.5
    open_up.read_until("pizza-kitchen had ended: started again")
    client.wait_for_status(order_id, "pending_validation")

    # The log of the killed kitchen is still read, and shows the stage that its successor began again.
    lines = [json.loads(line) for line in run(open_up, "logs", order_id, "--json").stdout.splitlines()]
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert {"storefront", "kitchen"} <= {line["part"] for line in lines}
    told = stages_of(lines)
    assert told.count(watched["stage"]) == 2
    assert list(dict.fromkeys(told)) == list(HAPPY_PATH[1 : HAPPY_PATH.index("cooked") + 1])

    order_id = in_the_kitchen(client)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = client._http.request("POST", f"{STOREFRONT}/manager/crash", 60.0, data="part=kitchen", headers=form)
    assert reply.status in (200, 303)
    page = Page("/live/manager/crash")
    page.start()
    shown = page.until("Nothing was lost: the order has its whole history and went on.")
    assert order_id in shown.text
    eventually(lambda: "over" in page.names)
