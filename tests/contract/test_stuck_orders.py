"""An order that the engine has lost is stuck: the sweep recovers it, and nothing of it begins twice."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from fakes.shop import FakeShop, Post

from pizzashop.domain import reconciliation
from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.domain.reconciliation import STUCK_SECONDS
from pizzashop.roles import ORDER
from pizzashop.workflow.commands import OrderCommands
from pizzashop.workflow.reconciler import CANCEL_SECONDS, WAKE_SECONDS, Reconciler, Watchdog


class Watched:
    """A shop whose sweep looks when it is told to, at the time that it is told."""

    def __init__(self, shop: FakeShop) -> None:
        self.shop, self.seconds = shop, 0.0
        self.sweep: Reconciler = shop.make_reconciler(Watchdog(clock=lambda: self.seconds))
        self.sweep.once()

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds
        self.sweep.once()

    def until_woken(self) -> None:
        self.pass_by(0)
        self.pass_by(STUCK_SECONDS)

    def until_restarted(self) -> None:
        self.until_woken()
        self.pass_by(WAKE_SECONDS)


@pytest.fixture
def watched(shop: FakeShop) -> Watched:
    """The sample order has been accepted and has begun; what its workflow waits for is lost."""
    shop.place()
    shop.engine.hanging.add("123")
    shop.engine.instances["123"].status = "RUNNING"
    return Watched(shop)


def test_it_is_woken_and_then_restarted(watched: Watched, shop: FakeShop) -> None:
    watched.until_woken()
    assert (shop.engine.woken, shop.engine.scheduled) == (["123"], ["123"])
    watched.pass_by(WAKE_SECONDS)
    assert shop.engine.scheduled == ["123", "123"]
    shop.engine.run()
    shop.decide(approved=True)
    assert [each for each in shop.history() if each != "approved"] == list(HAPPY_PATH)


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
def test_wherever_it_stood_each_stage_begins_once(shop: FakeShop, lost: Callable[[FakeShop], None]) -> None:
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


def test_the_settings_of_its_start_hold_to_its_end(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.settings = shop.settings.model_copy(update={"max_remakes": 0})
    shop.engine.hanging.add("123")
    shop.clock_offset = timedelta(minutes=6)
    Watched(shop).until_restarted()
    shop.engine.run()
    shop.decide(approved=False, remake=True)
    assert shop.record()["attempt"] == 2


def test_of_two_processes_that_see_it_one_begins_it_again(watched: Watched, shop: FakeShop) -> None:
    other = Watched(shop)
    for each in (watched, other):
        each.until_woken()
    for each in (watched, other):
        each.pass_by(WAKE_SECONDS)
    assert shop.engine.scheduled == ["123", "123"]
    asked = shop.sidecar.invoke(ORDER, "GET", "/unsettled")["progress"]["123"]
    office = OrderCommands(shop.sidecar, shop.engine, shop.settings)
    shop.sidecar.invoke(ORDER, "POST", "/order/123/heartbeat", {"uid": None})
    assert office.recover("123", asked, is_woken=True) is None, "asked at the same moment, and a little later"
    assert shop.engine.scheduled == ["123", "123"]


def test_one_that_moves_once_woken_is_left_alone(watched: Watched, shop: FakeShop) -> None:
    watched.until_woken()
    shop.engine.hanging.clear()
    shop.engine.instances["123"].status = "PENDING"
    shop.engine.run()
    watched.pass_by(WAKE_SECONDS)
    assert shop.engine.scheduled == ["123"]


def test_not_while_an_activity_of_it_is_under_way_here(watched: Watched, shop: FakeShop) -> None:
    with shop.in_hand.under_way("123"):
        watched.until_restarted()
    assert (shop.engine.woken, shop.engine.scheduled) == ([], ["123"])


def test_nor_while_another_process_says_that_one_is(watched: Watched, shop: FakeShop) -> None:
    for _ in range(10):
        watched.pass_by(STUCK_SECONDS - 1)
        shop.sidecar.invoke(ORDER, "POST", "/order/123/heartbeat", {"uid": None})
    assert (shop.engine.woken, shop.engine.scheduled) == ([], ["123"])


def test_nor_after_role_order_was_away(watched: Watched, shop: FakeShop) -> None:
    watched.pass_by(STUCK_SECONDS - 1)
    shop.sidecar.is_down = True
    with pytest.raises(Exception, match="away"):
        watched.pass_by(1)
    shop.sidecar.is_down = False
    watched.pass_by(1)
    assert not shop.engine.woken


def test_nor_while_the_engine_does_not_act(watched: Watched, shop: FakeShop) -> None:
    shop.engine.is_down = True
    for _ in range(10):
        watched.pass_by(STUCK_SECONDS)
    shop.engine.is_down = False
    assert shop.engine.scheduled == ["123"]


def test_nor_while_it_is_paused(watched: Watched, shop: FakeShop, post: Post) -> None:
    assert post("/pause-order").status_code == 200
    for _ in range(3):
        watched.until_restarted()
    assert (shop.engine.scheduled, shop.engine.status("123")) == (["123"], "SUSPENDED")
    assert post("/resume-order").status_code == 200
    watched.until_restarted()
    assert shop.engine.scheduled == ["123", "123"]


def test_nor_while_the_manager_has_it(shop: FakeShop) -> None:
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


def test_one_that_the_engine_does_not_know_is_restarted(watched: Watched, shop: FakeShop) -> None:
    del shop.engine.instances["123"]
    shop.sidecar.invoke(ORDER, "POST", "/order/123/claim", claim(shop))
    watched.until_woken()
    assert shop.engine.scheduled == ["123", "123"]


def test_one_that_is_suspended_past_the_shop_goes_on_as_its_record_says(watched: Watched, shop: FakeShop) -> None:
    shop.engine.pause("123")
    watched.until_woken()
    assert shop.engine.status("123") == "RUNNING"


@pytest.mark.parametrize("too_large", [True, False])
def test_one_that_is_stalled_is_restarted_for_its_size_alone(watched: Watched, shop: FakeShop, too_large: bool) -> None:
    """Where its version of the workflow is missing, the release that has it is to go on with it."""
    shop.engine.instances["123"].status = "STALLED"
    shop.engine.too_large = {"123"} if too_large else set()
    watched.until_restarted()
    assert shop.engine.scheduled == (["123", "123"] if too_large else ["123"])
    assert shop.engine.status("123") == ("PENDING" if too_large else "STALLED")


@pytest.mark.parametrize("status", ["STALLED", "FAILED"])
def test_it_can_be_cancelled_whatever_the_engine_makes_of_it(
    watched: Watched, shop: FakeShop, post: Post, status: str
) -> None:
    assert watched
    shop.engine.instances["123"].status = status
    assert post("/cancel-order").status_code == 200
    assert shop.record()["status"] == "cancelled"


def test_where_the_engine_never_ends_it_the_order_is_cancelled_all_the_same(
    shop: FakeShop, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.place_and_run()
    shop.engine.ignores_commands = True
    assert post("/cancel-order").status_code == 503
    at = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: 1000 + at[-1])
    monkeypatch.setattr(reconciliation, "SETTLE_SECONDS", -1)
    sweep = shop.make_reconciler()
    for seconds in (0, CANCEL_SECONDS - 1):
        at.append(seconds)
        sweep.once()
        assert shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["cancelling"]
    at.append(2 * CANCEL_SECONDS)
    sweep.once()
    assert shop.record()["status"] == "cancelled"
    assert shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["status"] == "cancelled"


def claim(shop: FakeShop) -> dict[str, object]:
    uid = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    return {"step": "order", "attempt": 1, "run": "run-0", "uid": uid}
