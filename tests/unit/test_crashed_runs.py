"""A run crashes or is held up at any moment: another takes over, and each stage begins once, by one run."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from fakes.shop import ORDER_123, FakeShop, stage
from fakes.sidecar import FakeSidecar, ProcessCrash
from hypothesis import given, settings
from hypothesis import strategies as st

from pizzashop.domain.claims import LEASE_SECONDS
from pizzashop.domain.lifecycle import COOK_STEP, DELIVER_STEP, ORDER_STEP, Step
from pizzashop.errors import Unavailable
from pizzashop.roles import ORDER
from pizzashop.steps.lease import ClaimSender
from pizzashop.steps.runner import StepContext, StepLimit, run_step

# Paces: all stages begin in one claim, or each in its own. They last no time to speak of.
AT_ONCE, ONE_BY_ONE = 0.0, 1e-6
# The most calls of a run: a claim and an event for each stage.
CALLS = 2 * len(COOK_STEP.published_statuses)


class InterruptedSidecar:
    """The sidecar of a run that is interrupted at its `number`th call, before or after the call has its effect."""

    def __init__(self, sidecar: FakeSidecar, number: int, after: bool, interrupt: Callable[[], None]) -> None:
        self._sidecar, self._left, self._after, self._interrupt = sidecar, number, after, interrupt

    def invoke(self, *arguments: Any) -> Any:
        return self._call(self._sidecar.invoke, *arguments)

    def publish(self, events: Sequence[dict[str, Any]]) -> int:
        for count, event in enumerate(events):
            try:
                self._call(self._sidecar.publish, [event])
            except Unavailable:
                if count:
                    return count
                raise
        return len(events)

    def _call(self, call: Callable[..., Any], *arguments: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            self._interrupt()
        answer = call(*arguments)
        if self._left == 0 and self._after:
            self._interrupt()
        return answer


def shop_before(step: Step, *, delivers: bool) -> FakeShop:
    """A shop whose sample order is about to have `step` run. Its events are delivered at once, or never."""
    shop = FakeShop()
    shop.place()
    if step is not ORDER_STEP:
        shop.sidecar.deliver(stage("confirmed"))
    if step is DELIVER_STEP:
        shop.sidecar.deliver(stage("cooked"), stage("pending_validation"))
        decision = {"order_id": "123", "approved": True}
        shop.sidecar.invoke(ORDER, "POST", "/order/123/decide", decision)
    shop.sidecar.delivers_events = delivers
    return shop


def run(step: Step, shop: FakeShop, pace: float, sidecar: Any = None) -> dict[str, Any]:
    calls = sidecar or shop.sidecar
    return run_step(step, ORDER_123, StepContext(calls, ClaimSender(calls), StepLimit(1), pace))


def crash() -> None:
    raise ProcessCrash


def end_leases(shop: FakeShop) -> None:
    shop.clock_offset += timedelta(seconds=LEASE_SECONDS + 1)


def assert_each_stage_began_once(shop: FakeShop, step: Step) -> None:
    """On the topic each stage has one run and one time, however often it was published; the record has each once."""
    published: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for event in shop.sidecar.published:
        published[event["status"]].add((event["run"], event["at"]))
    assert {status: len(facts) for status, facts in published.items()} == dict.fromkeys(step.published_statuses, 1)
    assert [status for status in shop.history() if status in step.published_statuses] == list(step.published_statuses)
    recorded = {entry["status"]: entry["at"] for entry in shop.record()["history"]}
    assert all(recorded[status] == at for status, facts in published.items() for _, at in facts)


@pytest.mark.parametrize("delivers", [True, False], ids=["delivered", "undelivered"])
@pytest.mark.parametrize("pace", [AT_ONCE, ONE_BY_ONE], ids=["at once", "one by one"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", [ORDER_STEP, COOK_STEP, DELIVER_STEP], ids=lambda step: step.name)
class TestAtEachCall:
    """The moment is just before or just after a call has its effect."""

    def test_a_crashed_run_is_taken_over(self, step: Step, after: bool, pace: float, delivers: bool) -> None:
        for number in range(1, CALLS + 4):
            shop = shop_before(step, delivers=delivers)
            with suppress(ProcessCrash):
                run(step, shop, pace, InterruptedSidecar(shop.sidecar, number, after, crash))
            end_leases(shop)
            assert run(step, shop, pace)["status"] == step.done_status
            assert_each_stage_began_once(shop, step)

    def test_a_run_that_is_held_up_is_taken_over(self, step: Step, after: bool, pace: float, delivers: bool) -> None:
        for number in range(1, CALLS + 4):
            shop = shop_before(step, delivers=delivers)

            def run_another(shop: FakeShop = shop) -> None:
                end_leases(shop)
                assert run(step, shop, pace)["status"] == step.done_status
                end_leases(shop)

            # It notices that it was taken over, or that the step is finished.
            with suppress(Unavailable):
                held_up = InterruptedSidecar(shop.sidecar, number, after, run_another)
                assert run(step, shop, pace, held_up)["status"] == step.done_status
            assert_each_stage_began_once(shop, step)


@given(
    crashes=st.lists(
        st.tuples(st.integers(1, CALLS), st.booleans(), st.sampled_from([AT_ONCE, ONE_BY_ONE])), max_size=6
    ),
    delivers=st.booleans(),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_number_of_crashes(crashes: list[tuple[int, bool, float]], delivers: bool) -> None:
    shop = shop_before(COOK_STEP, delivers=delivers)
    for number, after, pace in crashes:
        with suppress(ProcessCrash):
            run(COOK_STEP, shop, pace, InterruptedSidecar(shop.sidecar, number, after, crash))
        end_leases(shop)
    assert run(COOK_STEP, shop, ONE_BY_ONE)["status"] == "cooked"
    assert_each_stage_began_once(shop, COOK_STEP)


def test_the_stages_of_a_crashed_run_are_published_again_only_once() -> None:
    shop = shop_before(COOK_STEP, delivers=False)
    run(COOK_STEP, shop, AT_ONCE)
    end_leases(shop)
    for _ in range(2):
        run(COOK_STEP, shop, AT_ONCE)
    assert len(shop.sidecar.published) == 2 * len(COOK_STEP.published_statuses)
