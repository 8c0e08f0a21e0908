"""What many threads want done is done together, each gets what came of his own, and nobody is forgotten."""

import threading
from collections.abc import Sequence

import pytest

from pizzashop.dapr.batching import Batcher
from pizzashop.errors import Unavailable

SECONDS = 5.0


class Slow:
    """Doubles numbers, all that are there at once; the first time it waits until it is let go."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.began, self.go = threading.Event(), threading.Event()

    def __call__(self, numbers: list[int]) -> Sequence[int | Exception]:
        self.asked.append(numbers)
        self.began.set()
        assert self.go.wait(SECONDS)
        return [ValueError(number) if number < 0 else 2 * number for number in numbers]


class Asking(threading.Thread):
    """Asks for one number."""

    def __init__(self, together: Batcher[int, int], number: int) -> None:
        super().__init__()
        self._together, self._number = together, number
        self.said: int | str = ""

    def run(self) -> None:
        try:
            self.said = self._together(self._number)
        except (ValueError, Unavailable) as error:
            self.said = f"wrong: {error}"


def asked(slow: Slow, numbers: Sequence[int], most: int = 100) -> list[int | str]:
    """What each of the numbers comes to, the first asked for alone, the others while it is being done."""
    together = Batcher(slow, most)
    threads = [Asking(together, number) for number in numbers]
    threads[0].start()
    assert slow.began.wait(SECONDS)
    for number, thread in enumerate(threads[1:], 1):
        thread.start()
        while len(together._waiting) < number:
            assert thread.is_alive()
    slow.go.set()
    for thread in threads:
        thread.join(SECONDS)
    return [thread.said for thread in threads]


def test_one_alone_is_done_at_once() -> None:
    slow = Slow()
    slow.go.set()
    together = Batcher(slow)
    assert [together(1), together(2)] == [2, 4]
    assert slow.asked == [[1], [2]]


def test_those_that_come_meanwhile_are_done_together() -> None:
    slow = Slow()
    assert asked(slow, [1, 2, 3, 4]) == [2, 4, 6, 8]
    assert slow.asked == [[1], [2, 3, 4]]


def test_not_too_many_at_a_time() -> None:
    slow = Slow()
    assert asked(slow, [1, 2, 3, 4, 5, 6], most=2) == [2, 4, 6, 8, 10, 12]
    assert slow.asked == [[1], [2, 3], [4, 5], [6]]


def test_what_goes_wrong_with_one_goes_wrong_with_no_other() -> None:
    assert asked(Slow(), [1, -2, 3]) == [2, "wrong: -2", 6]


def test_what_goes_wrong_with_all_each_of_them_hears() -> None:
    def fail(numbers: list[int]) -> list[int]:
        raise KeyError(*numbers)

    together = Batcher(fail)
    for number in (1, 2):
        with pytest.raises(KeyError, match=str(number)):
            together(number)


def test_it_goes_on_when_nobody_waits_any_more() -> None:
    slow = Slow()
    together = Batcher(slow)
    threads = [Asking(together, number) for number in range(50)]
    slow.go.set()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert [thread.said for thread in threads] == [2 * number for number in range(50)]
    assert together(50) == 100


def test_what_is_away_for_one_is_away_for_those_that_wait() -> None:
    class Away(Slow):
        def __call__(self, numbers: list[int]) -> Sequence[int | Exception]:
            super().__call__(numbers)
            raise Unavailable("away")

    away = Away()
    assert asked(away, [1, 2, 3]) == ["wrong: away"] * 3
    assert away.asked == [[1]]
