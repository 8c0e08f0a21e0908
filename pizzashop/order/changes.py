"""`POST /changes`: what has changed among the orders that pages watch, in one request that costs little."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from pizzashop.body import read_json_inside
from pizzashop.domain.changes import Changes, Told, Watched
from pizzashop.order.today import made, rows
from pizzashop.order.views import records

blueprint = Blueprint("changes", __name__)


@blueprint.post("/changes")
def changes() -> ResponseReturnValue:
    """Answer the orders that are newer than the asker knows, and the board, if it shows something else by now."""
    asked = Watched.parse(read_json_inside())
    told = Changes(orders=[], gone=[], board=None)
    newest = records().newest.of(asked.orders)
    for order_id, known in asked.orders.items():
        seen = newest.get(order_id)
        if seen is not None and seen.value and seen.version <= known:
            continue
        record = seen.record() if seen is not None else None
        if record is None or record.deleted:
            told.gone.append(order_id)
        else:
            told.orders.append(Told.of(record))
    if asked.board is not None:
        opened = rows().open_now(asked.board)
        if asked.anew or {row.order_id: row.version for row in opened} != asked.board:
            told.board = made(opened)
    return jsonify(told.model_dump())
