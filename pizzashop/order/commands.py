"""The commands of other roles to one order's record: accept it, decide, pause, cancel, end it.

Each route changes the record by one conditional write. The rules are in `domain/`. Role `workflow` calls these for the
commands of clients, because it also tells the engine (`workflow/commands.py`).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, Field, ValidationError

from pizzashop.auth.people import INTERNAL
from pizzashop.domain.decisions import DecisionQuery, DecisionState, check_decision
from pizzashop.domain.history import Clock, format_timestamp, utc_timestamp
from pizzashop.domain.reconciliation import format_progress
from pizzashop.domain.record import Record, WorkflowSettings
from pizzashop.domain.requests import DecisionRequest, NewOrder, OrderContent, Request, invalid_request
from pizzashop.domain.suspension import (
    SUSPENSION_LEASE_SECONDS,
    MarkCommand,
    SuspensionAnswer,
    SuspensionClaim,
    claim_suspension,
    release_suspension,
    require_suspension_lease,
)
from pizzashop.errors import Conflict, NotFound, Unavailable
from pizzashop.order.repository import Repository
from pizzashop.order.schemas import Done
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes


class UidCondition(Request):
    """The uid that the order must have; without it, the request is for whichever order has the id now."""

    uid: str | None = Field(None, max_length=64)


class EndCommand(UidCondition):
    """How the order ends; `error` says why it failed."""

    status: Literal["delivered", "failed", "cancelled"]
    error: str | None = None


class OrderSummary(BaseModel):
    """The state of an order, as role `workflow` needs it.

    `suspension_seconds` is how long the suspension lease still lasts. `progress` changes whenever the order makes
    progress. `to_schedule` says whether its workflow has still to be scheduled. `traceparent` names the order's trace.
    """

    order_id: str
    uid: str
    status: str
    attempt: int
    paused: bool
    error: str | None
    workflow_requested: bool
    workflow_started: bool
    workflow_settings: WorkflowSettings | None
    cancelling: bool
    suspension_seconds: float
    progress: str
    to_schedule: bool
    traceparent: str | None


def make_command_routes(repository: Repository, clock: Clock) -> Routes:
    """Return the routes under `/order/<order_id>` that the other roles call."""
    routes = Routes("commands", prefix="/order/<order_id>")

    def change(
        order_id: str, uid: str | None, change_record: Callable[[Record], BaseModel | None]
    ) -> ResponseReturnValue:
        """Change the record and return the answer as JSON. Raise NotFound when the id is another order's by now."""

        def change_if_uid(record: Record) -> BaseModel | None:
            _require_uid(record, uid)
            return change_record(record)

        answer = repository.change(order_id, change_if_uid)
        return jsonify(success=True) if answer is None else jsonify(answer.model_dump())

    @routes.post(
        "/accept",
        INTERNAL,
        response=OrderSummary,
        body=NewOrder,
        query=WorkflowSettings,
        errors=(409,),
        internal=True,
    )
    def accept(order_id: str) -> ResponseReturnValue:
        """Accept an order that a workflow is to process, with the settings of the query."""
        content = read_internal_json()
        if NewOrder.parse(content).order_id != order_id:
            raise Conflict("The order's id is not the one in the address")
        record = repository.accept(content, with_workflow=True, settings=_read_settings())
        return jsonify(_summary(record, clock()).model_dump())

    @routes.get("/summary", INTERNAL, response=OrderSummary, errors=(404,), internal=True)
    def summary(order_id: str) -> ResponseReturnValue:
        """Return the state of an order, as role `workflow` needs it."""
        return jsonify(_summary(repository.get(order_id), clock()).model_dump())

    @routes.post("/content", INTERNAL, response=OrderContent, body=UidCondition, errors=(404,), internal=True)
    def content(order_id: str) -> ResponseReturnValue:
        """Return the order as the client sent it."""
        condition = UidCondition.parse(read_internal_json())
        record = repository.get(order_id)
        _require_uid(record, condition.uid)
        return jsonify(record.order)

    @routes.post("/heartbeat", INTERNAL, response=Done, body=UidCondition, errors=(404,), internal=True)
    def heartbeat(order_id: str) -> ResponseReturnValue:
        """Note that an activity of the order is still running."""
        condition = UidCondition.parse(read_internal_json())

        def note(record: Record) -> None:
            if not record.is_closed:
                record.heartbeat_at = utc_timestamp()

        return change(order_id, condition.uid, note)

    @routes.post("/decide", INTERNAL, response=OrderSummary, body=DecisionRequest, errors=(404, 409), internal=True)
    def decide(order_id: str) -> ResponseReturnValue:
        """Record the manager's decision. The first decision on an attempt counts."""
        decision = DecisionRequest.parse(read_internal_json())

        def record_decision(record: Record) -> OrderSummary:
            record.decide(decision.verdict, decision.attempt, utc_timestamp(), decision.by, decision.note)
            return _summary(record, clock())

        return change(order_id, None, record_decision)

    @routes.post(
        "/decision-state", INTERNAL, response=DecisionState, body=DecisionQuery, errors=(404, 409), internal=True
    )
    def decision_state(order_id: str) -> ResponseReturnValue:
        """Return the decision that counts; mark the order as overdue, or fail it, when that is due."""
        query = DecisionQuery.parse(read_internal_json())

        def check(record: Record) -> DecisionState:
            _require_not_cancelling(record)
            return check_decision(record, query, format_timestamp(clock()))

        return change(order_id, query.uid, check)

    @routes.post(
        "/suspension-lease",
        INTERNAL,
        response=SuspensionAnswer,
        body=SuspensionClaim,
        errors=(404, 409),
        internal=True,
    )
    def suspension_lease(order_id: str) -> ResponseReturnValue:
        """Claim the lease on pausing and resuming, or release it."""
        claim = SuspensionClaim.parse(read_internal_json())
        if claim.release:
            return change(order_id, None, lambda record: release_suspension(record, claim))
        return change(order_id, None, lambda record: claim_suspension(record, claim, clock().timestamp()))

    @routes.post(
        "/<any(pause, resume, cancel):command>",
        INTERNAL,
        response=OrderSummary,
        body=MarkCommand,
        errors=(404, 409),
        internal=True,
    )
    def mark(order_id: str, command: Literal["pause", "resume", "cancel"]) -> ResponseReturnValue:
        """Mark the order as paused, as resumed, or as being cancelled."""
        sent = MarkCommand.parse(read_internal_json())

        def mark_record(record: Record) -> OrderSummary:
            if command != "cancel":
                require_suspension_lease(record, sent.holder)
            marks = {"pause": record.pause, "resume": record.resume, "cancel": record.cancel}
            marks[command](utc_timestamp(), sent.by, sent.note)
            return _summary(record, clock())

        return change(order_id, None, mark_record)

    @routes.post("/end", INTERNAL, response=OrderSummary, body=EndCommand, errors=(404, 409), internal=True)
    def end(order_id: str) -> ResponseReturnValue:
        """End the order, unless it has ended already, and show the end that counts."""
        command = EndCommand.parse(read_internal_json())

        def end_record(record: Record) -> OrderSummary:
            if command.status != "cancelled":
                # The workflow waits here until it is terminated: so engine and record end alike.
                _require_not_cancelling(record)
            record.end(command.status, utc_timestamp(), command.error)
            return _summary(record, clock())

        return change(order_id, command.uid, end_record)

    return routes


def _read_settings() -> WorkflowSettings | None:
    try:
        return WorkflowSettings.model_validate(request.args.to_dict()) if request.args else None
    except ValidationError as error:
        raise invalid_request(error) from None


def _require_uid(record: Record, uid: str | None) -> None:
    if uid not in (None, record.uid):
        raise NotFound("Order not found")


def _require_not_cancelling(record: Record) -> None:
    if record.cancellation is not None:
        raise Unavailable("The order is being cancelled")


def _summary(record: Record, now: datetime) -> OrderSummary:
    lease = record.suspension_lease
    return OrderSummary(
        order_id=record.order["order_id"],
        uid=record.uid,
        status=record.status,
        attempt=record.attempt,
        paused=record.paused,
        error=record.error,
        workflow_requested=record.workflow_requested,
        workflow_started=record.workflow_started,
        workflow_settings=record.workflow_settings,
        cancelling=record.cancellation is not None,
        suspension_seconds=lease.seconds_left(now.timestamp(), SUSPENSION_LEASE_SECONDS) if lease else 0.0,
        progress=format_progress(record),
        to_schedule=not (record.workflow_started or record.is_closed),
        traceparent=record.traceparent,
    )
