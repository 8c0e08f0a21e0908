"""`GET /unsettled`: the work of the reconciler in role `workflow`."""

from typing import Any

from flask import jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from pizzashop.auth.people import INTERNAL, MANAGER
from pizzashop.domain.decisions import DecisionFlags
from pizzashop.domain.history import Clock, format_timestamp
from pizzashop.domain.reconciliation import Need, awaits_engine, find_need, format_progress, is_stuck, needs_no_command
from pizzashop.domain.record import Record
from pizzashop.order.repository import Repository
from pizzashop.web.routes import Routes


class UnsettledOrder(BaseModel):
    """An order, and the command that has to be repeated for it."""

    order_id: str
    attempt: int
    need: Need
    order: dict[str, Any] | None = None
    decision: DecisionFlags | None = None


class Unsettled(BaseModel):
    """The work of the reconciler: unsettled orders, the progress of those that await the engine, and the stuck ones."""

    orders: list[UnsettledOrder]
    progress: dict[str, str]
    stuck: list[str]


def make_unsettled_routes(repository: Repository, clock: Clock) -> Routes:
    """Return the route by which the reconciler asks for its work. It also removes ended orders from the open ones."""
    routes = Routes("unsettled")

    @routes.get("/unsettled", MANAGER, INTERNAL, response=Unsettled, internal=True)
    def unsettled() -> ResponseReturnValue:
        """Return the unsettled and the stuck orders, and the progress of those that await the engine."""
        now = clock()
        seconds, at = now.timestamp(), format_timestamp(now)
        records = {record.order["order_id"]: record for record in repository.find_many(repository.open_orders.ids())}
        repository.remove_from_open(order_id for order_id, record in records.items() if needs_no_command(record))
        found = Unsettled(
            orders=[_unsettled_order(each, need) for each in records.values() if (need := find_need(each, seconds))],
            progress={
                order_id: format_progress(record) for order_id, record in records.items() if awaits_engine(record, at)
            },
            stuck=[order_id for order_id, record in records.items() if is_stuck(record, seconds, at)],
        )
        return jsonify(found.model_dump())

    return routes


def _unsettled_order(record: Record, need: Need) -> UnsettledOrder:
    decision = record.decision_of(record.attempt) if need == "decide" else None
    return UnsettledOrder(
        order_id=record.order["order_id"],
        attempt=record.attempt,
        need=need,
        order=record.order if need == "start" else None,
        decision=DecisionFlags.of(decision) if decision is not None else None,
    )
