"""`pizzashop up` as its user sees it: it opens the shop, says so, watches it, and leaves no process when it closes."""

import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from run_files import write_run_file
from shop_client import PIZZASHOP, ShopClient, eventually, new_order
from up_process import IN_TERMINAL, OPEN, UpProcess

from pizzashop.local.checks import required_ports
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import taken_ports
from pizzashop.local.processes import MAX_RESTARTS, descendants, has_ended
from pizzashop.local.programs import SERVICE_PORTS
from pizzashop.local.project import Project
from pizzashop.roles import KITCHEN
from pizzashop.settings import is_loopback


def assert_nothing_remains(up: UpProcess, project: Project) -> None:
    assert up.descendants
    assert [each for each in up.descendants if not has_ended(each)] == []
    assert taken_ports(required_ports(project)) == []


def test_up_opens_the_shop_and_ctrl_c_closes_it(up: UpProcess, project: Project, client: ShopClient) -> None:
    up.start()
    up.read_until(OPEN)
    seconds = re.search(r"open after (\d+\.\d) s", up.output)
    assert seconds
    assert float(seconds[1]) < 15
    curl = next(line for line in up.output.splitlines() if "With curl" in line).split(maxsplit=2)[2]
    answer = subprocess.run(shlex.split(curl), capture_output=True, text=True, timeout=30, check=True).stdout
    assert '"started"' in answer
    client.decide("123", approved=True)
    client.wait_for_status("123", "delivered")
    assert "\x1b" not in up.output
    assert up.end(signal.SIGINT) == 0
    assert "Closed" in up.output
    assert_nothing_remains(up, project)


def test_every_port_is_on_loopback(up: UpProcess, project: Project, dapr: Dapr) -> None:
    up.start()
    up.read_until(OPEN)
    pids = {each.pid for each in up.descendants}
    found = [each for each in psutil.net_connections("inet") if each.pid in pids and not each.raddr]
    assert {each.laddr.port for each in found if each.status == psutil.CONN_LISTEN} >= set(project.ports)
    # An installed Dapr 1.18 ignores the flag for the address of these two health checks.
    known = {SERVICE_PORTS["placement"][1], SERVICE_PORTS["scheduler"][1]} if dapr.origin == "installed" else set()
    open_to_all = {each.laddr.port for each in found if not is_loopback(each.laddr.ip)}
    assert open_to_all - known == set()
    assert up.end(signal.SIGTERM) == 0
    assert_nothing_remains(up, project)


@pytest.mark.parametrize("host", ["::1", "127.0.0.2"])
def test_the_shop_opens_on_any_address_of_this_machine(
    up: UpProcess, project: Project, client: ShopClient, host: str
) -> None:
    up.env |= {"PIZZASHOP_HOST": host}
    up.start()
    up.read_until(OPEN)
    name = f"[{host}]" if ":" in host else host
    order = new_order()
    assert client.call("POST", f"http://{name}:8005/start-order", order)[0] == 200
    ref = {"order_id": order["order_id"], "approved": True}
    assert client.call("POST", f"http://{name}:8005/validate-pizza", ref)[0] == 200
    record = f"http://{name}:8001/order/{order['order_id']}"
    eventually(lambda: client.call("GET", record)[1]["status"], lambda status: status == "delivered")
    assert up.end(signal.SIGINT) == 0
    assert_nothing_remains(up, project)


def test_a_second_up_says_that_the_shop_is_open(up: UpProcess, project: Project) -> None:
    up.start()
    up.read_until(OPEN)
    second = subprocess.run([PIZZASHOP, "up"], env=up.env, cwd=up.cwd, capture_output=True, text=True, timeout=30)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == f"pizzashop: The shop is already open (pid {up.child.pid}).\n"
    assert up.end(signal.SIGHUP, signal.SIGHUP) == 0
    assert_nothing_remains(up, project)


# The processes that a test kills, and words of their command lines.
COMMAND_WORDS = {
    "pizza-kitchen": "serve --role kitchen",
    "pizza-workflow": "serve --role workflow",
    "the sidecar of pizza-delivery": "--app-id=pizza-delivery",
    "the sidecar of pizza-workflow": "--app-id=pizza-workflow",
    "valkey": "valkey-server",
    "placement": "/placement",
    "scheduler": "/scheduler",
}


def test_a_killed_process_is_restarted(up: UpProcess, project: Project, client: ShopClient) -> None:
    up.start()
    up.read_until(OPEN)
    waiting = client.place_order()
    client.wait_for_status(waiting, "pending_validation")
    for name, words in COMMAND_WORDS.items():
        up.find(words).kill()
        up.read_until(f"{name} had ended: started again")
    for order_id in (waiting, client.place_order()):
        client.decide(order_id, approved=True)
        client.wait_for_status(order_id, "delivered")
    assert up.end(signal.SIGINT) == 0
    assert_nothing_remains(up, project)


def test_a_process_that_ends_again_and_again_closes_the_shop(up: UpProcess, project: Project) -> None:
    up.start()
    up.read_until(OPEN)
    for _ in range(MAX_RESTARTS):
        up.find(COMMAND_WORDS["pizza-kitchen"]).kill()
        up.read_until("pizza-kitchen had ended: started again")
    up.find(COMMAND_WORDS["pizza-kitchen"]).kill()
    assert up.end() == 1
    assert "pizza-kitchen ends again and again" in up.output
    assert_nothing_remains(up, project)


def test_the_shop_stays_open_when_nobody_reads_its_output(up: UpProcess, project: Project, client: ShopClient) -> None:
    """The test adds a SIGHUP under `nohup`, proxies that do not answer, and a locale that is not UTF-8."""
    proxies = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")
    up.env |= {spelled: "http://127.0.0.1:9" for name in proxies for spelled in (name, name.upper())}
    up.env |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    up.start(by=("nohup",))
    up.read_until("pizza-order 8001 | pizza-storefront 8002")
    up.close_output()
    up.child.send_signal(signal.SIGHUP)
    up.find(COMMAND_WORDS["the sidecar of pizza-delivery"]).kill()
    order_id = client.place_order()
    client.wait_for_status(order_id, "pending_validation")
    client.decide(order_id, approved=True)
    client.wait_for_status(order_id, "delivered")
    assert up.end(signal.SIGINT) == 0
    assert_nothing_remains(up, project)


def test_closing_the_terminal_closes_the_shop(up: UpProcess, project: Project) -> None:
    our_end, its_end = pty.openpty()
    up.start("--verbose", by=IN_TERMINAL, stdin=its_end, stdout=its_end, stderr=its_end, start_new_session=True)
    os.close(its_end)
    while OPEN not in up.output:
        up.output += os.read(our_end, 1024).decode(errors="replace")
    up.descendants = descendants(up.child.pid)
    os.close(our_end)
    assert up.end() == 0
    assert_nothing_remains(up, project)


def test_output_on_a_full_disk_is_an_error_before_anything_starts(up: UpProcess, project: Project) -> None:
    with open("/dev/full", "w") as full:
        up.start(stdout=full, stderr=subprocess.PIPE)
        _, error = up.child.communicate(timeout=60)
    assert up.child.returncode == 1
    assert error == "pizzashop: The output cannot be written: No space left on device.\n"
    assert taken_ports(required_ports(project)) == []


def test_ctrl_c_stops_all_processes_before_the_shop_is_open(up: UpProcess, project: Project, tmp_path: Path) -> None:
    # Instead of the kitchen a program runs that never answers: the shop cannot open.
    write_run_file(project, tmp_path, lambda apps: apps[KITCHEN.app_id].update(command=["sleep", "infinity"]))
    up.cwd = tmp_path
    up.start()
    up.read_until("scheduler")
    up.descendants = eventually(
        lambda: descendants(up.child.pid), lambda found: any(each.name() == "sleep" for each in found)
    )
    assert up.end(signal.SIGINT) == 130
    assert_nothing_remains(up, project)


def test_the_next_up_ends_what_a_killed_one_has_left(up: UpProcess, project: Project) -> None:
    up.start()
    up.read_until(OPEN)
    left = up.descendants
    up.end(signal.SIGKILL)
    assert not any(has_ended(each) for each in left)
    up.start()
    up.read_until("was not closed")
    assert all(has_ended(each) for each in left)
    up.read_until(OPEN)
    assert up.end(signal.SIGINT) == 0
    assert_nothing_remains(up, project)


def test_a_taken_port_is_named_before_anything_starts(up: UpProcess, project: Project) -> None:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "8003"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as other:
        try:
            eventually(lambda: taken_ports([8003]))
            up.start()
            assert up.end() == 1
            assert re.search(rf"8003 by .*\(pid {other.pid}\).*Nothing was started", up.output)
        finally:
            other.kill()
    assert taken_ports(required_ports(project)) == []
