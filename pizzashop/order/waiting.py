"""`POST /order/<id>/waiting`: what has become of the decision that the workflow waits for."""

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.body import read_json_inside
from pizzashop.domain.errors import NotFound, Unavailable
from pizzashop.domain.record import Record
from pizzashop.domain.waiting import Patience, Standing, stand
from pizzashop.order.views import records
from pizzashop.parts import Clock

blueprint = Blueprint("waiting", __name__, url_prefix="/order/<order_id>")


@blueprint.post("/waiting")
def waiting(order_id: str) -> ResponseReturnValue:
    """Answer what stands of the decision; the order becomes overdue, or fails, where it is time for that."""
    asked = Patience.parse(read_json_inside())
    clock: Clock = current_app.extensions["clock"]

    def look(record: Record) -> Standing:
        if asked.uid not in (None, record.uid):
            raise NotFound("Order not found")
        if record.cancelling is not None:
            raise Unavailable("The order is being cancelled")
        return stand(record, asked, clock().isoformat())

    return jsonify(records().change(order_id, look).model_dump())
