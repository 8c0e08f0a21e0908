"""A rush is accepted, and its workflows start one after another. An overload is refused."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

import pytest
from fakes.executors import InlineExecutor, LaterExecutor

from pizzashop.errors import Unavailable
from pizzashop.workflow.capacity import MAX_STARTS, RunningActivities, StartQueue

MANY = 200


class Queue:
    """A queue whose workflows start when a test says so."""

    def __init__(self, max_waiting: int = MANY) -> None:
        self.executor = LaterExecutor()
        self.starts = StartQueue(self.executor, max_waiting, answer_wait_seconds=0)
        self.started: list[str] = []

    def place(self, order_id: str) -> None:
        """Accept an order, and queue its start."""
        with self.starts.accept():
            pass
        self.starts.start(order_id, lambda: self.started.append(order_id))

    def place_many(self, count: int) -> None:
        for number in range(count):
            self.place(str(number))

    def start(self, count: int) -> None:
        """Start the next workflows."""
        self.executor.run(count)


def test_orders_are_started_in_the_order_in_which_they_were_accepted() -> None:
    queue = Queue()
    queue.place_many(MANY)
    queue.start(MANY)
    assert queue.started == [str(number) for number in range(MANY)]


def test_beyond_the_room_an_order_is_refused_until_another_one_has_started() -> None:
    queue = Queue(max_waiting=3)
    queue.place_many(3)
    with pytest.raises(Unavailable):
        queue.place("more")
    queue.start(1)
    queue.place("more")


def test_orders_that_are_being_accepted_take_room_too() -> None:
    starts = StartQueue(InlineExecutor(), 2)
    with ExitStack() as accepting:
        for _ in range(2):
            accepting.enter_context(starts.accept())
        with pytest.raises(Unavailable), starts.accept():
            pass
    with starts.accept():
        pass


def test_an_order_whose_turn_it_is_learns_of_an_error_of_the_engine() -> None:
    starts = StartQueue(InlineExecutor(), MANY)

    def fail() -> None:
        raise Unavailable("the engine is away")

    with pytest.raises(Unavailable, match="the engine is away"):
        starts.start("123", fail)
    assert "123" not in starts


def test_an_order_behind_others_is_answered_before_its_workflow_starts() -> None:
    may_start, started = threading.Event(), list[int]()

    def start(number: int) -> None:
        assert may_start.wait(10)
        started.append(number)

    with ThreadPoolExecutor(MAX_STARTS) as executor:
        starts = StartQueue(executor, MANY, answer_wait_seconds=60)
        with ThreadPoolExecutor(MAX_STARTS) as clients:
            for number in range(MAX_STARTS):
                clients.submit(starts.start, str(number), lambda number=number: start(number))
            while not all(str(number) in starts for number in range(MAX_STARTS)):
                pass
            starts.start("behind", lambda: start(MAX_STARTS))
            assert (started, "behind" in starts) == ([], True)
            may_start.set()
    assert sorted(started) == list(range(MAX_STARTS + 1))


def test_an_order_that_is_placed_twice_is_started_once() -> None:
    queue = Queue()
    queue.place("123")
    queue.place("123")
    queue.start(1)
    assert (queue.started, len(queue.executor.calls)) == (["123"], 0)


def test_a_decision_on_a_waiting_order_follows_its_start() -> None:
    queue = Queue()
    queue.place("123")
    assert queue.starts.call_after_start("123", lambda: queue.started.append("decision"))
    queue.start(1)
    assert queue.started == ["123", "decision"]
    assert not queue.starts.call_after_start("123", lambda: None)


def test_no_workflow_starts_while_orders_wait_to_be_accepted() -> None:
    """A client waits for the one, and nobody for the other."""
    may_go, started = threading.Event(), threading.Event()

    def accept() -> None:
        with starts.accept():
            may_go.wait(10)

    with ThreadPoolExecutor(1) as executor, ThreadPoolExecutor(MANY) as clients:
        starts = StartQueue(executor, MANY)
        accepting = [clients.submit(accept) for _ in range(MANY - 1)]
        while starts.waiting < MANY - 1:
            pass
        clients.submit(starts.start, "123", started.set)
        assert not started.wait(0.1)
        may_go.set()
        for each in accepting:
            each.result()
        assert started.wait(10)


def test_a_stopping_process_starts_no_workflow() -> None:
    queue = Queue()
    queue.place_many(2)
    queue.starts.stop()
    assert all(future.cancelled() for future, _ in queue.executor.calls)
    with pytest.raises(Unavailable):
        queue.place("late")
    assert queue.started == []


def test_an_order_is_active_while_one_of_its_activities_runs() -> None:
    running = RunningActivities()
    with running.run("123"):
        with running.run("123"), suppress(KeyError), running.run("456"):
            raise KeyError
        assert ("123" in running, "456" in running) == (True, False)
    assert "123" not in running
