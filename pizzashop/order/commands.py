"""What the other roles ask of `order`, by service invocation: the moves that the record alone decides on."""

import time
from typing import Any, Literal

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import Field, ValidationError

from pizzashop.body import read_json_inside
from pizzashop.domain.claims import Answer, Claim, answer, release
from pizzashop.domain.errors import Conflict, NotFound, Unavailable
from pizzashop.domain.history import MAX_HISTORY, Entry, now
from pizzashop.domain.known import Terms
from pizzashop.domain.record import Record
from pizzashop.domain.requests import Decision, NewOrder, Request, invalid
from pizzashop.domain.seal import seal
from pizzashop.domain.steering import STEERING_SECONDS, Steered, require_held
from pizzashop.domain.unsettled import progress
from pizzashop.order.inbox import Inbox
from pizzashop.order.views import records
from pizzashop.parts import Clock

blueprint = Blueprint("commands", __name__, url_prefix="/order/<order_id>")


class Decided(Decision):
    """A decision, with what the workflow knows to have happened: its events may still be on their way."""

    history: list[Entry] = Field(default_factory=list, max_length=MAX_HISTORY)


class End(Request):
    """How the workflow says that the order ends."""

    status: Literal["delivered", "failed", "cancelled"]
    uid: str | None = None
    error: str | None = None
    history: list[Entry] = Field(default_factory=list, max_length=MAX_HISTORY)


@blueprint.post("/accept")
def accept(order_id: str) -> ResponseReturnValue:
    """Accept an order whose workflow is to run under the terms that the query says; `start` says whether it is still
    to be scheduled."""
    content = read_json_inside()
    if NewOrder.parse(content).order_id != order_id:
        raise Conflict("The order's id is not the one in the address")
    inbox: Inbox = current_app.extensions["inbox"]
    inbox.lag.check()
    try:
        terms = Terms.model_validate(request.args.to_dict()) if request.args else None
    except ValidationError as error:
        raise invalid(error) from None
    return jsonify(_start(records().accept(content, wanted=True, terms=terms)))


@blueprint.get("/start")
def start(order_id: str) -> ResponseReturnValue:
    """What the workflow of an accepted order is started with, the first time and again."""
    return jsonify(_start(records().get(order_id)))


@blueprint.get("/summary")
def summary(order_id: str) -> ResponseReturnValue:
    """Where the order stands, in a few words."""
    return jsonify(_summary(records().get(order_id)))


@blueprint.post("/claim")
def claim(order_id: str) -> ResponseReturnValue:
    """Answer a run that asks for a step, or take back one that it could not finish."""
    asked = Claim.parse(read_json_inside())
    try:
        if asked.release:
            records().change(order_id, lambda record: release(record, asked))
            return jsonify(claim="granted")
        clock: Clock = current_app.extensions["clock"]
        granted = records().change(order_id, lambda record: answer(record, asked, clock().timestamp()))
    except NotFound:
        granted = _of_none(order_id, asked)
    return jsonify(granted.model_dump())


@blueprint.post("/decide")
def decide(order_id: str) -> ResponseReturnValue:
    """Record the manager's decision; answers the one that stands."""
    asked = Decided.parse(read_json_inside())

    def record_it(record: Record) -> dict[str, Any]:
        record.hear(asked.history)
        entry = record.decide(asked.verdict, asked.attempt, now(), asked.by, asked.note)
        return {**_summary(record), "decision": entry.model_dump(), "seal": seal(record.secret, entry.attempt)}

    return jsonify(records().change(order_id, record_it))


@blueprint.post("/<any(pause, resume, cancel):word>")
def command(order_id: str, word: Literal["pause", "resume", "cancel"]) -> ResponseReturnValue:
    """Mark the order as paused, as going on, or as being cancelled."""
    asked = Steered.parse(read_json_inside())

    def mark(record: Record) -> dict[str, Any]:
        if word != "cancel":
            require_held(record, asked.run)
        change = {"pause": record.pause, "resume": record.resume, "cancel": record.cancel}[word]
        change(now(), asked.by, asked.note)
        return _summary(record)

    return jsonify(records().change(order_id, mark))


@blueprint.post("/end")
def end(order_id: str) -> ResponseReturnValue:
    """Bring the order to its end, unless it has another already; answers the one that stands."""
    asked = End.parse(read_json_inside())

    def end_it(record: Record) -> dict[str, Any]:
        if asked.uid not in (None, record.uid):
            raise NotFound("Order not found")
        record.hear(asked.history)
        record.end(asked.status, now(), asked.error)
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
        "start": not (record.begun or record.closed),
    }


def _summary(record: Record) -> dict[str, Any]:
    return {
        "order_id": record.order.get("order_id"),
        "uid": record.uid,
        "status": record.status,
        "attempt": record.attempt,
        "paused": record.paused,
        "error": record.error,
        "wanted": record.wanted,
        "begun": record.begun,
        "steered": record.steering.left(time.time(), STEERING_SECONDS) if record.steering else 0.0,
        "cancelling": record.cancelling is not None,
    }


def _of_none(order_id: str, asked: Claim) -> Answer:
    deleted = records().find(order_id) is not None
    if asked.uid is not None or deleted:
        return Answer(claim="closed", error="the order was deleted")
    return Answer(claim="unknown")
