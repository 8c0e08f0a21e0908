"""A periodic task goes on after a defect, and ends after its present round."""

import threading

import pytest

from pizzashop.workflow.background import run_periodically


def test_the_present_round_of_a_task_can_be_waited_for() -> None:
    stopping, has_begun, may_end = threading.Event(), threading.Event(), threading.Event()

    def run_once() -> None:
        has_begun.set()
        may_end.wait(10)

    thread = run_periodically("test", 0.001, run_once, stopping)
    assert has_begun.wait(10)
    stopping.set()
    thread.join(0.01)
    assert thread.is_alive(), "the round has not ended"
    may_end.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_defect_in_one_round_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    stopping, has_run_again = threading.Event(), threading.Event()

    def run_once() -> None:
        if not caplog.records:
            raise KeyError("a defect")
        has_run_again.set()

    thread = run_periodically("test", 0.001, run_once, stopping)
    assert has_run_again.wait(10)
    stopping.set()
    thread.join(10)
    assert "a defect" in caplog.text
