"""Asking `pizzashop up` to kill a part: what it kills, what it refuses, and what it tells whoever asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.supervisor import supervised
from local_children import CHILD, Children

from pizzashop.crash.requests import Crash, CrashFiles, CrashRequest
from pizzashop.errors import Conflict, InvalidRequest
from pizzashop.local.crashes import CrashRequests
from pizzashop.local.processes import MAX_RESTARTS, Process
from pizzashop.settings import Settings


@pytest.fixture
def kitchen(tmp_path: Path) -> Iterator[Process]:
    children = Children(tmp_path)
    yield children.start(CHILD)
    children.stop()


class Up:
    """`pizzashop up` with one process, one round at a time."""

    def __init__(self, state_dir: Path, kitchen: Process, **settings: str) -> None:
        self.kitchen, self.files = kitchen, CrashFiles(state_dir)
        processes = {"kitchen": kitchen, "valkey": Process("valkey", ["true"], state_dir / "valkey.log")}
        self.requests = CrashRequests(state_dir, processes, Settings(state_dir=state_dir, **settings))

    def ask(self, part: str = "kitchen", **more: float) -> CrashRequest:
        """Leave a request, as a command does that does not wait."""
        request = CrashRequest(part=part, **more)
        self.files._submit(request)
        return request

    def run_round(self) -> Crash:
        self.requests.kill_requested()
        if self.kitchen.has_ended:
            self.kitchen.restart()
            self.requests.note_progress(self.kitchen)
        self.requests.note_progress()
        crash = self.files.last_crash()
        assert crash is not None
        return crash


@pytest.fixture
def up(tmp_path: Path, kitchen: Process) -> Iterator[Up]:
    made = Up(tmp_path, kitchen)
    with made.requests.accepted():
        yield made


def test_the_part_is_killed_restarted_and_ready(up: Up) -> None:
    pid = up.kitchen.pid
    request = up.ask()
    crash = up.run_round()
    assert (crash.request, crash.pid) == (request, pid)
    assert up.kitchen.pid not in (pid, None)
    assert crash.killed_at
    assert crash.killed_at <= (crash.restarted_at or "") <= (crash.ready_at or "")


def test_only_the_parts_that_the_shop_has_started_can_be_killed(up: Up) -> None:
    assert up.files.parts() == ["kitchen"]
    up.ask("valkey")
    assert up.run_round().refusal == "valkey is no part that this shop has started"


def test_a_second_crash_waits_until_the_part_is_ready(up: Up) -> None:
    up.kitchen.is_ready = lambda: False
    up.ask()
    up.run_round()
    pid = up.kitchen.pid
    up.ask()
    assert up.run_round().refusal == "kitchen was just killed: wait until it is ready again"
    assert up.kitchen.pid == pid


def test_a_crash_that_would_close_the_shop_is_refused(up: Up) -> None:
    for _ in range(MAX_RESTARTS):
        up.ask()
        assert up.run_round().refusal == ""
    up.ask()
    assert "would close the shop: wait a minute" in up.run_round().refusal
    assert up.kitchen.is_running


def test_a_part_can_be_killed_a_little_later(up: Up) -> None:
    pid = up.kitchen.pid
    up.ask(delay_seconds=5)
    assert (up.run_round().killed_at, up.kitchen.pid) == (None, pid)


@pytest.mark.parametrize(
    "settings",
    [{"staff_token": "x" * 16}, {"hosts": "pizza.example"}, {"host": "0.0.0.0", "staff_token": "x" * 16}],
    ids=["sign-in", "proxy", "other machines"],
)
def test_a_shop_that_others_can_reach_takes_no_request(
    tmp_path: Path, kitchen: Process, settings: dict[str, str]
) -> None:
    up = Up(tmp_path, kitchen, **settings)
    with up.requests.accepted():
        assert up.files.parts() == []
        with pytest.raises(Conflict, match="nobody else can reach"):
            up.files.kill("kitchen", {})


@pytest.mark.parametrize("content", ['{"ana": {"roles": ["manager"], "password": ""}}', "damaged"])
def test_accounts_that_were_added_since_end_the_crashes(up: Up, tmp_path: Path, content: str) -> None:
    (tmp_path / "staff.json").write_text(content)
    pid = up.kitchen.pid
    up.ask()
    assert "nobody else can reach" in up.run_round().refusal
    assert up.kitchen.pid == pid


def test_a_closed_shop_takes_no_request(tmp_path: Path, kitchen: Process) -> None:
    up = Up(tmp_path, kitchen)
    with up.requests.accepted():
        pass
    with pytest.raises(Conflict, match="`pizzashop up` runs on this machine"):
        up.files.kill("kitchen", {})


def test_whoever_asks_gets_the_crash_or_the_refusal(tmp_path: Path) -> None:
    with supervised(tmp_path):
        assert CrashFiles(tmp_path).kill("kitchen", {"123": 4}).request.orders == {"123": 4}
        with pytest.raises(InvalidRequest, match=r"'oven' is no part .* These are: valkey, kitchen"):
            CrashFiles(tmp_path).kill("oven", {})
    with supervised(tmp_path, refusal="not now"), pytest.raises(Conflict, match="not now"):
        CrashFiles(tmp_path).kill("kitchen", {})


def test_of_two_that_ask_at_once_one_is_refused(up: Up) -> None:
    up.ask()
    with pytest.raises(Conflict, match="Another crash is asked for"):
        up.files.kill("kitchen", {})


def test_two_requests_one_after_the_other_have_each_their_own_answer(tmp_path: Path) -> None:
    with supervised(tmp_path) as requests:
        crashes = [CrashFiles(tmp_path).kill(part, {}) for part in ("kitchen", "valkey")]
    assert [crash.request for crash in crashes] == requests
