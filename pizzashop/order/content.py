"""What the activities of role `workflow` ask and tell: what an order says, and that one of them is still under way."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from pizzashop.body import read_json_inside
from pizzashop.domain.errors import NotFound
from pizzashop.domain.history import now
from pizzashop.domain.record import Record
from pizzashop.domain.requests import Request
from pizzashop.order.views import records

blueprint = Blueprint("content", __name__, url_prefix="/order/<order_id>")


class Which(Request):
    """Which of the orders that have had this id; None: the present one."""

    uid: str | None = Field(None, max_length=64)


@blueprint.post("/content")
def content(order_id: str) -> ResponseReturnValue:
    """Answer the order as the client sent it: it never changes."""
    asked = Which.parse(read_json_inside())
    record = records().get(order_id)
    _require(record, asked)
    return jsonify(record.order)


@blueprint.post("/heartbeat")
def heartbeat(order_id: str) -> ResponseReturnValue:
    """Note that an activity of the order is under way, and waits for something."""
    asked = Which.parse(read_json_inside())

    def note(record: Record) -> None:
        _require(record, asked)
        if not record.closed:
            record.heartbeat_at = now()

    records().change(order_id, note)
    return jsonify(success=True)


def _require(record: Record, asked: Which) -> None:
    if asked.uid not in (None, record.uid):
        raise NotFound("Order not found")
