"""`/events`: what was kept aside, for operators: list, show, replay and drop it."""

from typing import Any

from flask import current_app, jsonify, request
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from pizzashop.auth.people import MANAGER
from pizzashop.domain.requests import Request, invalid_request
from pizzashop.errors import Unavailable
from pizzashop.order.dead_letters import DeadLetter, DeadLetters, Query
from pizzashop.order.inbox import RETRY, SUCCESS, Inbox
from pizzashop.order.schemas import Done, EventPage, KeptEvent, Replayed, ReplayedPage
from pizzashop.web.json_body import read_json
from pizzashop.web.routes import Routes

routes = Routes("events", prefix="/events")


class Replay(Request):
    """Nothing more is to be said; that it is JSON keeps other sites' pages from sending it."""


def dead_letters() -> DeadLetters:
    """The dead letters of the application that serves this request."""
    found: DeadLetters = current_app.extensions["dead_letters"]
    return found


@routes.get("", MANAGER, response=EventPage, query=Query, internal=True)
def index() -> ResponseReturnValue:
    """The kept events, newest first, a page at a time."""
    try:
        query = Query.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise invalid_request(error) from None
    kept, following = dead_letters().page(query)
    return jsonify(events=[each.row for each in kept], next=following)


@routes.get("/<event_id>", MANAGER, response=KeptEvent, errors=(404,), internal=True)
def show(event_id: str) -> ResponseReturnValue:
    """One kept event, as it came."""
    return jsonify(dead_letters().get(event_id).shown)


@routes.post("/<event_id>/replay", MANAGER, response=Replayed, body=Replay, errors=(404,), internal=True)
def replay(event_id: str) -> ResponseReturnValue:
    """Apply a kept event anew: it leaves the list, or stays with the reason of now."""
    Replay.parse(read_json())
    return jsonify(_replayed(dead_letters().get(event_id)))


@routes.post("/replay", MANAGER, response=ReplayedPage, body=Query, internal=True)
def replay_page() -> ResponseReturnValue:
    """Apply a page of the kept events anew, newest first."""
    kept, following = dead_letters().page(Query.parse(read_json()))
    return jsonify(events=[_replayed(each) for each in kept], next=following)


@routes.delete("/<event_id>", MANAGER, response=Done, internal=True)
def drop(event_id: str) -> ResponseReturnValue:
    """Forget a kept event for good; there being none is as good."""
    dead_letters().drop(event_id)
    return jsonify(success=True)


def _replayed(kept: DeadLetter) -> dict[str, Any]:
    inbox: Inbox = current_app.extensions["inbox"]
    (answer,) = inbox.take([kept.event])
    if answer == RETRY:
        raise Unavailable("The event could not be applied just now: it stays kept")
    if answer != SUCCESS:
        return {**dead_letters().get(kept.id).row, "replayed": False}
    dead_letters().drop(kept.id)
    return {**kept.row, "reason": None, "replayed": True}
