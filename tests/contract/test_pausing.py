"""Pause and resume, when something comes in between: in the end the engine does what the record says."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from fakes.problems import assert_problem
from fakes.shop import FakeShop, Post

from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS
from pizzashop.order import commands

Meanwhile = Callable[[], object]


@pytest.fixture
def held_up(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Call it, and a caller's lease is over."""
    ahead = [0.0]
    clock = SimpleNamespace(time=lambda: time.time() + ahead[0])
    monkeypatch.setattr(commands, "time", clock)

    def until_its_lease_ends() -> None:
        ahead[0] += SUSPENSION_LEASE_SECONDS + 1

    return until_its_lease_ends


def _after_the_first(shop: FakeShop, word: str, meanwhile: Meanwhile) -> None:
    """Have `meanwhile` happen when the engine has done `word` for the first time."""
    done = getattr(shop.engine, word)

    def once(order_id: str) -> None:
        setattr(shop.engine, word, done)
        done(order_id)
        meanwhile()

    setattr(shop.engine, word, once)


@pytest.mark.parametrize(("word", "stays"), [("pause", "RUNNING"), ("resume", "SUSPENDED")])
def test_who_was_held_up_while_another_steered_marks_nothing(
    shop: FakeShop, post: Post, held_up: Meanwhile, word: str, stays: str
) -> None:
    shop.place_and_run()
    if word == "resume":
        post("/pause-order")

    def another_steers() -> None:
        held_up()
        shop.reconcile()

    _after_the_first(shop, word, another_steers)
    assert_problem(post(f"/{word}-order"), 409)
    held_up()
    shop.reconcile()
    assert shop.record()["paused"] is (stays == "SUSPENDED")
    assert shop.engine.status("123") == stays
    assert post(f"/{word}-order").status_code == 200, "and may be asked for again"


def test_an_order_that_is_delivered_while_it_is_paused_ends_in_the_engine_too(shop: FakeShop, post: Post) -> None:
    shop.place_and_run()
    _while_it_is_delivered(shop, lambda: post("/pause-order"))
    assert shop.record()["status"] == "delivered"
    assert shop.engine.status("123") == "SUSPENDED"
    shop.reconcile()
    shop.engine.run()
    assert shop.engine.status("123") == "COMPLETED"


def test_a_pause_that_comes_too_late_does_not_stay_in_the_engine(shop: FakeShop, post: Post) -> None:
    shop.place_and_run()
    _after_the_first(shop, "pause", lambda: shop.end("failed"))
    assert_problem(post("/pause-order"), 409)
    assert shop.engine.status("123") == "SUSPENDED"
    shop.reconcile()
    assert shop.engine.status("123") == "RUNNING"


def _while_it_is_delivered(shop: FakeShop, meanwhile: Meanwhile) -> None:
    """Approve it; `meanwhile` happens when the courier is on his way."""
    shop.sidecar.on_publish = lambda event: meanwhile() if event["status"] == "delivery_on_the_way" else None
    shop.decide(approved=True)
