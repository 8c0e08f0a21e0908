"""An order whose workflow the engine has lost is stuck: the reconciler recovers it, and no stage begins twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from fakes.shop import FakeShop, Post
from running_server import running
from werkzeug.serving import make_server

from pizzashop.console.shop import ShopApi
from pizzashop.domain import reconciliation
from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.domain.reconciliation import STUCK_SECONDS
from pizzashop.errors import Unavailable
from pizzashop.local.open_shop import check_stuck_orders
from pizzashop.roles import ORDER, WORKFLOW, Role
from pizzashop.workflow.reconciler import CANCEL_SECONDS, WAKE_SECONDS, Reconciler, Watchdog


class Watched:
    """A shop, and its reconciler with a clock of its own."""

    def __init__(self, shop: FakeShop) -> None:
        self.shop, self.seconds = shop, 0.0
        self.reconciler: Reconciler = shop.make_reconciler(Watchdog(clock=lambda: self.seconds))
        self.reconciler.run_once()

    def reconcile_after(self, seconds: float) -> None:
        self.seconds += seconds
        self.reconciler.run_once()

    def until_woken(self) -> None:
        self.reconcile_after(0)
        self.reconcile_after(STUCK_SECONDS)

    def until_restarted(self) -> None:
        self.until_woken()
        self.reconcile_after(WAKE_SECONDS)


@contextmanager
def serving(shop: FakeShop, role: Role) -> Iterator[str]:
    """Serve a role on a free port within the block, and yield its URL."""
    server = make_server("127.0.0.1", 0, shop.sidecar.apps[role], threaded=True)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


@pytest.fixture
def watched(shop: FakeShop) -> Watched:
    """The sample order is accepted, its workflow runs, and the engine has lost what that waits for."""
    shop.place()
    shop.engine.hanging.add("123")
    shop.engine.instances["123"].status = "RUNNING"
    return Watched(shop)


def test_its_workflow_is_woken_and_then_restarted(watched: Watched, shop: FakeShop) -> None:
    watched.until_woken()
    assert (shop.engine.woken, shop.engine.scheduled) == (["123"], ["123"])
    watched.reconcile_after(WAKE_SECONDS)
    assert shop.engine.scheduled == ["123", "123"]
    shop.engine.run()
    shop.decide(approved=True)
    assert [each for each in shop.history() if each != "approved"] == list(HAPPY_PATH)


def test_doctor_names_it_with_its_stage_and_its_workflow(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciliation, "STUCK_SECONDS", -1)
    with (
        serving(watched.shop, ORDER) as order_url,
        serving(watched.shop, WORKFLOW) as workflow_url,
        ShopApi(order_url, workflow_url) as api,
    ):
        finding = check_stuck_orders(api)
    assert finding.found.startswith("1 made no progress for a minute or longer: 123 (order received for 0:0")
    assert finding.found.endswith(", workflow RUNNING)")


def lost_while_it_waits(shop: FakeShop) -> None:
    shop.place_and_run()


def lost_after_the_decision(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.engine.hanging.add("123")
    shop.decide(approved=True)


def lost_while_it_is_made_again(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.decide(approved=False, remake=True)


@pytest.mark.parametrize("lost", [lost_while_it_waits, lost_after_the_decision, lost_while_it_is_made_again])
def test_wherever_it_was_lost_each_stage_begins_once(shop: FakeShop, lost: Callable[[FakeShop], None]) -> None:
    lost(shop)
    attempt, before = shop.record()["attempt"], shop.history()
    shop.engine.hanging.add("123")
    shop.clock_offset = timedelta(minutes=6)  # the manager's reminder is overdue
    Watched(shop).until_restarted()
    shop.engine.run()
    if shop.record()["status"] != "delivered":
        shop.decide(approved=True, attempt=attempt)
    history = shop.history()
    assert history[: len(before)] == before
    assert (shop.record()["status"], shop.record()["attempt"]) == ("delivered", attempt)
    stages = [(e["attempt"], e["status"]) for e in shop.record()["history"] if e["kind"] == "stage"]
    assert len(stages) == len(set(stages))
    runs = {(e["attempt"], e["status"], e["run"]) for e in shop.sidecar.published}
    assert len(runs) == len({(attempt, status) for attempt, status, _ in runs})


def test_the_settings_of_its_first_start_hold(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.settings = shop.settings.model_copy(update={"max_remakes": 0})
    shop.engine.hanging.add("123")
    shop.clock_offset = timedelta(minutes=6)
    Watched(shop).until_restarted()
    shop.engine.run()
    shop.decide(approved=False, remake=True)
    assert shop.record()["attempt"] == 2


def test_of_two_replicas_one_restarts_it(watched: Watched, shop: FakeShop) -> None:
    other = Watched(shop)
    for each in (watched, other):
        each.until_woken()
    for each in (watched, other):
        each.reconcile_after(WAKE_SECONDS)
    assert shop.engine.scheduled == ["123", "123"]
    progress = shop.sidecar.invoke(ORDER, "GET", "/unsettled")["progress"]["123"]
    commands = shop.make_commands()
    shop.sidecar.invoke(ORDER, "POST", "/order/123/heartbeat", {"uid": None})
    assert commands.recover("123", progress, was_woken=True) is None, "it has made progress meanwhile"
    assert shop.engine.scheduled == ["123", "123"]


def test_a_workflow_that_goes_on_once_woken_is_not_restarted(watched: Watched, shop: FakeShop) -> None:
    watched.until_woken()
    shop.engine.hanging.clear()
    shop.engine.instances["123"].status = "PENDING"
    shop.engine.run()
    watched.reconcile_after(WAKE_SECONDS)
    assert shop.engine.scheduled == ["123"]


def test_it_is_not_stuck_while_an_activity_runs_in_this_process(watched: Watched, shop: FakeShop) -> None:
    with shop.running.run("123"):
        watched.until_restarted()
    assert (shop.engine.woken, shop.engine.scheduled) == ([], ["123"])


def test_it_is_not_stuck_while_another_process_sends_heartbeats(watched: Watched, shop: FakeShop) -> None:
    for _ in range(10):
        watched.reconcile_after(STUCK_SECONDS - 1)
        shop.sidecar.invoke(ORDER, "POST", "/order/123/heartbeat", {"uid": None})
    assert (shop.engine.woken, shop.engine.scheduled) == ([], ["123"])


def test_the_time_that_role_order_was_away_does_not_count(watched: Watched, shop: FakeShop) -> None:
    watched.reconcile_after(STUCK_SECONDS - 1)
    shop.sidecar.is_down = True
    with pytest.raises(Unavailable):
        watched.reconcile_after(1)
    shop.sidecar.is_down = False
    watched.reconcile_after(1)
    assert not shop.engine.woken


def test_nothing_is_restarted_while_the_engine_is_away(watched: Watched, shop: FakeShop) -> None:
    shop.engine.is_down = True
    for _ in range(10):
        watched.reconcile_after(STUCK_SECONDS)
    shop.engine.is_down = False
    assert shop.engine.scheduled == ["123"]


def test_a_paused_order_is_not_stuck(watched: Watched, shop: FakeShop, post: Post) -> None:
    assert post("/pause-order").status_code == 200
    for _ in range(3):
        watched.until_restarted()
    assert (shop.engine.scheduled, shop.engine.status("123")) == (["123"], "SUSPENDED")
    assert post("/resume-order").status_code == 200
    watched.until_restarted()
    assert shop.engine.scheduled == ["123", "123"]


def test_an_order_before_the_manager_is_not_stuck(shop: FakeShop) -> None:
    shop.place_and_run()
    watched = Watched(shop)
    for _ in range(3):
        watched.until_restarted()
    assert (shop.engine.woken, shop.engine.scheduled) == ([], ["123"])


@pytest.mark.parametrize("ended", ["FAILED", "COMPLETED", "TERMINATED"])
def test_a_workflow_that_ended_without_its_order_is_restarted(watched: Watched, shop: FakeShop, ended: str) -> None:
    shop.engine.instances["123"].status = ended
    watched.until_woken()
    assert (shop.engine.woken, shop.engine.scheduled) == ([], ["123", "123"])


def test_a_workflow_that_the_engine_does_not_know_is_restarted(watched: Watched, shop: FakeShop) -> None:
    del shop.engine.instances["123"]
    shop.sidecar.invoke(ORDER, "POST", "/claims", {"claims": [claim(shop)]})
    watched.until_woken()
    assert shop.engine.scheduled == ["123", "123"]


def test_a_workflow_that_somebody_suspended_directly_goes_on_as_the_record_says(
    watched: Watched, shop: FakeShop
) -> None:
    shop.engine.pause("123")
    watched.until_woken()
    assert shop.engine.status("123") == "RUNNING"


@pytest.mark.parametrize("too_large", [True, False])
def test_a_stalled_workflow_is_restarted_only_if_it_is_too_large(
    watched: Watched, shop: FakeShop, too_large: bool
) -> None:
    """If no process runs its version, the release that has it must go on with it."""
    shop.engine.instances["123"].status = "STALLED"
    shop.engine.too_large = {"123"} if too_large else set()
    watched.until_restarted()
    assert shop.engine.scheduled == (["123", "123"] if too_large else ["123"])
    assert shop.engine.status("123") == ("PENDING" if too_large else "STALLED")


@pytest.mark.parametrize("status", ["STALLED", "FAILED"])
def test_it_can_be_cancelled_whatever_its_runtime_status(
    watched: Watched, shop: FakeShop, post: Post, status: str
) -> None:
    assert watched
    shop.engine.instances["123"].status = status
    assert post("/cancel-order").status_code == 200
    assert shop.record()["status"] == "cancelled"


def test_it_is_cancelled_even_if_the_engine_never_terminates_its_workflow(
    shop: FakeShop, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.place_and_run()
    shop.engine.ignores_commands = True
    assert post("/cancel-order").status_code == 503
    at = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: 1000 + at[-1])
    monkeypatch.setattr(reconciliation, "COMMAND_GRACE_SECONDS", -1)
    reconciler = shop.make_reconciler()
    for seconds in (0, CANCEL_SECONDS - 1):
        at.append(seconds)
        reconciler.run_once()
        assert shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["cancelling"]
    at.append(2 * CANCEL_SECONDS)
    reconciler.run_once()
    assert shop.record()["status"] == "cancelled"
    assert shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["status"] == "cancelled"


def claim(shop: FakeShop) -> dict[str, object]:
    uid = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    return {"order_id": "123", "step": "order", "attempt": 1, "run": "run-0", "uid": uid}
