"""The record of one order, and every rule by which it may change. Pure: `order/repository.py` loads and saves it."""

import json
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, Field

from pizzashop.domain.history import HistoryEntry, find_decision, insert_stage
from pizzashop.domain.lifecycle import (
    ACCEPTED,
    CANCELLED,
    DELIVERED,
    FAILED,
    FINAL,
    OVERDUE,
    PENDING_VALIDATION,
    RANK,
    STEP_BY_NAME,
    Step,
)
from pizzashop.errors import Conflict


def _renamed(name: str, *old_names: str, default: Any = None) -> Any:
    """Declare a stored field that earlier releases stored under other names."""
    return Field(default, validation_alias=AliasChoices(name, *old_names))


class Lease(BaseModel):
    """The exclusive right of one holder to do something with an order, until a time (seconds since the epoch).

    The holder is a run of a step, or a caller that suspends or resumes the workflow.
    """

    step: str
    attempt: int
    holder: str = Field(validation_alias=AliasChoices("holder", "run"))
    until: float
    # The run that held the lease before, and that may have crashed before it published its last stage.
    crashed_run: str | None = _renamed("crashed_run", "heir_of")

    def seconds_left(self, now: float, max_seconds: float) -> float:
        """Return for how many seconds the lease still lasts, 0 when it is over.

        A lease that ends more than twice `max_seconds` ahead is over too: the clock was set back since. Twice, because
        the clocks of two machines differ a little.
        """
        left = self.until - now
        return left if 0 < left <= 2 * max_seconds else 0.0


class WorkflowSettings(BaseModel):
    """The settings that hold for one order from its start to its end; `reminder` and `deadline` in seconds."""

    max_remakes: int = Field(ge=0)
    reminder: float | None = Field(None, gt=0, allow_inf_nan=False)
    deadline: float | None = Field(None, gt=0, allow_inf_nan=False)


class OrderSnapshot(BaseModel):
    """An order as clients and pages read it.

    `uid` distinguishes it from another order with the same id. `order` is what the client sent. `version` counts the
    writes of the record. With `workflow_requested` a workflow is to bring the order to its end. `traceparent` is the
    trace context of the request for that workflow, and so names the trace of the order.
    """

    uid: str
    order: dict[str, Any] = Field(default_factory=dict)
    status: str = ACCEPTED
    attempt: int = 1
    paused: bool = False
    error: str | None = None
    version: int = 1
    history: list[HistoryEntry] = Field(default_factory=list)
    workflow_requested: bool = _renamed("workflow_requested", "wanted", default=False)
    traceparent: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the order has ended: only late facts are still added to its history."""
        return self.status in FINAL

    @property
    def is_closed(self) -> bool:
        """Whether no further step may begin."""
        return self.is_final

    @property
    def is_overdue(self) -> bool:
        """Whether the decision on the present attempt is late and still missing."""
        is_waiting = self.status == PENDING_VALIDATION and not self.is_closed and not self.decision_of(self.attempt)
        return is_waiting and any(e.status == OVERDUE and e.attempt == self.attempt for e in self.history)

    def view(self) -> dict[str, Any]:
        """Return the order as the API answers it: the fields that the client sent, with its status and history."""
        sent = {name: value for name, value in self.order.items() if name != "overdue"}
        view = {**sent, "status": self.status, "attempt": self.attempt, "paused": self.paused}
        if self.error is not None:
            view["error"] = self.error
        if self.is_overdue:
            view["overdue"] = True
        history = [entry.model_dump(exclude_none=True) for entry in self.history]
        return {**view, "version": self.version, "history": history}

    def begun_stages(self, attempt: int, statuses: tuple[str, ...]) -> list[HistoryEntry]:
        """Return those of `statuses` that have begun in this attempt, oldest first."""
        return [e for e in self.history if e.kind == "stage" and e.attempt == attempt and e.status in statuses]

    def decision_of(self, attempt: int) -> HistoryEntry | None:
        """Return the manager's decision on this attempt, None when there is none yet."""
        return find_decision(self.history, attempt)


class Record(OrderSnapshot):
    """Everything known of one order. Records that an earlier release stored are read too: see `_renamed`."""

    # With which settings the workflow runs, and whether it has claimed a step.
    workflow_settings: WorkflowSettings | None = _renamed("workflow_settings", "terms")
    workflow_started: bool = _renamed("workflow_started", "begun", default=False)
    # When a long activity last reported that it is still running.
    heartbeat_at: str | None = None
    # Who cancelled the order, until its workflow has ended.
    cancellation: HistoryEntry | None = _renamed("cancellation", "cancelling")
    # The lease of the run that does a step now.
    lease: Lease | None = None
    # The lease of the caller that suspends or resumes the workflow now. When it is over and still here, the caller
    # crashed, or `request_reapply` was called: then the reconciler acts.
    suspension_lease: Lease | None = _renamed("suspension_lease", "steering")
    # When the order ended, or was deleted without an end.
    ended_at: str | None = _renamed("ended_at", "ended")
    # Whether the engine has purged the workflow.
    purged: bool = False
    deleted: bool = False
    # When the content was deleted.
    deleted_at: str | None = _renamed("deleted_at", "emptied_at", "emptied")
    # Where the index has the order: the number of the page, and the place on it.
    index_page: int = _renamed("index_page", "page", default=0)
    index_place: int = _renamed("index_place", "place", default=0)

    @classmethod
    def accept(
        cls,
        uid: str,
        order: dict[str, Any],
        at: str,
        *,
        with_workflow: bool,
        settings: WorkflowSettings | None = None,
        traceparent: str | None = None,
        version: int = 1,
    ) -> "Record":
        """Return the record of an order that was just accepted."""
        return cls(
            uid=uid,
            order=order,
            history=[HistoryEntry(status=ACCEPTED, at=at)],
            workflow_requested=with_workflow,
            workflow_settings=settings,
            traceparent=traceparent,
            version=version,
        )

    @property
    def is_closed(self) -> bool:
        """Whether no further step may begin."""
        return self.deleted or self.is_final or self.cancellation is not None

    @property
    def is_live(self) -> bool:
        """Whether a workflow processes the order, or will."""
        return self.workflow_requested and not self.is_final

    @property
    def shown_status(self) -> str:
        """The status that clients and pages read: `cancelled` as soon as the order can end in no other way."""
        return CANCELLED if self.cancellation is not None else self.status

    def snapshot(self) -> OrderSnapshot:
        """Return the order as clients and pages read it."""
        fields = {name: getattr(self, name) for name in OrderSnapshot.model_fields}
        cancellation = [self.cancellation] if self.cancellation is not None else []
        return OrderSnapshot(**fields | {"status": self.shown_status, "history": [*self.history, *cancellation]})

    def view(self) -> dict[str, Any]:
        """Return the snapshot of the order as the API answers it."""
        return self.snapshot().view()

    def has_content(self, order: dict[str, Any]) -> bool:
        """Return whether the record was made of exactly this `order` (1 differs from true and from 1.0)."""
        return json.dumps(order, sort_keys=True) == json.dumps(self.order, sort_keys=True)

    def has_finished(self, step: Step, attempt: int) -> bool:
        """Return whether the step is finished in this attempt: its last status, or a later one, has begun."""
        rank = attempt, RANK[step.done_status]
        return any(e.kind == "stage" and e.status in RANK and e.rank >= rank for e in self.history)

    def require_open(self, change: str) -> None:
        """Raise Conflict unless a workflow processes the order; `change` is a participle such as "paused"."""
        if self.is_closed:
            state = self.status if self.is_final else "being cancelled"
            raise Conflict(f"The order is {state}: it cannot be {change} any more")
        if not self.workflow_requested:
            raise Conflict("The order has not been started: send it to /start-order")

    def request_workflow(self, settings: WorkflowSettings | None = None, traceparent: str | None = None) -> bool:
        """Mark that a workflow is to be scheduled. Return whether that changed anything."""
        if self.workflow_requested:
            return False
        self.workflow_requested, self.workflow_settings, self.traceparent = True, settings, traceparent
        return True

    def apply_stages(self, entries: list[HistoryEntry]) -> bool:
        """Add stages that began, in any order and any number of times. Return whether any was new."""
        new = [entry for entry in entries if not self._has_stage(entry)]
        for entry in new:
            insert_stage(self.history, entry)
            self._advance(entry)
        return bool(new)

    def release_lease_after(self, entry: HistoryEntry, run: str | None) -> None:
        """Release the lease of `run` when `entry`, which was published, is the last status of its step."""
        if self.lease is not None and (self.lease.holder, self.lease.attempt) == (run, entry.attempt):
            step = STEP_BY_NAME.get(self.lease.step)
            if step is not None and entry.status == step.done_status:
                self.lease = None

    def decide(self, verdict: str, attempt: int | None, at: str, by: str | None, note: str | None) -> HistoryEntry:
        """Record a decision and return the one that counts; raise Conflict when another was made before."""
        attempt = attempt or self.attempt
        first = self.decision_of(attempt)
        if first is not None:
            if first.status != verdict:
                was = {"remake": "sent back to be made again"}.get(first.status, first.status)
                raise Conflict(f"Attempt {attempt} was {was} already", decision=first.status)
            return first
        self.require_open("decided on")
        if attempt != self.attempt:
            raise Conflict(f"Attempt {attempt} has not begun: the present one is {self.attempt}")
        entry = HistoryEntry(kind="decision", status=verdict, attempt=attempt, at=at, by=by, note=note)
        self.history.append(entry)
        return entry

    def pause(self, at: str, by: str | None, note: str | None) -> bool:
        """Mark the order as paused. Return whether that changed anything."""
        return self._set_paused(True, "paused", at, by, note)

    def resume(self, at: str, by: str | None, note: str | None) -> bool:
        """Mark the order as not paused. Return whether that changed anything."""
        return self._set_paused(False, "resumed", at, by, note)

    def cancel(self, at: str, by: str | None, note: str | None) -> bool:
        """Begin to cancel: from now on the order can only end as cancelled. Return whether that changed anything."""
        if self.status == CANCELLED or self.cancellation is not None:
            return False
        self.require_open("cancelled")
        if self.begun_stages(self.attempt, (DELIVERED,)):
            raise Conflict("The order is delivered: it cannot be cancelled any more")
        self.cancellation = HistoryEntry(kind="action", status=CANCELLED, attempt=self.attempt, at=at, by=by, note=note)
        return True

    def end(self, status: Literal["delivered", "failed", "cancelled"], at: str, error: str | None) -> bool:
        """End the order, unless it has ended already: the first end counts. Return whether that changed anything."""
        if self.is_final or (self.cancellation is not None and status != CANCELLED):
            return False
        if status == CANCELLED:
            requested = self.cancellation or HistoryEntry(kind="action", status=CANCELLED, attempt=self.attempt, at=at)
            self.history.append(requested.model_copy(update={"at": at}))
        elif status == FAILED:
            self.history.append(HistoryEntry(status=FAILED, attempt=self.attempt, at=at, note=error))
        elif not self.begun_stages(self.attempt, (DELIVERED,)):
            self.history.append(HistoryEntry(status=DELIVERED, attempt=self.attempt, at=at))
        self.status, self.error = status, error if status == FAILED else None
        if self.paused and status != CANCELLED:
            # Its last step went on while the workflow was suspended. It has to be resumed, so that it ends too.
            self.request_reapply()
        self.paused, self.cancellation, self.lease, self.ended_at = False, None, None, at
        return True

    def delete(self, at: str) -> None:
        """Delete the order's content, history and error, everything that may name a person.

        What stays is not about a person. By `uid` a late event of this order is not applied to a new one.

        Raise Conflict while a workflow processes the order.
        """
        if self.is_live:
            raise Conflict("The order's workflow is at work on it: cancel it first")
        self.order, self.history, self.error, self.lease = {}, [], None, None
        self.deleted, self.deleted_at, self.ended_at = True, at, self.ended_at or at

    def lease_suspension(self, holder: str, until: float) -> None:
        """Give `holder` the exclusive right to suspend or resume the workflow."""
        self.suspension_lease = Lease(step="suspend", attempt=self.attempt, holder=holder, until=until)

    def request_reapply(self) -> None:
        """Have the reconciler suspend or resume the workflow as the record says: leave a lease that is over."""
        self.lease_suspension("reconciler", 0)

    def _set_paused(self, paused: bool, status: str, at: str, by: str | None, note: str | None) -> bool:
        self.require_open(status)
        if self.paused == paused:
            return False
        self.paused = paused
        self.history.append(HistoryEntry(kind="action", status=status, attempt=self.attempt, at=at, by=by, note=note))
        return True

    def _has_stage(self, entry: HistoryEntry) -> bool:
        return entry.status not in RANK or bool(self.begun_stages(entry.attempt, (entry.status,)))

    def _advance(self, entry: HistoryEntry) -> None:
        is_ended_by_workflow = self.workflow_requested and entry.status == DELIVERED
        if self.is_final or self.cancellation is not None or is_ended_by_workflow:
            return
        # A newer release may have set a status that this one does not know: any stage of the attempt then replaces it.
        if entry.rank > (self.attempt, RANK.get(self.status, -1)):
            self.attempt, self.status = entry.attempt, entry.status
