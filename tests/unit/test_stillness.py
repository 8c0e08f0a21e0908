"""Which orders stand still: by what this process has seen, whatever any clock says."""

import pytest

from pizzashop.domain.unsettled import STILL_SECONDS
from pizzashop.workflow.stillness import LONGEST_SECONDS, WOKEN_SECONDS, Stillness


class Watch:
    """A stillness and its clock."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.stillness = Stillness(clock=lambda: self.seconds)

    def after(self, seconds: float, **progress: str) -> list[str]:
        self.seconds += seconds
        return self.stillness.see(progress)


@pytest.fixture
def watch() -> Watch:
    made = Watch()
    assert made.after(0, a="1") == []
    return made


def test_an_order_that_makes_no_progress_stands_still(watch: Watch) -> None:
    assert watch.after(STILL_SECONDS - 1, a="1") == []
    assert watch.after(1, a="1") == ["a"]


def test_any_progress_counts(watch: Watch) -> None:
    assert watch.after(STILL_SECONDS - 1, a="2") == []
    assert watch.after(STILL_SECONDS - 1, a="2") == []
    assert watch.after(1, a="2") == ["a"]


def test_while_nobody_looks_nothing_is_known(watch: Watch) -> None:
    watch.after(STILL_SECONDS - 1, a="1")
    watch.stillness.forget()
    assert watch.after(1, a="1") == []


def test_an_order_that_has_ended_is_forgotten(watch: Watch) -> None:
    watch.after(1)
    assert watch.after(STILL_SECONDS, a="1") == []


def test_once_woken_it_has_a_while_to_move(watch: Watch) -> None:
    watch.after(STILL_SECONDS, a="1")
    assert not watch.stillness.is_woken("a")
    watch.stillness.woken("a")
    assert watch.after(WOKEN_SECONDS - 1, a="1") == []
    assert watch.after(1, a="1") == ["a"]
    assert watch.stillness.is_woken("a")


def test_one_that_moved_after_it_was_woken_is_woken_first_the_next_time(watch: Watch) -> None:
    watch.after(STILL_SECONDS, a="1")
    watch.stillness.woken("a")
    watch.after(1, a="2")
    assert watch.after(STILL_SECONDS, a="2") == ["a"]
    assert not watch.stillness.is_woken("a")


def test_one_that_was_begun_again_in_vain_is_seen_to_ever_more_rarely(watch: Watch) -> None:
    waited = []
    for _ in range(6):
        began = watch.seconds
        while not watch.after(1, a="1"):
            pass
        waited.append(watch.seconds - began)
        watch.stillness.begun_again("a")
    assert waited == [STILL_SECONDS, 120, 240, 480, LONGEST_SECONDS, LONGEST_SECONDS]


def test_one_that_nothing_can_be_done_about_is_put_off(watch: Watch) -> None:
    watch.after(STILL_SECONDS, a="1")
    watch.stillness.put_off("a")
    assert watch.after(STILL_SECONDS - 1, a="1") == []
    assert watch.after(1, a="1") == ["a"]
