"""One step of one order: each stage once, whatever happens to the processes that do it."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop, stage

from pizzashop.dapr.sidecar import Sidecar
from pizzashop.domain.claims import LEASE_SECONDS
from pizzashop.domain.lifecycle import COOK_STEP, DELIVER_STEP, ORDER_STEP, Step
from pizzashop.errors import Conflict, Unavailable
from pizzashop.roles import ORDER
from pizzashop.steps.runner import ConcurrencyLimit, StepContext, run_step

DOUGH = ("cooking_preparing_ingredients", "cooking_making_dough")


@pytest.fixture
def shop() -> FakeShop:
    """A shop with the sample order in it, confirmed, whose events reach its record at once."""
    shop = FakeShop()
    shop.place()
    shop.sidecar.deliver(stage("confirmed"))
    return shop


def cook(shop: FakeShop, pace: float = 0, **more: Any) -> dict[str, Any]:
    return run_step(COOK_STEP, {**ORDER_123, **more}, means(shop.sidecar, shop.limit, pace))


def means(sidecar: Sidecar, gate: ConcurrencyLimit, pace: float = 0) -> StepContext:
    return StepContext(sidecar, gate, pace)


def published(shop: FakeShop) -> list[str]:
    return [event["status"] for event in shop.sidecar.published]


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def uid(shop: FakeShop) -> str:
    answer: dict[str, Any] = shop.client(ORDER).get("/order/123/summary").json  # type: ignore[assignment]
    return str(answer["uid"])


@pytest.mark.parametrize("step", [ORDER_STEP, COOK_STEP], ids=lambda step: step.name)
def test_each_stage_is_published_once_in_order(step: Step) -> None:
    shop = FakeShop()
    shop.place()
    shop.sidecar.deliver(*(stage("confirmed") for _ in [step] if step is COOK_STEP))
    before = datetime.now(UTC)
    run_step(step, ORDER_123, means(shop.sidecar, shop.limit))
    assert published(shop) == list(step.announced)
    events = shop.sidecar.published
    assert len({event["run"] for event in events}) == 1
    assert {event["attempt"] for event in events} == {1}
    moments = [datetime.fromisoformat(event["at"]) for event in events]
    assert moments == sorted(moments)
    assert before <= moments[0] <= moments[-1] <= datetime.now(UTC)


def test_done_again_nothing_is_published_again(shop: FakeShop) -> None:
    cook(shop)
    assert cook(shop)["status"] == "cooked"
    assert published(shop) == list(COOK_STEP.announced)


def test_each_stage_lasts_its_seconds_by_the_pace(shop: FakeShop) -> None:
    cook(shop, pace=0.01)
    moments = [datetime.fromisoformat(event["at"]).timestamp() for event in shop.sidecar.published]
    for (_, seconds), (began, ended) in zip(COOK_STEP.stages, pairwise(moments), strict=True):
        assert ended - began >= seconds * 0.01 - 0.002


class TestAfterACrash:
    def test_what_began_is_not_begun_again(self, shop: FakeShop) -> None:
        shop.sidecar.deliver(*(stage(status, run="dead") for status in DOUGH))
        assert cook(shop)["status"] == "cooked"
        assert published(shop) == list(COOK_STEP.announced[2:])
        assert shop.history()[1:] == ["confirmed", *COOK_STEP.announced]

    def test_what_is_left_of_a_stage_is_waited_out(self, shop: FakeShop) -> None:
        began = ago(0)
        shop.sidecar.deliver(stage("cooking_baking", at=began))
        cook(shop, pace=0.04)
        after = datetime.fromisoformat(shop.sidecar.published[0]["at"]) - datetime.fromisoformat(began)
        assert shop.sidecar.published[0]["status"] == "cooking_quality_check"
        assert after.total_seconds() >= 5 * 0.04

    def test_what_has_lasted_long_enough_is_not_waited_for(self, shop: FakeShop) -> None:
        shop.sidecar.deliver(stage("cooking_baking", at=ago(3600)))
        began = time.monotonic()
        cook(shop, pace=0.2)
        assert time.monotonic() - began < 5 * 0.2

    def test_what_only_the_order_knows_of_counts_too(self, shop: FakeShop) -> None:
        history = [{"status": "cooking_quality_check", "at": ago(1)}]
        cook(shop, history=history)
        assert published(shop) == ["cooked"]


class TestTwoAtOnce:
    def test_the_second_joins_the_first(self, shop: FakeShop) -> None:
        answers: list[dict[str, Any]] = []
        runs = [threading.Thread(target=lambda: answers.append(cook(shop, pace=0.01))) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        assert [answer["status"] for answer in answers] == ["cooked", "cooked"]
        assert published(shop) == list(COOK_STEP.announced)

    def test_a_step_in_other_hands_is_left_when_the_process_stops(self, shop: FakeShop) -> None:
        claim = {"step": "cook", "attempt": 1, "run": "other"}
        shop.sidecar.invoke(ORDER, "POST", "/order/123/claim", claim)
        threading.Timer(0.01, shop.limit.stopping.set).start()
        with pytest.raises(Unavailable):
            cook(shop)
        assert published(shop) == []


class TestClosed:
    @pytest.mark.parametrize("end", ["failed", "cancelled", "delivered"])
    def test_nothing_is_done_for_an_order_that_has_ended(self, shop: FakeShop, end: str) -> None:
        shop.sidecar.invoke(ORDER, "POST", "/order/123/end", {"status": end})
        with pytest.raises(Conflict) as refused:
            cook(shop)
        assert refused.value.extra == {"order_status": end}
        assert published(shop) == []

    def test_nothing_is_delivered_that_was_not_approved(self, shop: FakeShop) -> None:
        with pytest.raises(Conflict):
            run_step(DELIVER_STEP, ORDER_123, means(shop.sidecar, shop.limit))

    def test_nothing_is_done_for_a_deleted_order(self, shop: FakeShop) -> None:
        known = uid(shop)
        shop.sidecar.invoke(ORDER, "POST", "/order/123/end", {"status": "failed"})
        shop.client(ORDER).delete("/order/123")
        with pytest.raises(Conflict):
            cook(shop, uid=known)


class Passing(threading.Event):
    """What a run sleeps by: the shop's time passes at once, and somebody else asks for the step then."""

    def __init__(self, shop: FakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._shop, self._seconds = shop, 0.0
        self.others: list[str] = []
        monkeypatch.setattr(time, "monotonic", lambda: self._seconds)

    def wait(self, timeout: float | None = None) -> bool:
        self._seconds += timeout or 0
        self._shop.clock_offset = timedelta(seconds=self._seconds)
        other = {"step": "cook", "attempt": 1, "run": "other"}
        self.others.append(self._shop.sidecar.invoke(ORDER, "POST", "/order/123/claim", other)["claim"])
        return self.is_set()


def test_however_long_a_stage_lasts_no_other_run_takes_over(shop: FakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.limit.stopping = Passing(shop, monkeypatch)
    assert cook(shop, pace=2 * LEASE_SECONDS)["status"] == "cooked"
    assert set(shop.limit.stopping.others) == {"taken"}
    assert published(shop) == list(COOK_STEP.announced)


class Halting:
    """A sidecar that publishes so many at a time, and no more of those that it was given."""

    def __init__(self, sidecar: Any, most: int) -> None:
        self._sidecar, self._most = sidecar, most
        self.invoke = sidecar.invoke

    def publish(self, events: Sequence[dict[str, Any]]) -> int:
        count: int = self._sidecar.publish(events[: self._most])
        return count


def test_what_did_not_reach_the_topic_is_published_again_before_the_step_is_done(shop: FakeShop) -> None:
    halting: Any = Halting(shop.sidecar, most=2)
    assert run_step(COOK_STEP, ORDER_123, means(halting, shop.limit))["status"] == "cooked"
    assert published(shop) == list(COOK_STEP.announced)


class TestStopping:
    def test_no_step_begins(self, shop: FakeShop) -> None:
        shop.limit.stopping.set()
        with pytest.raises(Unavailable):
            cook(shop)
        assert published(shop) == []

    def test_a_step_is_given_back_and_another_run_goes_on(self, shop: FakeShop) -> None:
        shop.sidecar.on_publish = lambda _: shop.limit.stopping.set()
        with pytest.raises(Unavailable):
            cook(shop, pace=100)
        assert published(shop) == [COOK_STEP.announced[0]]
        began = time.monotonic()
        assert run_step(COOK_STEP, ORDER_123, means(shop.sidecar, ConcurrencyLimit(1)))["status"] == "cooked"
        assert time.monotonic() - began < LEASE_SECONDS / 2
        assert published(shop) == list(COOK_STEP.announced)


class TestGate:
    @pytest.fixture
    def full(self) -> Iterator[ConcurrencyLimit]:
        gate = ConcurrencyLimit(1)
        with gate:
            yield gate

    def test_no_more_than_its_places(self, shop: FakeShop, full: ConcurrencyLimit) -> None:
        with pytest.raises(Unavailable):
            run_step(COOK_STEP, ORDER_123, means(shop.sidecar, full))

    def test_a_place_is_free_again(self, shop: FakeShop) -> None:
        gate = ConcurrencyLimit(1)
        for order_id in ("a", "b"):
            run_step(COOK_STEP, {**ORDER_123, "order_id": order_id}, means(shop.sidecar, gate))


class TestFailingOnPurpose:
    def test_it_ends_in_that_stage(self, shop: FakeShop) -> None:
        answer = run_step(COOK_STEP, ORDER_123, StepContext(shop.sidecar, shop.limit, 0, "cooking_making_dough:12"))
        assert answer["status"] == "cooking_failed"
        assert "cooking_making_dough" in answer["error"]
        assert published(shop) == list(DOUGH)

    @pytest.mark.parametrize("fail", ["cooking_making_dough:4", "processing:123", "cooking:"])
    def test_only_that_stage_of_those_orders(self, shop: FakeShop, fail: str) -> None:
        assert run_step(COOK_STEP, ORDER_123, StepContext(shop.sidecar, shop.limit, 0, fail))["status"] == "cooked"


def test_without_a_record_a_step_answers_the_order_with_its_status_changed() -> None:
    shop = FakeShop()
    assert cook(shop) == {**ORDER_123, "status": "cooked"}
    assert published(shop) == list(COOK_STEP.announced)


def test_the_workflows_order_comes_back_with_its_history(shop: FakeShop) -> None:
    history = [{"status": "confirmed", "at": ago(1)}]
    answer = cook(shop, uid=uid(shop), history=history)
    assert [entry["status"] for entry in answer["history"]] == ["confirmed", *COOK_STEP.announced]
    assert answer["attempt"] == 1


def test_the_sidecar_being_away_is_said_at_once(shop: FakeShop) -> None:
    shop.sidecar.is_down = True
    with pytest.raises(Unavailable):
        cook(shop)
