"""`pizzashop up --telemetry`: an order whose kitchen is killed is one trace and one waterfall, and it is counted."""

import json
import os
import re
import signal
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest
from shop_client import ShopClient, eventually, new_order
from up_process import OPEN, UpProcess

from pizzashop.local.build import find_telemetry
from pizzashop.local.ports import http_ok
from pizzashop.local.processes import has_ended
from pizzashop.local.telemetry import TELEMETRY_PORTS
from pizzashop.roles import ROLES
from pizzashop.settings import Settings, is_loopback

METRICS = f"http://127.0.0.1:{TELEMETRY_PORTS['victoriametrics'][0]}"
TRACES = f"http://127.0.0.1:{TELEMETRY_PORTS['jaeger'][0]}"
DASHBOARD = Path(str(files("pizzashop.local"))) / "dashboards" / "pizzashop.json"
# At this pace the pizza bakes for 1.5 s.
PACE = "0.3"
# The row of the span that the engine makes of a whole workflow, at its end.
WHOLE_WORKFLOW = '"what">orchestration||pizza_workflow'


@pytest.fixture
def observed(up: UpProcess) -> Iterator[UpProcess]:
    """The open shop with telemetry."""
    if find_telemetry(Settings.from_env().cache_dir) is None:
        pytest.skip("The servers of telemetry are not built: run `pizzashop prepare --telemetry`")
    up.start("--telemetry", "--pace", PACE)
    up.read_until(OPEN)
    yield up
    assert up.end(signal.SIGINT) == 0
    assert [each for each in up.descendants if not has_ended(each)] == []


def ask(client: ShopClient, url: str, **query: str) -> Any:
    status, answer = client.call("GET", f"{url}?{urlencode(query)}")
    assert status == 200, answer
    return answer


def traces(client: ShopClient, order_id: str) -> list[dict[str, Any]]:
    """Return the traces in which the order was started, as Jaeger answers them."""
    tags = json.dumps({"pizzashop.order_id": order_id, "http.route": "/start-order"})
    found = ask(client, f"{TRACES}/api/traces", service="pizza-workflow", tags=tags)["data"]
    assert isinstance(found, list)
    return found


def services_of_traces(client: ShopClient, order_id: str) -> list[set[str]]:
    """Return the services of each of these traces."""
    return [{each["serviceName"] for each in trace["processes"].values()} for trace in traces(client, order_id)]


def page(client: ShopClient, order_id: str) -> str:
    reply = client.reply("GET", f"http://127.0.0.1:8002/manager/orders/{order_id}", Accept="text/html")
    assert reply.status == 200
    return reply.body.decode()


def test_an_order_whose_kitchen_is_killed_can_be_seen_as_a_whole(observed: UpProcess, client: ShopClient) -> None:
    order = new_order()
    order_id = order["order_id"]
    assert client.start(order)[0] == 200
    client.wait_for_status(order_id, "cooking_baking")
    os.killpg(observed.find("serve --role kitchen").pid, signal.SIGKILL)
    client.wait_for_status(order_id, "pending_validation")

    # The span of the whole workflow comes at its end only; the page has the failed and the repeated step already.
    waiting = eventually(lambda: page(client, order_id), lambda html: "activity: cook_pizza" in html)
    assert WHOLE_WORKFLOW not in waiting
    assert re.search(r'<span class="pill bad">failed</span> CallLocal/pizza-kitchen/cook', waiting)
    assert re.search(r'<li class="log">.*?cooking_baking', waiting, re.DOTALL)

    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "delivered")
    eventually(lambda: page(client, order_id), lambda html: WHOLE_WORKFLOW in html and "POST /deliver" in html)
    app_ids = {role.app_id for role in ROLES}
    eventually(lambda: services_of_traces(client, order_id), lambda found: found == [app_ids])

    ended_orders = 'sum(pizzashop_orders_ended_total{end="delivered"})'
    eventually(lambda: first_value(client, ended_orders), lambda value: value == 1.0, seconds=30)
    assert first_value(client, "count(up == 1)") == 12.0
    assert dashboard_metrics() <= set(ask(client, f"{METRICS}/api/v1/label/__name__/values")["data"])


def test_the_servers_of_telemetry_are_on_loopback_and_started_again(observed: UpProcess, client: ShopClient) -> None:
    pids = {each.pid for each in observed.descendants}
    found = [each for each in psutil.net_connections("inet") if each.pid in pids and not each.raddr]
    assert {each.laddr.port for each in found} >= {port for ports in TELEMETRY_PORTS.values() for port in ports}
    assert all(is_loopback(each.laddr.ip) for each in found if each.status == psutil.CONN_LISTEN)
    for name in TELEMETRY_PORTS:
        observed.find(f"/{name}").kill()
        observed.read_until(f"{name} had ended: started again")
    eventually(lambda: http_ok(TELEMETRY_PORTS["jaeger"][0], "/api/services"))
    order = new_order()
    assert client.start(order)[0] == 200
    eventually(lambda: traces(client, order["order_id"]), bool)


def first_value(client: ShopClient, query: str) -> float | None:
    """Return the first value that VictoriaMetrics has for a query now, None if there is none."""
    result = ask(client, f"{METRICS}/api/v1/query", query=query)["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def dashboard_metrics() -> set[str]:
    """Return the names of all metrics on the dashboard."""
    panels = [panel for row in json.loads(DASHBOARD.read_text())["rows"] for panel in row["panels"]]
    texts = " ".join(each for panel in panels for each in panel["expr"])
    return set(re.findall(r"\b(?:pizzashop|dapr|process)_\w+", texts))
