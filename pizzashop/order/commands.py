"""`GET /unsettled`: the open orders of which the engine does not seem to know what the record says, and the progress of
those that it has to move on."""

import time
from typing import Any, Literal

from flask import current_app, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import Field, ValidationError

from pizzashop.auth.people import INTERNAL, MANAGER
from pizzashop.domain.claims import Claim, ClaimAnswer, answer_claim, release_claim
from pizzashop.domain.decisions import DecisionQuery, DecisionState, check_decision, seal
from pizzashop.domain.history import MAX_HISTORY, HistoryEntry, utc_timestamp
from pizzashop.domain.reconciliation import Need, awaits_engine, is_over, is_stuck, need, progress
from pizzashop.domain.record import Record, WorkflowSettings
from pizzashop.domain.requests import Decision, NewOrder, Request, invalid_request
from pizzashop.domain.suspension import (
    SUSPENSION_LEASE_SECONDS,
    SuspensionAnswer,
    SuspensionClaim,
    SuspensionCommand,
    claim_suspension,
    release_suspension,
    require_held,
)
from pizzashop.errors import Conflict, NotFound, Unavailable
from pizzashop.order.inbox import Inbox
from pizzashop.order.repository import records
from pizzashop.order.schemas import Content, Done, Start, Summary, Unsettled
from pizzashop.web.dependencies import Clock
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

routes = Routes("commands", prefix="/order/<order_id>")


class RecordedDecision(Decision):
    """A decision, with what the workflow knows to have happened: its events may still be on their way."""

    history: list[HistoryEntry] = Field(default_factory=list, max_length=MAX_HISTORY)


class EndCommand(Request):
    """How the workflow says that the order ends."""

    status: Literal["delivered", "failed", "cancelled"]
    uid: str | None = None
    error: str | None = None
    history: list[HistoryEntry] = Field(default_factory=list, max_length=MAX_HISTORY)


@routes.post("/accept", INTERNAL, response=Start, body=NewOrder, query=WorkflowSettings, errors=(409,), internal=True)
def accept(order_id: str) -> ResponseReturnValue:
    """Accept an order whose workflow is to run under the terms that the query says; `start` says whether it is still
    to be scheduled."""
    content = read_internal_json()
    if NewOrder.parse(content).order_id != order_id:
        raise Conflict("The order's id is not the one in the address")
    inbox: Inbox = current_app.extensions["inbox"]
    inbox.lag.check()
    try:
        terms = WorkflowSettings.model_validate(request.args.to_dict()) if request.args else None
    except ValidationError as error:
        raise invalid_request(error) from None
    return jsonify(_start(records().accept(content, with_workflow=True, terms=terms)))


@routes.get("/start", INTERNAL, response=Start, errors=(404,), internal=True)
def start(order_id: str) -> ResponseReturnValue:
    """What the workflow of an accepted order is started with, the first time and again."""
    return jsonify(_start(records().get(order_id)))


@routes.get("/summary", INTERNAL, response=Summary, errors=(404,), internal=True)
def summary(order_id: str) -> ResponseReturnValue:
    """Where the order stands, in a few words."""
    return jsonify(_summary(records().get(order_id)))


@routes.post("/claim", INTERNAL, response=ClaimAnswer, body=Claim, errors=(404, 409), internal=True)
def claim(order_id: str) -> ResponseReturnValue:
    "Answer a run that asks for a step, or take back one that it could not finish."
    asked = Claim.parse(read_internal_json())
    try:
        if asked.release:
            records().change(order_id, lambda record: release_claim(record, asked))
            return jsonify(claim="granted")
        clock: Clock = current_app.extensions["clock"]
        granted = records().change(order_id, lambda record: answer_claim(record, asked, clock().timestamp()))
    except NotFound:
        granted = _of_none(order_id, asked)
    return jsonify(granted.model_dump())


@routes.post("/decide", INTERNAL, response=Summary, body=RecordedDecision, errors=(404, 409), internal=True)
def decide(order_id: str) -> ResponseReturnValue:
    """Record the manager's decision; answers the one that stands."""
    asked = RecordedDecision.parse(read_internal_json())

    def record_it(record: Record) -> dict[str, Any]:
        record.apply_stages(asked.history)
        entry = record.decide(asked.verdict, asked.attempt, utc_timestamp(), asked.by, asked.note)
        return {**_summary(record), "decision": entry.model_dump(), "seal": seal(record.secret, entry.attempt)}

    return jsonify(records().change(order_id, record_it))


@routes.post(
    "/<any(pause, resume, cancel):word>",
    INTERNAL,
    response=Summary,
    body=SuspensionCommand,
    errors=(404, 409),
    internal=True,
)
def command(order_id: str, word: Literal["pause", "resume", "cancel"]) -> ResponseReturnValue:
    """Mark the order as paused, as going on, or as being cancelled."""
    asked = SuspensionCommand.parse(read_internal_json())

    def mark(record: Record) -> dict[str, Any]:
        if word != "cancel":
            require_held(record, asked.run)
        change = {"pause": record.pause, "resume": record.resume, "cancel": record.cancel}[word]
        change(utc_timestamp(), asked.by, asked.note)
        return _summary(record)

    return jsonify(records().change(order_id, mark))


@routes.post("/end", INTERNAL, response=Summary, body=EndCommand, errors=(404, 409), internal=True)
def end(order_id: str) -> ResponseReturnValue:
    """Bring the order to its end, unless it has another already; answers the one that stands."""
    asked = EndCommand.parse(read_internal_json())

    def end_it(record: Record) -> dict[str, Any]:
        if asked.uid not in (None, record.uid):
            raise NotFound("Order not found")
        record.apply_stages(asked.history)
        record.end(asked.status, utc_timestamp(), asked.error)
        return _summary(record)

    ended = records().change(order_id, end_it)
    if ended["cancelling"]:
        # The workflow waits with its own end until it is terminated: so the engine and the record end alike.
        raise Unavailable("The order is being cancelled")
    return jsonify(ended)


def _start(record: Record) -> dict[str, Any]:
    terms = record.terms.model_dump() if record.terms is not None else None
    return {
        **_summary(record),
        "secret": record.secret,
        "terms": terms,
        "progress": progress(record),
        "start": not (record.workflow_started or record.is_closed),
    }


def _summary(record: Record) -> dict[str, Any]:
    return {
        "order_id": record.order.get("order_id"),
        "uid": record.uid,
        "status": record.status,
        "attempt": record.attempt,
        "paused": record.paused,
        "error": record.error,
        "wanted": record.workflow_requested,
        "begun": record.workflow_started,
        "steered": record.suspension_lease.left(time.time(), SUSPENSION_LEASE_SECONDS) if record.suspension_lease else 0.0,
        "cancelling": record.cancellation is not None,
    }


def _of_none(order_id: str, asked: Claim) -> ClaimAnswer:
    deleted = records().find(order_id) is not None
    if asked.uid is not None or deleted:
        return ClaimAnswer(claim="closed", error="the order was deleted")
    return ClaimAnswer(claim="unknown")


class OrderVersion(Request):
    """Which of the orders that have had this id; None: the present one."""

    uid: str | None = Field(None, max_length=64)


@routes.post("/content", INTERNAL, response=Content, body=OrderVersion, errors=(404,), internal=True)
def content(order_id: str) -> ResponseReturnValue:
    """Answer the order as the client sent it: it never changes."""
    asked = OrderVersion.parse(read_internal_json())
    record = records().get(order_id)
    _require(record, asked)
    return jsonify(record.order)


@routes.post("/heartbeat", INTERNAL, response=Done, body=OrderVersion, errors=(404,), internal=True)
def heartbeat(order_id: str) -> ResponseReturnValue:
    """Note that an activity of the order is under way, and waits for something."""
    asked = OrderVersion.parse(read_internal_json())

    def note(record: Record) -> None:
        _require(record, asked)
        if not record.is_closed:
            record.heartbeat_at = utc_timestamp()

    records().change(order_id, note)
    return jsonify(success=True)


def _require(record: Record, asked: OrderVersion) -> None:
    if asked.uid not in (None, record.uid):
        raise NotFound("Order not found")


@routes.post("/steer", INTERNAL, response=SuspensionAnswer, body=SuspensionClaim, errors=(404, 409), internal=True)
def take_turn(order_id: str) -> ResponseReturnValue:
    """Take the steering, or give it back."""
    asked = SuspensionClaim.parse(read_internal_json())
    move = release_suspension if asked.release else claim_suspension
    return jsonify(records().change(order_id, lambda record: move(record, asked, time.time())).model_dump())


@routes.post("/waiting", INTERNAL, response=DecisionState, body=DecisionQuery, errors=(404, 409), internal=True)
def waiting(order_id: str) -> ResponseReturnValue:
    """Answer what stands of the decision; the order becomes overdue, or fails, where it is time for that."""
    asked = DecisionQuery.parse(read_internal_json())
    clock: Clock = current_app.extensions["clock"]

    def look(record: Record) -> DecisionState:
        if asked.uid not in (None, record.uid):
            raise NotFound("Order not found")
        if record.cancellation is not None:
            raise Unavailable("The order is being cancelled")
        return check_decision(record, asked, clock().isoformat())

    return jsonify(records().change(order_id, look).model_dump())


unsettled_routes = Routes("unsettled")


@unsettled_routes.get("/unsettled", MANAGER, INTERNAL, response=Unsettled, internal=True)
def unsettled() -> ResponseReturnValue:
    """What the workflow role has to see to; on the way, what has ended leaves the index of open orders."""
    found = records().find_many(records().open.ids())
    records().close(record.order["order_id"] for record in found if is_over(record))
    rows = [_row(record, needed) for record in found if (needed := need(record, time.time())) is not None]
    clock: Clock = current_app.extensions["clock"]
    at = clock().isoformat()
    come = {record.order["order_id"]: progress(record) for record in found if awaits_engine(record, at)}
    stuck = [record.order["order_id"] for record in found if is_stuck(record, time.time(), at)]
    return jsonify(orders=rows, progress=come, stuck=stuck)


def _row(record: Record, needed: Need) -> dict[str, Any]:
    row = {"order_id": record.order["order_id"], "attempt": record.attempt, "need": needed}
    decision = record.decision_of(record.attempt)
    if needed == "start":
        return {**row, "order": record.order}
    if needed == "decide" and decision is not None:
        verdict = {"approved": decision.status == "approved", "remake": decision.status == "remake"}
        return {**row, "decision": {**verdict, "by": decision.by, "note": decision.note}}
    return row
