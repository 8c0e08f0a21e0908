"""What a crash has done to the orders: which wait, which went on, how long each was delayed, which are lost."""

from datetime import UTC, datetime, timedelta

import pytest

from pizzashop.crash.progress import MAX_WATCH_SECONDS, CrashProgress, crash_progress, orders_under_way
from pizzashop.crash.requests import Crash, CrashRequest
from pizzashop.domain.history import HistoryEntry, format_timestamp
from pizzashop.domain.record import OrderSnapshot

NOW = datetime.now(UTC)


def at(seconds: float) -> str:
    """Return a moment, in seconds after the crash, which was 20 s ago."""
    return format_timestamp(NOW - timedelta(seconds=20 - seconds))


def record(*stages: tuple[str, float], **more: object) -> OrderSnapshot:
    """Return an order that began each of these stages so many seconds after the crash."""
    history = [HistoryEntry(status=status, at=at(seconds)) for status, seconds in stages]
    content = {"order": {"order_id": "123"}, "status": stages[-1][0], "history": history}
    return OrderSnapshot(uid="u", **content | more)


BAKING = ("cooking_baking", -2.0)


def progress_of(record: OrderSnapshot | None, *, length: int = 1, pace: float = 1, ready: bool = True) -> CrashProgress:
    request = CrashRequest(part="kitchen", orders={"123": length})
    crash = Crash(request=request, pace=pace, pid=7, killed_at=at(0), ready_at=at(2) if ready else None)
    return crash_progress(crash, {"123": record})


def test_an_order_that_went_on_was_delayed_by_what_its_stage_lasted_too_long() -> None:
    progress = progress_of(record(BAKING, ("cooking_quality_check", 9)))
    [order] = progress.orders
    assert (order.before.status, order.text) == ("cooking_baking", "in the oven → a last check in the kitchen")
    # Baking lasts 5 seconds, and lasted 11.
    assert order.delay_seconds == pytest.approx(6)
    assert progress.is_over
    assert progress.summary() == (
        "Nothing was lost: the order has its whole history and went on. It was delayed by 6.0 s."
    )


def test_it_explains_why_orders_wait_longer_than_a_role_is_away() -> None:
    assert "at most 8 s" in progress_of(record(BAKING)).explanation()
    assert progress_of(record(BAKING, ("cooking_quality_check", 3.1))).explanation() == ""


def test_an_order_whose_stage_ended_in_time_was_not_delayed() -> None:
    progress = progress_of(record(BAKING, ("cooking_quality_check", 3.1)))
    assert not progress.orders[0].is_delayed
    assert progress.summary().endswith("went on. None was delayed.")


def test_an_order_that_waits_is_delayed_longer_and_longer() -> None:
    progress = progress_of(record(BAKING))
    assert [each.order_id for each in progress.waiting] == ["123"]
    assert progress.orders[0].delay_seconds >= 17
    assert (progress.is_over, progress.summary()) == (False, "")


def test_the_pace_of_the_shop_counts() -> None:
    baking = "cooking_baking", -0.5
    [order] = progress_of(record(baking, ("cooking_quality_check", 9)), pace=0.2).orders
    assert order.delay_seconds == pytest.approx(8.5)


def test_what_a_stage_lost_before_the_crash_does_not_count() -> None:
    [order] = progress_of(record(("cooking_baking", -60), ("cooking_quality_check", 9))).orders
    assert order.delay_seconds == pytest.approx(9)


def test_a_crash_of_the_engine_shows_at_the_next_step() -> None:
    request = CrashRequest(part="scheduler", orders={"123": 1})
    crash = Crash(request=request, killed_at=at(0), ready_at=at(2))
    checked = BAKING, ("cooking_quality_check", 3), ("cooked", 4)
    [order] = crash_progress(crash, {"123": record(*checked)}).orders
    assert (order.went_on, order.latest.status) == (False, "cooked")
    [order] = crash_progress(crash, {"123": record(*checked, ("pending_validation", 16))}).orders
    assert (order.went_on, order.latest.status) == (True, "pending_validation")
    assert order.delay_seconds == pytest.approx(12)


@pytest.mark.parametrize("last", ["delivered", "cancelled", "failed", "pending_validation"])
def test_an_order_that_was_done_just_before_the_crash_does_not_wait(last: str) -> None:
    progress = progress_of(record(BAKING, (last, -0.1)))
    assert (progress.orders, progress.is_over) == ([], True)


def test_an_order_that_was_cancelled_since_does_not_wait() -> None:
    cancelled = HistoryEntry(kind="action", status="cancelled", at=at(3), by="kim")
    [order] = progress_of(record(BAKING, history=[*record(BAKING).history, cancelled])).orders
    assert order.went_on


def test_the_crash_is_not_over_before_the_part_is_ready() -> None:
    assert not progress_of(record(BAKING, ("cooking_quality_check", 1)), ready=False).is_over


@pytest.mark.parametrize("found", [None, record(BAKING)], ids=["no record", "a shorter history"])
def test_a_lost_order_is_named(found: OrderSnapshot | None) -> None:
    progress = progress_of(found, length=2)
    assert progress.lost == ["123"]
    assert progress.summary() == "Something is missing of 123: please report it as a defect."


def test_an_order_that_cannot_be_read_is_not_lost() -> None:
    crash = Crash(request=CrashRequest(part="order", orders={"123": 1}), killed_at=at(0), ready_at=at(2))
    progress = crash_progress(crash, {})
    assert (progress.lost, progress.unread, progress.is_over) == ([], ["123"], False)


def test_who_watches_an_order_that_never_goes_on_is_told_so_in_the_end() -> None:
    killed_at = format_timestamp(NOW - timedelta(seconds=MAX_WATCH_SECONDS + 1))
    request = CrashRequest(part="kitchen", orders={"123": 1})
    order = record(("cooking_baking", -MAX_WATCH_SECONDS))
    progress = crash_progress(Crash(request=request, killed_at=killed_at, ready_at=killed_at), {"123": order})
    assert progress.is_over
    assert progress.summary() == f"After {MAX_WATCH_SECONDS:.0f} s these orders still wait: 123."


def test_without_orders_a_crash_shows_only_the_part() -> None:
    crash = Crash(request=CrashRequest(part="kitchen"), killed_at=at(0), ready_at=at(2))
    assert crash_progress(crash, {}).summary() == (
        "kitchen is ready again. No order was under way, so none had to wait."
    )


def test_only_orders_that_move_by_themselves_are_watched() -> None:
    moving = record(BAKING)
    others = [record(("pending_validation", -1)), record(BAKING, paused=True), record(("delivered", -1))]
    assert orders_under_way([*others, moving]) == {"123": 1}
    assert orders_under_way(others) == {}


def test_a_part_that_does_not_become_ready_is_reported() -> None:
    crash = Crash(request=CrashRequest(part="kitchen", orders={}), killed_at=at(-MAX_WATCH_SECONDS))
    assert crash_progress(crash, {}).summary() == "After 120 s kitchen is not ready: see its log."
