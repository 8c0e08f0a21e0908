"""The reconciler repeats failed commands ever more rarely, and notices stuck orders."""

import threading
import time
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from pizzashop.domain.reconciliation import STUCK_SECONDS
from pizzashop.domain.requests import OrderCommand
from pizzashop.errors import Unavailable
from pizzashop.metrics import WorkflowMetrics
from pizzashop.workflow.capacity import RunningActivities
from pizzashop.workflow.reconciler import MAX_RESTART_SECONDS, RECONCILE_SECONDS, WAKE_SECONDS, Reconciler, Watchdog


class Unsettled:
    """Sidecar and commands at once: an order is to be cancelled, and the engine is away."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.needs = ["cancel"]
        self.tried_at: list[float] = []
        self.forced: list[bool] = []

    def invoke(self, *_: Any) -> dict[str, Any]:
        return {"orders": [{"order_id": "123", "attempt": 1, "need": need} for need in self.needs], "progress": {}}

    def cancel(self, _: OrderCommand, *, force: bool) -> None:
        self.tried_at.append(self.seconds)
        self.forced.append(force)
        raise Unavailable("the engine is away")


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch) -> Unsettled:
    unsettled = Unsettled()
    monkeypatch.setattr(time, "monotonic", lambda: 1000 + unsettled.seconds)
    return unsettled


def make_reconciler(unsettled: Unsettled) -> Reconciler:
    return Reconciler(unsettled, unsettled, RunningActivities(), Watchdog(), threading.Event())  # type: ignore[arg-type]


def run_until(reconciler: Reconciler, unsettled: Unsettled, seconds: float) -> None:
    while unsettled.seconds < seconds:
        reconciler.run_once()
        unsettled.seconds += RECONCILE_SECONDS


class TestRetries:
    def test_a_command_is_repeated_after_pauses_that_double_up_to_two_minutes(self, unsettled: Unsettled) -> None:
        run_until(make_reconciler(unsettled), unsettled, 440)
        assert unsettled.tried_at == [0, 3, 9, 21, 45, 93, 189, 309, 429]

    def test_after_half_a_minute_a_cancelled_order_ends_without_the_engine(self, unsettled: Unsettled) -> None:
        run_until(make_reconciler(unsettled), unsettled, 440)
        assert unsettled.forced == [False] * 4 + [True] * 5

    def test_a_new_command_is_repeated_at_once(self, unsettled: Unsettled) -> None:
        reconciler = make_reconciler(unsettled)
        run_until(reconciler, unsettled, 12)
        unsettled.needs = []
        run_until(reconciler, unsettled, 15)
        unsettled.needs = ["cancel"]
        run_until(reconciler, unsettled, 21)
        assert unsettled.tried_at == [0, 3, 9, 15, 18]


def test_each_try_to_repeat_a_command_is_counted(unsettled: Unsettled) -> None:
    registry = CollectorRegistry()
    metrics = WorkflowMetrics(registry)
    reconciler = Reconciler(unsettled, unsettled, RunningActivities(), Watchdog(), threading.Event(), metrics)  # type: ignore[arg-type]
    run_until(reconciler, unsettled, 12)
    tries = registry.get_sample_value("pizzashop_reconciler_commands_total", {"command": "cancel", "result": "failed"})
    assert tries == len(unsettled.tried_at) == 3
    assert registry.get_sample_value("pizzashop_reconciler_last_round_timestamp_seconds") == pytest.approx(
        time.time(), abs=60
    )


class NotBegun:
    """Sidecar and commands at once: an order is accepted, and none of its stages has begun."""

    def __init__(self) -> None:
        self.started: list[str] = []

    def invoke(self, *_: Any) -> dict[str, Any]:
        return {"orders": [{"order_id": "123", "attempt": 1, "need": "start", "order": {}}], "progress": {}}

    def start_again(self, order_id: str, _: dict[str, Any]) -> None:
        self.started.append(order_id)


def test_an_order_whose_first_step_waits_for_room_is_not_started_again() -> None:
    shop, running = NotBegun(), RunningActivities()
    reconciler = Reconciler(shop, shop, running, Watchdog(), threading.Event())  # type: ignore[arg-type]
    with running.run("123"):
        reconciler.run_once()
    assert shop.started == []
    Reconciler(shop, shop, running, Watchdog(), threading.Event()).run_once()  # type: ignore[arg-type]
    assert shop.started == ["123"]


class NotStuck:
    """Sidecar and commands at once: an order seems stuck, and makes progress before it is recovered."""

    def __init__(self) -> None:
        self.recovered: list[str] = []

    def invoke(self, *_: Any) -> dict[str, Any]:
        return {"orders": [], "progress": {"123": "1"}}

    def recover(self, order_id: str, *_: Any, **__: Any) -> None:
        self.recovered.append(order_id)


def test_an_order_that_is_not_stuck_any_more_does_not_count_as_woken() -> None:
    shop, watchdog = NotStuck(), Watchdog(seconds=0)
    Reconciler(shop, shop, RunningActivities(), watchdog, threading.Event()).run_once()  # type: ignore[arg-type]
    assert shop.recovered == ["123"]
    assert not watchdog.was_woken("123")


class Watched:
    """A watchdog and its clock."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.watchdog = Watchdog(clock=lambda: self.seconds)

    def observe_after(self, seconds: float, **progress: str) -> list[str]:
        self.seconds += seconds
        return self.watchdog.observe(progress)


class TestWatchdog:
    @pytest.fixture
    def watched(self) -> Watched:
        watched = Watched()
        assert watched.observe_after(0, a="1") == []
        return watched

    def test_an_order_without_progress_is_stuck(self, watched: Watched) -> None:
        assert watched.observe_after(STUCK_SECONDS - 1, a="1") == []
        assert watched.observe_after(1, a="1") == ["a"]

    def test_any_progress_counts(self, watched: Watched) -> None:
        assert watched.observe_after(STUCK_SECONDS - 1, a="2") == []
        assert watched.observe_after(STUCK_SECONDS - 1, a="2") == []
        assert watched.observe_after(1, a="2") == ["a"]

    def test_a_time_without_observation_does_not_count(self, watched: Watched) -> None:
        watched.observe_after(STUCK_SECONDS - 1, a="1")
        watched.watchdog.reset()
        assert watched.observe_after(1, a="1") == []

    def test_an_ended_order_is_forgotten(self, watched: Watched) -> None:
        watched.observe_after(1)
        assert watched.observe_after(STUCK_SECONDS, a="1") == []

    def test_a_woken_order_has_a_while_to_make_progress(self, watched: Watched) -> None:
        watched.observe_after(STUCK_SECONDS, a="1")
        assert not watched.watchdog.was_woken("a")
        watched.watchdog.note_woken("a")
        assert watched.observe_after(WAKE_SECONDS - 1, a="1") == []
        assert watched.observe_after(1, a="1") == ["a"]
        assert watched.watchdog.was_woken("a")

    def test_an_order_that_made_progress_is_woken_first_the_next_time(self, watched: Watched) -> None:
        watched.observe_after(STUCK_SECONDS, a="1")
        watched.watchdog.note_woken("a")
        watched.observe_after(1, a="2")
        assert watched.observe_after(STUCK_SECONDS, a="2") == ["a"]
        assert not watched.watchdog.was_woken("a")

    def test_an_order_that_was_restarted_in_vain_is_recovered_ever_more_rarely(self, watched: Watched) -> None:
        waited = []
        for _ in range(6):
            began = watched.seconds
            while not watched.observe_after(1, a="1"):
                pass
            waited.append(watched.seconds - began)
            watched.watchdog.note_restarted("a")
        assert waited == [STUCK_SECONDS, 120, 240, 480, MAX_RESTART_SECONDS, MAX_RESTART_SECONDS]

    def test_an_order_for_which_nothing_can_be_done_is_postponed(self, watched: Watched) -> None:
        watched.observe_after(STUCK_SECONDS, a="1")
        watched.watchdog.postpone("a")
        assert watched.observe_after(STUCK_SECONDS - 1, a="1") == []
        assert watched.observe_after(1, a="1") == ["a"]
