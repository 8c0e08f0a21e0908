"""A beat: told to stop, it ends after what is at hand, and that can be waited for."""

import threading
from collections.abc import Callable

import pytest

from pizzashop.workflow.periodic import PeriodicTask


class Rounds(PeriodicTask):
    """Has `work` done at each beat."""

    def __init__(self, seconds: float, work: Callable[[], None]) -> None:
        super().__init__("test", seconds)
        self._work = work

    def once(self) -> None:
        self._work()


def test_what_is_at_hand_is_waited_for() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def round_of_work() -> None:
        begun.set()
        may_end.wait(10)
        ended.set()

    beat = Rounds(0.001, round_of_work)
    beat.start()
    assert begun.wait(10)
    beat.stop()
    beat.join(0.01)
    assert not ended.is_set(), "waited for, and no longer than it was told to"
    threading.Timer(0.05, may_end.set).start()
    beat.join(10)
    assert ended.is_set()


def test_a_defect_in_one_round_does_not_end_the_others(caplog: pytest.LogCaptureFixture) -> None:
    again = threading.Event()

    def work() -> None:
        if not caplog.records:
            raise KeyError("a defect")
        again.set()

    beat = Rounds(0.001, work)
    beat.start()
    assert again.wait(10)
    beat.stop()
    assert "a defect of the shop" in caplog.text


def test_one_that_never_began_is_not_waited_for() -> None:
    Rounds(1, lambda: None).join(10)
