"""`POST /expired` and `POST /purged`: what role `workflow` asks and tells while it keeps house."""

from flask import Blueprint, current_app, jsonify
from flask.typing import ResponseReturnValue
from pydantic import Field

from pizzashop.body import read_json_inside
from pizzashop.domain.requests import OrderId, Request
from pizzashop.order.housekeeping import Housekeeping
from pizzashop.order.index import PAGE_SIZE

blueprint = Blueprint("expired", __name__)


class After(Request):
    """Which page of the index was looked through last; -1: none yet."""

    after: int = Field(-1, ge=-1)


class Ended(Request):
    """An order, and which of those that have had its id."""

    order_id: OrderId
    uid: str = Field(max_length=64)


class Purged(Request):
    """The orders of which the engine keeps nothing any more."""

    orders: list[Ended] = Field(max_length=PAGE_SIZE)


def housekeeping() -> Housekeeping:
    """The housekeeping of the application that serves this request."""
    found: Housekeeping = current_app.extensions["housekeeping"]
    return found


@blueprint.post("/expired")
def expired() -> ResponseReturnValue:
    """Tidy one page of the index; answers whose workflow is to be purged, and the page to go on after."""
    orders, following = housekeeping().look(After.parse(read_json_inside()).after)
    return jsonify(orders=orders, next=following)


@blueprint.post("/purged")
def purged() -> ResponseReturnValue:
    """Note that the engine keeps nothing of these orders any more."""
    housekeeping().purged([(each.order_id, each.uid) for each in Purged.parse(read_json_inside()).orders])
    return jsonify(success=True)
