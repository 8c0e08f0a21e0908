"""A run of one step: each stage begins once, in the record first, and lasts its time."""

import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop, stage

from pizzashop.domain.claims import LEASE_SECONDS
from pizzashop.domain.lifecycle import COOK_STEP, DELIVER_STEP, ORDER_STEP, Step
from pizzashop.domain.requests import StepOrder
from pizzashop.errors import Conflict, Unavailable
from pizzashop.roles import ORDER, Role
from pizzashop.steps.lease import ClaimSender, StepLease
from pizzashop.steps.runner import StepContext, StepLimit, run_step

FIRST_STAGE = COOK_STEP.published_statuses[:1]
TWO_STAGES = COOK_STEP.published_statuses[:2]
OTHER_RUN = {"order_id": "123", "step": "cook", "attempt": 1, "run": "other"}


@pytest.fixture
def shop() -> FakeShop:
    """A shop with the sample order, confirmed. Its events are delivered at once."""
    shop = FakeShop()
    shop.place()
    shop.sidecar.deliver(stage("confirmed"))
    return shop


def cook(shop: FakeShop, pace: float = 0, **more: Any) -> dict[str, Any]:
    return run_step(COOK_STEP, {**ORDER_123, **more}, context(shop, pace=pace))


def context(shop: FakeShop, **more: Any) -> StepContext:
    sidecar = more.get("sidecar", shop.sidecar)
    return StepContext(**{"sidecar": sidecar, "claims": ClaimSender(sidecar), "limit": shop.limit, "pace": 0, **more})


def claim_for_another(shop: FakeShop) -> str:
    """Claim the cooking of the sample order for another run. Return the result."""
    (answer,) = shop.sidecar.invoke(ORDER, "POST", "/claims", {"claims": [OTHER_RUN]})["answers"]
    return str(answer["result"])


def published(shop: FakeShop) -> list[str]:
    return [event["status"] for event in shop.sidecar.published]


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def uid(shop: FakeShop) -> str:
    answer: dict[str, Any] = shop.client(ORDER).get("/order/123/summary").json  # type: ignore[assignment]
    return str(answer["uid"])


@pytest.mark.parametrize("step", [ORDER_STEP, COOK_STEP], ids=lambda step: step.name)
def test_each_stage_is_published_once_in_its_order(step: Step) -> None:
    shop = FakeShop()
    shop.place()
    if step is COOK_STEP:
        shop.sidecar.deliver(stage("confirmed"))
    before = datetime.now(UTC)
    run_step(step, ORDER_123, context(shop))
    assert published(shop) == list(step.published_statuses)
    events = shop.sidecar.published
    assert len({event["run"] for event in events}) == 1
    assert {event["attempt"] for event in events} == {1}
    moments = [datetime.fromisoformat(event["at"]) for event in events]
    assert moments == sorted(moments)
    assert before <= moments[0] <= moments[-1] <= datetime.now(UTC)


def test_a_step_that_runs_again_publishes_nothing_again(shop: FakeShop) -> None:
    cook(shop)
    assert cook(shop)["status"] == "cooked"
    assert published(shop) == list(COOK_STEP.published_statuses)


def test_each_stage_lasts_its_seconds_by_the_pace(shop: FakeShop) -> None:
    cook(shop, pace=0.01)
    moments = [datetime.fromisoformat(event["at"]).timestamp() for event in shop.sidecar.published]
    for (_, seconds), (began, ended) in zip(COOK_STEP.timed_stages, pairwise(moments), strict=True):
        assert ended - began >= seconds * 0.01 - 0.002


def test_the_answer_is_the_order_with_its_status_changed(shop: FakeShop) -> None:
    assert cook(shop, attempt=1, uid=uid(shop)) == {**ORDER_123, "attempt": 1, "uid": uid(shop), "status": "cooked"}


def test_an_order_without_a_record_is_cooked_too() -> None:
    shop = FakeShop()
    assert cook(shop) == {**ORDER_123, "status": "cooked"}
    assert published(shop) == list(COOK_STEP.published_statuses)


def test_a_sidecar_that_is_away_fails_the_request_at_once(shop: FakeShop) -> None:
    shop.sidecar.is_down = True
    with pytest.raises(Unavailable):
        cook(shop)


class TestAfterACrash:
    def test_begun_stages_do_not_begin_again(self, shop: FakeShop) -> None:
        shop.sidecar.deliver(*(stage(status, run="crashed") for status in TWO_STAGES))
        assert cook(shop)["status"] == "cooked"
        assert published(shop) == list(COOK_STEP.published_statuses[2:])
        assert shop.history()[1:] == ["confirmed", *COOK_STEP.published_statuses]

    def test_the_rest_of_a_stage_is_waited_for(self, shop: FakeShop) -> None:
        began = ago(0)
        shop.sidecar.deliver(stage("cooking_baking", at=began))
        cook(shop, pace=0.04)
        after = datetime.fromisoformat(shop.sidecar.published[0]["at"]) - datetime.fromisoformat(began)
        assert shop.sidecar.published[0]["status"] == "cooking_quality_check"
        assert after.total_seconds() >= 5 * 0.04

    def test_a_stage_whose_time_is_over_is_not_waited_for(self, shop: FakeShop) -> None:
        shop.sidecar.deliver(stage("cooking_baking", at=ago(3600)))
        began = time.monotonic()
        cook(shop, pace=0.2)
        assert time.monotonic() - began < 5 * 0.2


class TestTwoAtOnce:
    def test_the_second_run_waits_for_the_first(self, shop: FakeShop) -> None:
        answers: list[dict[str, Any]] = []
        runs = [threading.Thread(target=lambda: answers.append(cook(shop, pace=0.01))) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        assert [answer["status"] for answer in answers] == ["cooked", "cooked"]
        assert published(shop) == list(COOK_STEP.published_statuses)

    def test_it_waits_no_longer_when_the_process_stops(self, shop: FakeShop) -> None:
        claim_for_another(shop)
        threading.Timer(0.01, shop.limit.stopping.set).start()
        with pytest.raises(Unavailable):
            cook(shop)
        assert published(shop) == []

    def test_a_long_stage_renews_its_lease(self, shop: FakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = PassingClock(shop, monkeypatch)
        shop.limit.stopping = clock
        assert cook(shop, pace=2 * LEASE_SECONDS)["status"] == "cooked"
        assert set(clock.claims_of_another) == {"taken"}
        assert published(shop) == list(COOK_STEP.published_statuses)


class PassingClock(threading.Event):
    """The event on which a run sleeps. The time passes at once, and another run claims the step after each sleep."""

    def __init__(self, shop: FakeShop, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._shop, self._seconds = shop, 0.0
        self.claims_of_another: list[str] = []
        monkeypatch.setattr(time, "monotonic", lambda: self._seconds)

    def wait(self, timeout: float | None = None) -> bool:
        self._seconds += timeout or 0
        self._shop.clock_offset = timedelta(seconds=self._seconds)
        self.claims_of_another.append(claim_for_another(self._shop))
        return self.is_set()


class TestClosed:
    @pytest.mark.parametrize("end", ["failed", "cancelled", "delivered"])
    def test_no_step_runs_for_an_ended_order(self, shop: FakeShop, end: str) -> None:
        shop.end(end)
        with pytest.raises(Conflict, match=f"Order 123 is closed: the order is {end}") as refused:
            cook(shop)
        assert refused.value.extra == {"order_status": end}
        assert published(shop) == []

    def test_nothing_is_delivered_without_approval(self, shop: FakeShop) -> None:
        with pytest.raises(Conflict, match="not approved"):
            run_step(DELIVER_STEP, ORDER_123, context(shop))

    def test_no_step_runs_for_a_deleted_order(self, shop: FakeShop) -> None:
        known = uid(shop)
        shop.end("failed")
        shop.client(ORDER).delete("/order/123")
        with pytest.raises(Conflict, match="deleted"):
            cook(shop, uid=known)


class PartialPublisher:
    """A sidecar that publishes only the first events of each request."""

    def __init__(self, sidecar: Any, max_events: int) -> None:
        self._sidecar, self._max_events = sidecar, max_events
        self.invoke = sidecar.invoke

    def publish(self, events: Sequence[dict[str, Any]]) -> int:
        count: int = self._sidecar.publish(events[: self._max_events])
        return count


def test_events_that_were_not_published_are_published_before_the_step_ends(shop: FakeShop) -> None:
    partial = context(shop, sidecar=PartialPublisher(shop.sidecar, max_events=2))
    assert run_step(COOK_STEP, ORDER_123, partial)["status"] == "cooked"
    assert published(shop) == list(COOK_STEP.published_statuses)


class OtherRelease:
    """A sidecar behind which role `order` is of another release: it changes the stages of each claim and answer."""

    def __init__(self, sidecar: Any, *, unknown_to_order: str = "", unknown_to_kitchen: str = "") -> None:
        self._sidecar, self._unknown_to_order, self._unknown_to_kitchen = sidecar, unknown_to_order, unknown_to_kitchen
        self.publish = sidecar.publish
        self.claims = 0

    def invoke(self, role: Role, method: str, path: str, content: dict[str, Any]) -> dict[str, Any]:
        self.claims += 1
        (claim,) = content["claims"]
        claim["stages"] = [each for each in claim["stages"] if each["status"] != self._unknown_to_order]
        answers: dict[str, Any] = self._sidecar.invoke(role, method, path, content)
        (answer,) = answers["answers"]
        if self._unknown_to_kitchen and answer["begun_stages"]:
            answer["begun_stages"].append({**answer["begun_stages"][-1], "status": self._unknown_to_kitchen})
        return answers


class TestDuringAnUpgrade:
    def test_a_step_goes_on_after_a_stage_that_only_a_newer_release_knows(self, shop: FakeShop) -> None:
        shop.sidecar.deliver(stage("cooking_preparing_ingredients"))
        newer = OtherRelease(shop.sidecar, unknown_to_kitchen="cooking_washing")
        assert run_step(COOK_STEP, ORDER_123, context(shop, sidecar=newer, pace=0.001))["status"] == "cooked"
        assert shop.history()[-1] == "cooked"

    def test_a_stage_that_an_older_release_does_not_begin_is_not_claimed_without_a_pause(self, shop: FakeShop) -> None:
        older = OtherRelease(shop.sidecar, unknown_to_order="cooking_making_dough")
        with pytest.raises(Unavailable, match="does not begin cooking_making_dough"):
            run_step(COOK_STEP, ORDER_123, context(shop, sidecar=older, pace=0.001))
        assert published(shop) == list(FIRST_STAGE)
        assert older.claims < 10


class TestStopping:
    def test_no_step_begins(self, shop: FakeShop) -> None:
        shop.limit.stopping.set()
        with pytest.raises(Unavailable):
            cook(shop)
        assert published(shop) == []

    def test_the_lease_is_released_and_another_run_goes_on_at_once(self, shop: FakeShop) -> None:
        shop.sidecar.on_publish = lambda _: shop.limit.stopping.set()
        with pytest.raises(Unavailable):
            cook(shop, pace=100)
        assert published(shop) == list(FIRST_STAGE)
        began = time.monotonic()
        assert run_step(COOK_STEP, ORDER_123, context(shop, limit=StepLimit(1)))["status"] == "cooked"
        assert time.monotonic() - began < LEASE_SECONDS / 2
        assert published(shop) == list(COOK_STEP.published_statuses)


class TestLease:
    @pytest.fixture
    def lease(self, shop: FakeShop) -> StepLease:
        """The lease of a run that has begun the first stage."""
        lease = self.new(shop)
        assert lease.claim(FIRST_STAGE).result == "granted"
        return lease

    @staticmethod
    def new(shop: FakeShop) -> StepLease:
        return StepLease(COOK_STEP, StepOrder.parse(ORDER_123), ClaimSender(shop.sidecar))

    def test_when_all_is_published_the_next_run_goes_on_at_once(self, shop: FakeShop, lease: StepLease) -> None:
        lease.note_published(*FIRST_STAGE)
        lease.release()
        answer = self.new(shop).claim()
        assert (answer.result, answer.crashed_run) == ("granted", None)

    def test_with_an_unpublished_stage_the_lease_is_kept(self, shop: FakeShop, lease: StepLease) -> None:
        lease.release()
        assert self.new(shop).claim().result == "taken"

    def test_after_a_crash_the_next_run_learns_of_the_unpublished_stage(self, shop: FakeShop, lease: StepLease) -> None:
        assert lease.unpublished
        shop.clock_offset = timedelta(seconds=LEASE_SECONDS)
        answer = self.new(shop).claim(TWO_STAGES)
        assert [entry.status for entry in answer.begun_stages] == list(FIRST_STAGE), "it begins nothing before"
        assert answer.crashed_run is not None


class TestLimit:
    @pytest.fixture
    def full(self) -> Iterator[StepLimit]:
        limit = StepLimit(1)
        with limit:
            yield limit

    def test_no_more_steps_run_than_the_limit_allows(self, shop: FakeShop, full: StepLimit) -> None:
        with pytest.raises(Unavailable):
            run_step(COOK_STEP, ORDER_123, context(shop, limit=full))

    def test_the_place_of_a_finished_step_is_free(self, shop: FakeShop) -> None:
        limit = StepLimit(1)
        for order_id in ("a", "b"):
            run_step(COOK_STEP, {**ORDER_123, "order_id": order_id}, context(shop, limit=limit))


class TestFailure:
    """A stage fails for demonstrations, by PIZZASHOP_FAIL."""

    def test_the_step_ends_in_that_stage(self, shop: FakeShop) -> None:
        answer = run_step(COOK_STEP, ORDER_123, context(shop, failure="cooking_making_dough:12"))
        assert answer["status"] == "cooking_failed"
        assert "cooking_making_dough" in answer["error"]
        assert published(shop) == list(TWO_STAGES)

    @pytest.mark.parametrize("failure", ["cooking_making_dough:4", "processing:123", "cooking:"])
    def test_no_other_stage_and_no_other_order_fails(self, shop: FakeShop, failure: str) -> None:
        assert run_step(COOK_STEP, ORDER_123, context(shop, failure=failure))["status"] == "cooked"
