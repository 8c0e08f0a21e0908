"""What is true of an order at every moment, for any interleaving of commands, claims, and late or repeated events."""

from collections.abc import Callable
from typing import Any

from fakes.sidecar import FakeSidecar, cloud_event
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pizzashop.domain.claims import Claim, answer_claim
from pizzashop.domain.history import HistoryEntry, utc_timestamp
from pizzashop.domain.lifecycle import FINAL, HAPPY_PATH, RANK, STEP_BY_NAME
from pizzashop.domain.record import Record
from pizzashop.errors import Conflict, NotFound
from pizzashop.order.dead_letters import DeadLetters
from pizzashop.order.inbox import Inbox
from pizzashop.order.repository import Repository

ID = "1"
ORDER = {"order_id": ID, "pizza_type": "funghi", "size": "small"}
RUNS = ("run-1", "run-2", "run-3")

attempts = st.integers(1, 3)
verdicts = st.sampled_from(["approved", "rejected", "remake"])
stages = st.tuples(st.sampled_from(HAPPY_PATH[1:]), attempts)
steps = st.sampled_from(list(STEP_BY_NAME))
runs = st.sampled_from(RUNS)


class OrderMachine(RuleBasedStateMachine):
    """Does to one order whatever can be done to it, and checks its record after each step."""

    def __init__(self) -> None:
        super().__init__()
        sidecar = FakeSidecar()
        self.repository = Repository(sidecar)
        self.inbox = Inbox(self.repository, DeadLetters(sidecar, self.repository))
        self.clock = 1000.0
        self.last_seen: Record | None = None
        self.uids: list[str] = []
        self.first_decisions: dict[tuple[str, int], str] = {}
        self.ends: dict[str, tuple[str, str | None]] = {}
        self.lease_held: tuple[str, int, str, float] | None = None

    @initialize(with_workflow=st.booleans())
    def begin(self, with_workflow: bool) -> None:
        self.accept(with_workflow)

    @rule(with_workflow=st.booleans())
    def accept(self, with_workflow: bool) -> None:
        """Accept the order, or start it again."""
        record = self.repository.accept(ORDER, with_workflow=with_workflow)
        if record.uid not in self.uids:
            self.uids.append(record.uid)
            self.lease_held = None

    @rule(begun=st.lists(stages, min_size=1, max_size=6), run=runs, which=st.integers(0, 3))
    def deliver_events(self, begun: list[tuple[str, int]], run: str, which: int) -> None:
        """Deliver events in any order, also those of an order that had the id before."""
        uid = (self.uids[which], None)[which % 2] if which < len(self.uids) else self.uids[-1]
        events = [
            {
                **ORDER,
                "status": status,
                "attempt": attempt,
                "at": utc_timestamp(),
                "run": run,
                **({"uid": uid} if uid else {}),
            }
            for status, attempt in begun
        ]
        before = self.find()
        assert self.inbox.apply([cloud_event(event) for event in events]) == ["SUCCESS"] * len(events)
        if before and (before.deleted or uid not in (None, before.uid)):
            assert self.find() == before

    @rule(status=st.sampled_from(HAPPY_PATH[1:]))
    def begin_next_stage(self, status: str) -> None:
        """Begin a stage of the present attempt, so that some runs get far."""
        record = self.find()
        if record and not record.deleted:
            self.deliver_events([(status, record.attempt)], RUNS[0], len(self.uids))

    @rule(step=steps, ahead=st.integers(-1, 1), run=runs, of_present=st.booleans())
    def claim(self, step: str, ahead: int, run: str, of_present: bool) -> None:
        record = self.find()
        attempt = max(1, (record.attempt if record else 1) + ahead)
        claim = Claim(order_id=ID, step=step, attempt=attempt, run=run, uid=self.uids[-1 if of_present else 0])
        try:
            result = self.repository.change(ID, lambda record: answer_claim(record, claim, self.clock)).result
        except NotFound:
            assert record is None or record.deleted
            return
        assert record is not None
        if record.is_closed or claim.uid != record.uid:
            assert result == "closed"
        lease = self.get().lease
        if result == "granted" and lease and (lease.step, lease.attempt, lease.holder) == (step, attempt, run):
            if self.lease_held and self.lease_held[:2] == (step, attempt):
                assert self.lease_held[2] == run or self.lease_held[3] <= self.clock
            self.lease_held = (step, attempt, run, lease.until)

    @rule(step=steps, run=runs)
    def release(self, step: str, run: str) -> None:
        claim = Claim(order_id=ID, step=step, attempt=1, run=run, release=True)
        self.try_change(lambda record: answer_claim(record, claim, self.clock))
        if self.lease_held and self.lease_held[2] == run:
            self.lease_held = None

    @rule(verdict=verdicts, attempt=attempts | st.none())
    def decide(self, verdict: str, attempt: int | None) -> None:
        record = self.find()
        entry = self.try_change(lambda record: record.decide(verdict, attempt, utc_timestamp(), "ana", None))
        if isinstance(entry, HistoryEntry) and record:
            assert entry.status == verdict
            first = self.first_decisions.setdefault((record.uid, entry.attempt), verdict)
            assert first == verdict

    @rule(command=st.sampled_from(["pause", "resume", "cancel"]))
    def give_command(self, command: str) -> None:
        self.try_change(lambda record: getattr(record, command)(utc_timestamp(), "ana", None))

    @rule(status=st.sampled_from(sorted(FINAL)))
    def end(self, status: Any) -> None:
        self.try_change(lambda record: record.end(status, utc_timestamp(), "why" if status == "failed" else None))

    @rule()
    def delete(self) -> None:
        record = self.find()
        self.try_change(lambda record: record.delete(utc_timestamp()))
        if record and not record.is_live:
            assert self.get().deleted

    @rule()
    def remove_from_open(self) -> None:
        """An order that has ended leaves the open set."""
        self.repository.remove_from_open([ID])
        record = self.find()
        assert self.repository.open_orders.ids() == ([ID] if record and not (record.is_final or record.deleted) else [])

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock += seconds

    @invariant()
    def check(self) -> None:
        before, after = self.last_seen, self.find()
        self.last_seen = after
        is_open = after is not None and not (after.is_final or after.deleted)
        assert not is_open or self.repository.open_orders.ids() == [ID]
        if after is None:
            return
        if before and before != after:
            check_nothing_is_lost_or_goes_back(before, after)
        if after.deleted:
            assert (after.order, after.history, after.lease) == ({}, [], None)
        else:
            self.check_history_has_each_entry_once_and_in_order(after)
            self.check_it_ends_once(after)

    def check_history_has_each_entry_once_and_in_order(self, record: Record) -> None:
        ranks = [e.rank for e in record.history if e.kind == "stage" and e.status in RANK]
        assert ranks == sorted(set(ranks))
        decided = [(e.attempt, e.status) for e in record.history if e.kind == "decision"]
        assert len(decided) == len(dict(decided))
        for attempt, verdict in decided:
            assert self.first_decisions[record.uid, attempt] == verdict

    def check_it_ends_once(self, record: Record) -> None:
        ends = [each.status for each in record.history if each.status in ("failed", "cancelled")]
        assert ends == ([record.status] if record.status in ("failed", "cancelled") else [])
        if record.is_final:
            assert self.ends.setdefault(record.uid, (record.status, record.error)) == (record.status, record.error)
            assert not record.paused
            assert record.cancellation is None
        else:
            assert record.uid not in self.ends

    def find(self) -> Record | None:
        return self.repository.find(ID)

    def get(self) -> Record:
        record = self.find()
        assert record is not None
        return record

    def try_change(self, change: Callable[[Record], Any]) -> Any:
        """Make a change if the record allows it. A refused change must leave no trace."""
        before = self.find()
        try:
            return self.repository.change(ID, change)
        except (Conflict, NotFound):
            assert self.find() == before
            return None


def check_nothing_is_lost_or_goes_back(before: Record, after: Record) -> None:
    """Compare the record before and after a step."""
    assert after.version > before.version
    assert after.model_copy(update={"version": before.version}) != before
    if after.uid != before.uid:
        assert before.deleted
    elif not after.deleted:
        assert not before.deleted
        assert progress(after) >= progress(before)
        assert [each for each in after.history if each in before.history] == before.history
        assert not before.cancellation or after.cancellation or after.status == "cancelled"


def progress(record: Record) -> tuple[int, int]:
    """Return how far the order is; nothing comes after an end."""
    return (record.attempt, len(RANK)) if record.is_final else (record.attempt, RANK[record.status])


TestOrder = OrderMachine.TestCase
TestOrder.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, derandomize=True)
