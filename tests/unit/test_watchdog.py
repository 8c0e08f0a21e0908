"""Which orders are stuck: by what this process has seen, whatever any clock says."""

import pytest

from pizzashop.domain.reconciliation import STUCK_SECONDS
from pizzashop.workflow.reconciler import MAX_RESTART_SECONDS, WAKE_SECONDS, Watchdog


class Watch:
    """A watchdog and its clock."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.watchdog = Watchdog(clock=lambda: self.seconds)

    def after(self, seconds: float, **progress: str) -> list[str]:
        self.seconds += seconds
        return self.watchdog.observe(progress)


@pytest.fixture
def watch() -> Watch:
    made = Watch()
    assert made.after(0, a="1") == []
    return made


def test_an_order_that_makes_no_progress_is_stuck(watch: Watch) -> None:
    assert watch.after(STUCK_SECONDS - 1, a="1") == []
    assert watch.after(1, a="1") == ["a"]


def test_any_progress_counts(watch: Watch) -> None:
    assert watch.after(STUCK_SECONDS - 1, a="2") == []
    assert watch.after(STUCK_SECONDS - 1, a="2") == []
    assert watch.after(1, a="2") == ["a"]


def test_while_nobody_looks_nothing_is_known(watch: Watch) -> None:
    watch.after(STUCK_SECONDS - 1, a="1")
    watch.watchdog.reset()
    assert watch.after(1, a="1") == []


def test_an_order_that_has_ended_is_forgotten(watch: Watch) -> None:
    watch.after(1)
    assert watch.after(STUCK_SECONDS, a="1") == []


def test_once_woken_it_has_a_while_to_move(watch: Watch) -> None:
    watch.after(STUCK_SECONDS, a="1")
    assert not watch.watchdog.is_woken("a")
    watch.watchdog.note_woken("a")
    assert watch.after(WAKE_SECONDS - 1, a="1") == []
    assert watch.after(1, a="1") == ["a"]
    assert watch.watchdog.is_woken("a")


def test_one_that_moved_after_it_was_woken_is_woken_first_the_next_time(watch: Watch) -> None:
    watch.after(STUCK_SECONDS, a="1")
    watch.watchdog.note_woken("a")
    watch.after(1, a="2")
    assert watch.after(STUCK_SECONDS, a="2") == ["a"]
    assert not watch.watchdog.is_woken("a")


def test_one_that_was_restarted_in_vain_is_seen_to_ever_more_rarely(watch: Watch) -> None:
    waited = []
    for _ in range(6):
        began = watch.seconds
        while not watch.after(1, a="1"):
            pass
        waited.append(watch.seconds - began)
        watch.watchdog.note_restarted("a")
    assert waited == [STUCK_SECONDS, 120, 240, 480, MAX_RESTART_SECONDS, MAX_RESTART_SECONDS]


def test_one_that_nothing_can_be_done_about_is_put_off(watch: Watch) -> None:
    watch.after(STUCK_SECONDS, a="1")
    watch.watchdog.postpone("a")
    assert watch.after(STUCK_SECONDS - 1, a="1") == []
    assert watch.after(1, a="1") == ["a"]
