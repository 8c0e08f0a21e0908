"""Doing together what many threads want done: while one request is on its way, the next one gathers."""

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pizzashop.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Has `do` called for many wishes at once, at most `most`, and by one thread at a time.

    Nobody waits for company: a wish that comes alone is done at once, by the thread that has it. Those that come
    meanwhile are done next, all together, by the first of them.
    """

    def __init__(self, do: Callable[[list[Item]], Sequence[Result | Exception]], most: int = 100) -> None:
        self._do, self._most = do, most
        self._lock = threading.Lock()
        self._waiting: list[_Call[Item, Result]] = []
        self._busy = False

    def __call__(self, wish: Item) -> Result:
        """Have it done; answers, or raises, what came of it."""
        place = _Call[Item, Result](wish)
        with self._lock:
            self._waiting.append(place)
            waits, self._busy = self._busy, True
        if waits:
            place.turn.acquire()
        if not place.is_done:
            self._lead()
        return place.answer()

    def _lead(self) -> None:
        with self._lock:
            places, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            outcomes: Sequence[Result | BaseException] = self._do([place.wish for place in places])
        except BaseException as error:  # noqa: BLE001 (it is everybody's: each of them raises it)
            # What was away for these is away for those that came meanwhile: nobody waits for two time-outs.
            places += self._take_all() if isinstance(error, Unavailable) else []
            outcomes = [error] * len(places)
        for place, outcome in zip(places, outcomes, strict=True):
            place.fill(outcome)
        with self._lock:
            following = self._waiting[0] if self._waiting else None
            self._busy = following is not None
        if following is not None:
            following.turn.release()

    def _take_all(self) -> list["_Call[Item, Result]"]:
        with self._lock:
            places, self._waiting = self._waiting, []
        return places


class _Call(Generic[Item, Result]):
    """A wish that waits for its turn: to be done, or to have all be done that wait."""

    def __init__(self, wish: Item) -> None:
        self.wish, self.is_done = wish, False
        self.turn = threading.Lock()
        self.turn.acquire()

    def fill(self, outcome: Result | BaseException) -> None:
        """Here is what came of it."""
        self._outcome, self.is_done = outcome, True
        self.turn.release()

    def answer(self) -> Result:
        """Answer or raise it."""
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome
