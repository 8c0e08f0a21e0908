"""A periodic task goes on after a defect, and ends after its present round."""

import threading
from collections.abc import Callable

import pytest

from pizzashop.workflow.periodic import PeriodicTask


class Rounds(PeriodicTask):
    """Calls `work` in each round."""

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        super().__init__("test", seconds)
        self._work = work

    def run_once(self) -> None:
        self._work()


def test_its_present_round_can_be_waited_for() -> None:
    has_begun, may_end, has_ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        has_begun.set()
        may_end.wait(10)
        has_ended.set()

    task = Rounds(0.001, work)
    task.start()
    assert has_begun.wait(10)
    task.stop()
    task.join(0.01)
    assert not has_ended.is_set(), "it waits no longer than it should"
    threading.Timer(0.05, may_end.set).start()
    task.join(10)
    assert has_ended.is_set()


def test_a_defect_in_one_round_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    has_run_again = threading.Event()

    def work() -> None:
        if not caplog.records:
            raise KeyError("a defect")
        has_run_again.set()

    task = Rounds(0.001, work)
    task.start()
    assert has_run_again.wait(10)
    task.stop()
    assert "a defect" in caplog.text


def test_a_task_that_was_never_started_is_not_waited_for() -> None:
    Rounds(1, lambda: None).join(10)
