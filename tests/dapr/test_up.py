"""`pizzashop up` as its user meets it: it opens, says so, watches, and leaves nothing when it closes."""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys

import psutil
import pytest
from running_up import IN_TERMINAL, OPEN, PIZZASHOP, Up
from shop_client import ShopClient, eventually, new_order

from pizzashop.local import ports, processes, shop
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.local.services import MAX_RESTARTS, PORTS
from pizzashop.settings import is_loopback


def nothing_remains(up: Up, project: Project) -> None:
    assert up.everyone
    assert [each for each in up.everyone if not processes.has_ended(each)] == []
    assert ports.taken(shop.required_ports(project)) == []


def test_it_opens_and_ctrl_c_closes_it(up: Up, project: Project, client: ShopClient) -> None:
    up.start()
    up.until(OPEN)
    seconds = re.search(r"open after (\d+\.\d) s", up.said)
    assert seconds
    assert float(seconds[1]) < 15
    curl = next(line for line in up.said.splitlines() if "With curl" in line).split(maxsplit=2)[2]
    answer = subprocess.run(shlex.split(curl), capture_output=True, text=True, timeout=30, check=True).stdout
    assert '"started"' in answer
    client.decide("123", approved=True)
    client.until("123", "delivered")
    assert "\x1b" not in up.said
    assert up.end(signal.SIGINT) == 0
    assert "Closed" in up.said
    nothing_remains(up, project)


def test_every_port_is_on_loopback(up: Up, project: Project, dapr: Dapr) -> None:
    up.start()
    up.until(OPEN)
    ours = {each.pid for each in up.everyone}
    found = [each for each in psutil.net_connections("inet") if each.pid in ours and not each.raddr]
    assert {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN} >= set(project.ports)
    # The health checks of placement and scheduler have a flag for it that an installed Dapr 1.18 does not look at.
    known = {PORTS["placement"][1], PORTS["scheduler"][1]} if dapr.origin == "installed" else set()
    open_to_all = {each.laddr.port for each in found if not is_loopback(each.laddr.ip)}
    assert open_to_all - known == set()
    assert up.end(signal.SIGTERM) == 0
    nothing_remains(up, project)


@pytest.mark.parametrize("host", ["::1", "127.0.0.2"])
def test_it_opens_on_any_address_of_this_machine(up: Up, project: Project, client: ShopClient, host: str) -> None:
    up.env |= {"PIZZASHOP_HOST": host}
    up.start()
    up.until(OPEN)
    name = f"[{host}]" if ":" in host else host
    order = new_order()
    assert client.call("POST", f"http://{name}:8005/start-order", order)[0] == 200
    ref = {"order_id": order["order_id"], "approved": True}
    assert client.call("POST", f"http://{name}:8005/validate-pizza", ref)[0] == 200
    record = f"http://{name}:8001/order/{order['order_id']}"
    eventually(lambda: client.call("GET", record)[1]["status"], lambda status: status == "delivered")
    assert up.end(signal.SIGINT) == 0
    nothing_remains(up, project)


def test_a_second_one_says_that_the_shop_is_open(up: Up, project: Project) -> None:
    up.start()
    up.until(OPEN)
    second = subprocess.run([PIZZASHOP, "up"], env=up.env, cwd=up.cwd, capture_output=True, text=True, timeout=30)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == f"pizzashop: The shop is already open (pid {up.child.pid}).\n"
    assert up.end(signal.SIGHUP, signal.SIGHUP) == 0
    nothing_remains(up, project)


PARTS = {
    "pizza-kitchen": "serve --role kitchen",
    "pizza-workflow": "serve --role workflow",
    "the sidecar of pizza-delivery": "--app-id=pizza-delivery",
    "the sidecar of pizza-workflow": "--app-id=pizza-workflow",
    "valkey": "valkey-server",
    "placement": "/placement",
    "scheduler": "/scheduler",
}


def test_a_part_that_dies_is_started_again(up: Up, project: Project, client: ShopClient) -> None:
    up.start()
    up.until(OPEN)
    waiting = client.placed()
    client.until(waiting, "pending_validation")
    for name, words in PARTS.items():
        up.find(words).kill()
        up.until(f"{name} had ended: started again")
    for order_id in (waiting, client.placed()):
        client.decide(order_id, approved=True)
        client.until(order_id, "delivered")
    assert up.end(signal.SIGINT) == 0
    nothing_remains(up, project)


def test_one_that_dies_again_and_again_closes_the_shop(up: Up, project: Project) -> None:
    up.start()
    up.until(OPEN)
    for _ in range(MAX_RESTARTS):
        up.find(PARTS["pizza-kitchen"]).kill()
        up.until("pizza-kitchen had ended: started again")
    up.find(PARTS["pizza-kitchen"]).kill()
    assert up.end() == 1
    assert "pizza-kitchen ends again and again" in up.said
    nothing_remains(up, project)


def test_it_serves_on_when_its_reader_goes(up: Up, project: Project, client: ShopClient) -> None:
    """Beside that: a hang-up that `nohup` has it ignore, proxies that are dead, and a locale that is not UTF-8."""
    proxies = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")
    up.env |= {spelled: "http://127.0.0.1:9" for name in proxies for spelled in (name, name.upper())}
    up.env |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    up.start(by=("nohup",))
    up.until("pizza-order 8001 | pizza-storefront 8002")
    up.leave()
    up.child.send_signal(signal.SIGHUP)
    up.find(PARTS["the sidecar of pizza-delivery"]).kill()
    order_id = client.placed()
    client.until(order_id, "pending_validation")
    client.decide(order_id, approved=True)
    client.until(order_id, "delivered")
    assert up.end(signal.SIGINT) == 0
    nothing_remains(up, project)


def test_a_terminal_that_is_closed_closes_it(up: Up, project: Project) -> None:
    ours, its = pty.openpty()
    up.start("--verbose", by=IN_TERMINAL, stdin=its, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    while OPEN not in up.said:
        up.said += os.read(ours, 1024).decode(errors="replace")
    up.everyone = processes.children(up.child.pid)
    os.close(ours)
    assert up.end() == 0
    nothing_remains(up, project)


def test_a_full_disk_is_said_before_anything_starts(up: Up, project: Project) -> None:
    with open("/dev/full", "w") as full:
        up.start(stdout=full, stderr=subprocess.PIPE)
        _, said = up.child.communicate(timeout=60)
    assert up.child.returncode == 1
    assert said == "pizzashop: The output cannot be written: No space left on device.\n"
    assert ports.taken(shop.required_ports(project)) == []


def test_closed_before_it_is_open(up: Up, project: Project) -> None:
    up.start()
    up.until("scheduler")
    up.everyone = eventually(lambda: processes.children(up.child.pid), lambda found: len(found) > 4)
    assert up.end(signal.SIGINT) == 130
    nothing_remains(up, project)


def test_what_a_killed_one_left_is_ended_by_the_next(up: Up, project: Project) -> None:
    up.start()
    up.until(OPEN)
    left = up.everyone
    up.end(signal.SIGKILL)
    assert not any(processes.has_ended(each) for each in left)
    up.start()
    up.until("was not closed")
    assert all(processes.has_ended(each) for each in left)
    up.until(OPEN)
    assert up.end(signal.SIGINT) == 0
    nothing_remains(up, project)


def test_a_port_that_is_held_is_named_before_anything_starts(up: Up, project: Project) -> None:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "8003"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as other:
        try:
            eventually(lambda: ports.taken([8003]))
            up.start()
            assert up.end() == 1
            assert re.search(rf"8003 by .*\(pid {other.pid}\).*Nothing was started", up.said)
        finally:
            other.kill()
    assert ports.taken(shop.required_ports(project)) == []
