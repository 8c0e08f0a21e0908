"""Any interleaving of commands, claims, events, repeats and reorderings: what holds of an order at every moment."""

from collections.abc import Callable
from typing import Any

from fakes.sidecar import FakeSidecar, cloud_event
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pizzashop.domain.claims import Claim, answer_claim, release_claim
from pizzashop.domain.history import Entry, utc_timestamp
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
    """Does to one order whatever can be done to it, and looks at what its record has become."""

    def __init__(self) -> None:
        super().__init__()
        sidecar = FakeSidecar()
        self.records = Repository(sidecar)
        self.inbox = Inbox(self.records, DeadLetters(sidecar, self.records))
        self.clock = 1000.0
        self.before: Record | None = None
        self.uids: list[str] = []
        self.first_decisions: dict[tuple[str, int], str] = {}
        self.ends: dict[str, tuple[str, str | None]] = {}
        self.held: tuple[str, int, str, float] | None = None

    @initialize(wanted=st.booleans())
    def begin(self, wanted: bool) -> None:
        self.accept(wanted)

    @rule(wanted=st.booleans())
    def accept(self, wanted: bool) -> None:
        """Accept the order, or start it again."""
        record = self.records.accept(ORDER, wanted=wanted)
        if record.uid not in self.uids:
            self.uids.append(record.uid)
            self.held = None

    @rule(told=st.lists(stages, min_size=1, max_size=6), run=runs, which=st.integers(0, 3))
    def hear(self, told: list[tuple[str, int]], run: str, which: int) -> None:
        """Events in any order, also of an order that had the id before."""
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
            for status, attempt in told
        ]
        before = self.found()
        assert self.inbox.take([cloud_event(event) for event in events]) == ["SUCCESS"] * len(events)
        if before and (before.deleted or uid not in (None, before.uid)):
            assert self.found() == before

    @rule(status=st.sampled_from(HAPPY_PATH[1:]))
    def go_on(self, status: str) -> None:
        """The next stage of the present attempt: so that machines get far."""
        record = self.found()
        if record and not record.deleted:
            self.hear([(status, record.attempt)], RUNS[0], len(self.uids))

    @rule(step=steps, ahead=st.integers(-1, 1), run=runs, of_now=st.booleans())
    def claim(self, step: str, ahead: int, run: str, of_now: bool) -> None:
        record = self.found()
        attempt = max(1, (record.attempt if record else 1) + ahead)
        asked = Claim(step=step, attempt=attempt, run=run, uid=self.uids[-1 if of_now else 0])
        try:
            got = self.records.change(ID, lambda record: answer_claim(record, asked, self.clock)).claim
        except NotFound:
            assert record is None or record.deleted
            return
        assert record is not None
        if record.closed or asked.uid != record.uid:
            assert got == "closed"
        lease = self.there().lease
        if got == "granted" and lease and (lease.step, lease.attempt, lease.run) == (step, attempt, run):
            if self.held and self.held[:2] == (step, attempt):
                assert self.held[2] == run or self.held[3] <= self.clock
            self.held = (step, attempt, run, lease.until)

    @rule(step=steps, run=runs)
    def release(self, step: str, run: str) -> None:
        asked = Claim(step=step, attempt=1, run=run, release=True)
        self.attempted(lambda record: release_claim(record, asked))
        if self.held and self.held[2] == run:
            self.held = None

    @rule(verdict=verdicts, attempt=attempts | st.none())
    def decide(self, verdict: str, attempt: int | None) -> None:
        record = self.found()
        stood = self.attempted(lambda record: record.decide(verdict, attempt, utc_timestamp(), "ana", None))
        if isinstance(stood, Entry) and record:
            assert stood.status == verdict
            first = self.first_decisions.setdefault((record.uid, stood.attempt), verdict)
            assert first == verdict

    @rule(word=st.sampled_from(["pause", "resume", "cancel"]))
    def steer(self, word: str) -> None:
        self.attempted(lambda record: getattr(record, word)(utc_timestamp(), "ana", None))

    @rule(status=st.sampled_from(sorted(FINAL)))
    def end(self, status: Any) -> None:
        self.attempted(lambda record: record.end(status, utc_timestamp(), "why" if status == "failed" else None))

    @rule()
    def delete(self) -> None:
        record = self.found()
        self.attempted(lambda record: record.delete(utc_timestamp()))
        if record and not record.live:
            assert self.there().deleted

    @rule()
    def tidy(self) -> None:
        """What has ended leaves the open ones."""
        self.records.close([ID])
        record = self.found()
        assert self.records.open.ids() == ([ID] if record and not (record.final or record.deleted) else [])

    @rule(seconds=st.sampled_from([1.0, 5.0, 20.0]))
    def later(self, seconds: float) -> None:
        self.clock += seconds

    @invariant()
    def holds(self) -> None:
        before, after = self.before, self.found()
        self.before = after
        is_open = after is not None and not (after.final or after.deleted)
        assert not is_open or self.records.open.ids() == [ID]
        if after is None:
            return
        if before and before != after:
            nothing_is_lost_and_nothing_goes_back(before, after)
        if after.deleted:
            assert (after.order, after.history, after.lease) == ({}, [], None)
        else:
            self.the_history_tells_each_thing_once_and_in_its_order(after)
            self.it_ends_once(after)

    def the_history_tells_each_thing_once_and_in_its_order(self, record: Record) -> None:
        told = [e.place for e in record.history if e.kind == "stage" and e.status in RANK]
        assert told == sorted(set(told))
        decided = [(e.attempt, e.status) for e in record.history if e.kind == "decision"]
        assert len(decided) == len(dict(decided))
        for attempt, verdict in decided:
            assert self.first_decisions[record.uid, attempt] == verdict

    def it_ends_once(self, record: Record) -> None:
        ends = [each.status for each in record.history if each.status in ("failed", "cancelled")]
        assert ends == ([record.status] if record.status in ("failed", "cancelled") else [])
        if record.final:
            assert self.ends.setdefault(record.uid, (record.status, record.error)) == (record.status, record.error)
            assert not record.paused
            assert record.cancelling is None
        else:
            assert record.uid not in self.ends

    def found(self) -> Record | None:
        return self.records.find(ID)

    def there(self) -> Record:
        found = self.found()
        assert found is not None
        return found

    def attempted(self, how: Callable[[Record], Any]) -> Any:
        """Do it where the record allows it; what it refuses must have left no trace."""
        before = self.found()
        try:
            return self.records.change(ID, how)
        except (Conflict, NotFound):
            assert self.found() == before
            return None


def nothing_is_lost_and_nothing_goes_back(before: Record, after: Record) -> None:
    """From one moment to the next."""
    assert after.version > before.version
    assert after.model_copy(update={"version": before.version}) != before
    if after.uid != before.uid:
        assert before.deleted
    elif not after.deleted:
        assert not before.deleted
        assert progress(after) >= progress(before)
        assert [each for each in after.history if each in before.history] == before.history
        assert not before.cancelling or after.cancelling or after.status == "cancelled"


def progress(record: Record) -> tuple[int, int]:
    """How far it is; nothing is beyond an end."""
    return (record.attempt, len(RANK)) if record.final else (record.attempt, RANK[record.status])


TestOrder = OrderMachine.TestCase
TestOrder.settings = settings(max_examples=100, stateful_step_count=30, deadline=None, derandomize=True)
