"""`GET /unsettled`: the open orders of which the engine does not seem to know what the record says, and the progress of
those that it has to move on."""

import time
from typing import Any

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.domain.record import Record
from pizzashop.domain.unsettled import Need, awaits_engine, is_over, is_stuck, need, progress
from pizzashop.order.views import records
from pizzashop.parts import Clock

blueprint = Blueprint("unsettled", __name__)


@blueprint.get("/unsettled")
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
