"""What a run gives back: the next one need not wait, unless there is something left for it to tell."""

import pytest
from fakes.shop import ORDER_123, FakeShop, stage

from pizzashop.domain.lifecycle import COOK_STEP
from pizzashop.domain.requests import StepOrder
from pizzashop.steps.runner import StepLease

FIRST = COOK_STEP.announced[:1]


@pytest.fixture
def one(shop: FakeShop) -> StepLease:
    """A run that has begun the first stage."""
    shop.place()
    shop.sidecar.deliver(stage("confirmed"))
    hold = new(shop)
    assert hold.ask(FIRST).claim == "granted"
    return hold


def new(shop: FakeShop) -> StepLease:
    return StepLease(COOK_STEP, StepOrder.parse(ORDER_123), shop.sidecar)


def test_with_all_told_the_next_run_goes_on_at_once(shop: FakeShop, one: StepLease) -> None:
    one.told(*FIRST)
    one.give_back()
    answer = new(shop).ask()
    assert (answer.claim, answer.heir_of) == ("granted", None)


def test_with_something_untold_the_lease_is_kept(shop: FakeShop, one: StepLease) -> None:
    one.give_back()
    assert new(shop).ask().claim == "taken"
