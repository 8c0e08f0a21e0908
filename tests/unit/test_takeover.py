"""A run dies or is held up at any moment: another takes over, and each stage begins once and is told by one run."""

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
from pizzashop.domain.lifecycle import COOK_STEP, ORDER_STEP, STEPS, Step
from pizzashop.errors import Unavailable
from pizzashop.roles import ORDER
from pizzashop.steps.runner import ConcurrencyLimit, StepContext, run_step

AT_ONCE, ONE_BY_ONE = 0.0, 1e-6
"""Paces: all stages begin in one claim, or each in its own, and last no time to speak of."""

CALLS = 2 * len(COOK_STEP.announced)
"""At most: a claim and an event for each."""


class Meddled:
    """A run's sidecar, in which something comes in between at its `number`th call, before or after it has an effect."""

    def __init__(self, sidecar: FakeSidecar, number: int, after: bool, meddle: Callable[[], None]) -> None:
        self._sidecar, self._left, self._after, self._meddle = sidecar, number, after, meddle

    def invoke(self, *asked: Any) -> Any:
        return self._call(self._sidecar.invoke, *asked)

    def publish(self, events: Sequence[dict[str, Any]]) -> int:
        for count, event in enumerate(events):
            try:
                self._call(self._sidecar.publish, [event])
            except Unavailable:
                if count:
                    return count
                raise
        return len(events)

    def _call(self, call: Callable[..., Any], *asked: Any) -> Any:
        self._left -= 1
        if self._left == 0 and not self._after:
            self._meddle()
        answer = call(*asked)
        if self._left == 0 and self._after:
            self._meddle()
        return answer


def shop_with(step: Step, *, delivers: bool) -> FakeShop:
    """A shop whose sample order is about to have `step` done; its topic tells the record at once, or not at all."""
    shop = FakeShop()
    shop.place()
    if step is not ORDER_STEP:
        shop.sidecar.deliver(stage("confirmed"))
    if step not in (ORDER_STEP, COOK_STEP):
        shop.sidecar.deliver(stage("cooked"), stage("pending_validation"))
        decision = {"order_id": "123", "approved": True}
        shop.sidecar.invoke(ORDER, "POST", "/order/123/decide", decision)
    shop.sidecar.delivers_events = delivers
    return shop


def do(step: Step, shop: FakeShop, pace: float, sidecar: Any = None) -> dict[str, Any]:
    return run_step(step, ORDER_123, StepContext(sidecar or shop.sidecar, ConcurrencyLimit(1), pace))


def die() -> None:
    raise ProcessCrash


def later(shop: FakeShop) -> None:
    """The leases of now end."""
    shop.clock_offset += timedelta(seconds=LEASE_SECONDS + 1)


def each_began_once(shop: FakeShop, step: Step) -> None:
    """On the topic each stage has one run and one time, however often it was told; the record knows each once."""
    told: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for event in shop.sidecar.published:
        told[event["status"]].add((event["run"], event["at"]))
    assert {status: len(facts) for status, facts in told.items()} == dict.fromkeys(step.announced, 1)
    assert [each for each in shop.history() if each in step.announced] == list(step.announced)
    recorded = {entry["status"]: entry["at"] for entry in shop.record()["history"]}
    assert {status: recorded[status] for status in told} == {status: at for status, [(_, at)] in told.items()}


@pytest.mark.parametrize("delivers", [True, False], ids=["heard", "unheard"])
@pytest.mark.parametrize("pace", [AT_ONCE, ONE_BY_ONE], ids=["at once", "one by one"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
class TestAtEachCall:
    """The moment is just before or just after it has had its effect; `heard`: what is published reaches the record."""

    def test_dead(self, step: Step, after: bool, pace: float, delivers: bool) -> None:
        for number in range(1, CALLS + 4):
            shop = shop_with(step, delivers=delivers)
            with suppress(ProcessCrash):
                do(step, shop, pace, Meddled(shop.sidecar, number, after, die))
            later(shop)
            assert do(step, shop, pace)["status"] == step.done_status
            each_began_once(shop, step)

    def test_held_up_while_another_takes_over(self, step: Step, after: bool, pace: float, delivers: bool) -> None:
        for number in range(1, CALLS + 4):
            shop = shop_with(step, delivers=delivers)

            def another(shop: FakeShop = shop) -> None:
                later(shop)
                assert do(step, shop, pace)["status"] == step.done_status
                later(shop)

            # It notices that it was taken over, or finds all of it done.
            with suppress(Unavailable):
                held_up = Meddled(shop.sidecar, number, after, another)
                assert do(step, shop, pace, held_up)["status"] == step.done_status
            each_began_once(shop, step)


@given(
    deaths=st.lists(
        st.tuples(st.integers(1, CALLS), st.booleans(), st.sampled_from([AT_ONCE, ONE_BY_ONE])), max_size=6
    ),
    delivers=st.booleans(),
)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_number_of_deaths(deaths: list[tuple[int, bool, float]], delivers: bool) -> None:
    shop = shop_with(COOK_STEP, delivers=delivers)
    for number, after, pace in deaths:
        with suppress(ProcessCrash):
            do(COOK_STEP, shop, pace, Meddled(shop.sidecar, number, after, die))
        later(shop)
    assert do(COOK_STEP, shop, ONE_BY_ONE)["status"] == "cooked"
    each_began_once(shop, COOK_STEP)


def test_a_step_that_was_taken_over_and_was_done_is_nobodys_any_more() -> None:
    shop = shop_with(COOK_STEP, delivers=False)
    do(COOK_STEP, shop, AT_ONCE)
    later(shop)
    for _ in range(2):
        do(COOK_STEP, shop, AT_ONCE)
    assert len(shop.sidecar.published) == 2 * len(COOK_STEP.announced)
