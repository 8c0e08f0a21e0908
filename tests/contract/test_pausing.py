"""Pause and resume, with something happening in between: in the end the engine does what the record says."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fakes.problems import assert_problem
from fakes.shop import FakeShop, Post

from pizzashop.domain.suspension import SUSPENSION_LEASE_SECONDS


def end_leases(shop: FakeShop) -> None:
    shop.clock_offset += timedelta(seconds=SUSPENSION_LEASE_SECONDS + 1)


def interrupt(shop: FakeShop, command: str, meanwhile: Callable[[], object]) -> None:
    """Have `meanwhile` happen when the engine has done `command` for the first time."""
    do = getattr(shop.engine, command)

    def do_once(order_id: str) -> None:
        setattr(shop.engine, command, do)
        do(order_id)
        meanwhile()

    setattr(shop.engine, command, do_once)


@pytest.mark.parametrize(("command", "status"), [("pause", "RUNNING"), ("resume", "SUSPENDED")])
def test_a_caller_that_was_held_up_while_another_took_over_marks_nothing(
    shop: FakeShop, post: Post, command: str, status: str
) -> None:
    shop.place_and_run()
    if command == "resume":
        post("/pause-order")

    def take_over() -> None:
        end_leases(shop)
        shop.reconcile()

    interrupt(shop, command, take_over)
    assert_problem(post(f"/{command}-order"), 409)
    end_leases(shop)
    shop.reconcile()
    assert shop.record()["paused"] is (status == "SUSPENDED")
    assert shop.engine.status("123") == status
    assert post(f"/{command}-order").status_code == 200, "it may be asked for again"


def test_an_order_that_is_delivered_while_it_is_paused_ends_in_the_engine_too(shop: FakeShop, post: Post) -> None:
    shop.place_and_run()

    def pause_on_the_way(event: dict[str, object]) -> None:
        if event["status"] == "delivery_on_the_way":
            post("/pause-order")

    shop.sidecar.on_publish = pause_on_the_way
    shop.decide(approved=True)
    assert shop.record()["status"] == "delivered"
    assert shop.engine.status("123") == "SUSPENDED"
    shop.reconcile()
    shop.engine.run()
    assert shop.engine.status("123") == "COMPLETED"


def test_a_pause_that_comes_too_late_does_not_stay_in_the_engine(shop: FakeShop, post: Post) -> None:
    shop.place_and_run()
    interrupt(shop, "pause", lambda: shop.end("failed"))
    assert_problem(post("/pause-order"), 409)
    assert shop.engine.status("123") == "SUSPENDED"
    shop.reconcile()
    assert shop.engine.status("123") == "RUNNING"
