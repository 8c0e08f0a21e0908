"""A shop whose staff signs in, on real Dapr: orders go all the way, the sidecars are known, and nobody else is."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop_client import JOHN, ORDERS, WORKFLOW, ShopClient, eventually, new_order
from up_process import OPEN, UpProcess

TOKEN = "the-token-of-all-the-staff"
STAFF = {"Authorization": f"Bearer {TOKEN}"}
STOREFRONT = "http://127.0.0.1:8002"
HELM_TEST = Path(__file__).parents[2] / "deploy" / "chart" / "files" / "place_an_order.py"


@pytest.fixture
def opened(up: UpProcess) -> Iterator[UpProcess]:
    """`pizzashop up` with a token for the staff, and a log that tells all."""
    up.env |= {"PIZZASHOP_STAFF_TOKEN": TOKEN, "PIZZASHOP_LOG_LEVEL": "debug"}
    up.start()
    up.read_until(OPEN)
    yield up
    assert up.end(signal.SIGINT) == 0


def goes_all_the_way(client: ShopClient) -> None:
    order_id = (order := new_order())["order_id"]
    assert client.start(order)[0] == 200
    assert client.decide(order_id, approved=True)[0] == 401
    assert client.record(order_id) == {}
    decision = {"order_id": order_id, "approved": True, "by": "ana"}
    assert client.call("POST", f"{WORKFLOW}/validate-pizza", decision, **STAFF)[0] == 200
    record = eventually(
        lambda: client.call("GET", f"{ORDERS}/order/{order_id}", **STAFF)[1], lambda seen: seen["status"] == "delivered"
    )
    assert [entry["by"] for entry in record["history"] if entry["kind"] == "decision"] == ["ana"]


def internal_routes_are_closed(client: ShopClient) -> None:
    for headers in ({}, STAFF, {"dapr-api-token": TOKEN}):
        assert client.call("POST", f"{ORDERS}/expired", {"after": -1}, **headers)[0] == 403
        assert client.call("POST", f"{ORDERS}/orders-sub", {"data": {}}, **headers)[0] == 403


def sidecars_ask_for_their_token(client: ShopClient) -> None:
    for path in ("/v1.0/invoke/pizza-order/method/orders", "/v1.0/state/pizzastatestore/x", "/v1.0/metadata"):
        assert client.reply("GET", f"http://127.0.0.1:3505{path}").status == 401


def the_link_signs_in_once(up: UpProcess, client: ShopClient) -> None:
    link = re.search(r"http://localhost:8002(/sign-in\?once=\S+)", up.output)
    assert link
    answer = client.reply("GET", STOREFRONT + link[1])
    assert (answer.status, answer.headers["location"]) == (303, "/manager")
    cookie = answer.headers["set-cookie"].split(";")[0]
    assert client.reply("GET", f"{STOREFRONT}/manager", Cookie=cookie).status == 200
    assert client.reply("GET", STOREFRONT + link[1]).status == 403
    assert client.reply("GET", f"{STOREFRONT}/manager").status == 401


def helm_test_delivers_an_order() -> None:
    """Run the program of the chart's `helm test`: with the staff's token it succeeds, with another one it fails."""
    for token, code in ((TOKEN, 0), ("not-the-token-of-the-staff", 1)):
        command = [sys.executable, str(HELM_TEST), ORDERS, WORKFLOW]
        env = {"PIZZASHOP_STAFF_TOKEN": token}
        result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert result.returncode == code, result.stdout + result.stderr
        assert result.stdout.endswith("is delivered\n") == (code == 0)


def logs_keep_quiet(up: UpProcess) -> None:
    said = "".join(path.read_text(errors="replace") for path in (up.state_dir / "logs").iterdir())
    assert "cooking_baking" in said
    assert [each for each in (*JOHN.values(), TOKEN) if each in said] == []


def test_a_shop_behind_a_door(opened: UpProcess, client: ShopClient) -> None:
    goes_all_the_way(client)
    internal_routes_are_closed(client)
    sidecars_ask_for_their_token(client)
    the_link_signs_in_once(opened, client)
    helm_test_delivers_an_order()
    logs_keep_quiet(opened)
