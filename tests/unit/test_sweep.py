"""The sweep's patience: what cannot be settled is tried again and again, and ever more rarely."""

import time
from typing import Any

import pytest

from pizzashop.domain.requests import OrderRef
from pizzashop.errors import Unavailable
from pizzashop.workflow.capacity import Capacity
from pizzashop.workflow.reconciler import EVERY_SECONDS, Reconciler


class Unsettled:
    """Sidecar and office at once: an order is to be cancelled, and cannot be."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.needs = ["cancel"]
        self.told: list[float] = []
        self.in_any_case: list[bool] = []

    def invoke(self, *_: Any) -> dict[str, Any]:
        return {"orders": [{"order_id": "123", "attempt": 1, "need": need} for need in self.needs], "progress": {}}

    def cancel(self, _: OrderRef, *, in_any_case: bool) -> None:
        self.told.append(self.seconds)
        self.in_any_case.append(in_any_case)
        raise Unavailable("the engine is away")


@pytest.fixture
def unsettled(monkeypatch: pytest.MonkeyPatch) -> Unsettled:
    unsettled = Unsettled()
    monkeypatch.setattr(time, "monotonic", lambda: 1000 + unsettled.seconds)
    return unsettled


def sweep_of(unsettled: Unsettled) -> Reconciler:
    return Reconciler(unsettled, unsettled, Capacity(8))  # type: ignore[arg-type]


def rounds(sweep: Reconciler, unsettled: Unsettled, until: float) -> None:
    while unsettled.seconds < until:
        sweep.once()
        unsettled.seconds += EVERY_SECONDS


def test_it_is_told_again_after_pauses_that_double_up_to_two_minutes(unsettled: Unsettled) -> None:
    rounds(sweep_of(unsettled), unsettled, 440)
    assert unsettled.told == [0, 3, 9, 21, 45, 93, 189, 309, 429]
    # After half a minute an order that is cancelled ends without the engine.
    assert unsettled.in_any_case == [False] * 4 + [True] * 5


def test_what_comes_anew_is_told_at_once(unsettled: Unsettled) -> None:
    sweep = sweep_of(unsettled)
    rounds(sweep, unsettled, 12)
    unsettled.needs = []
    rounds(sweep, unsettled, 15)
    unsettled.needs = ["cancel"]
    rounds(sweep, unsettled, 21)
    assert unsettled.told == [0, 3, 9, 15, 18]
