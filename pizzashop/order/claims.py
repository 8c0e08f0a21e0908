"""`POST /claims`: the claims of runs on steps. One request has those of many orders, which are written together."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from functools import partial

from flask import jsonify
from flask.typing import ResponseReturnValue

from pizzashop import tracing
from pizzashop.auth.people import INTERNAL
from pizzashop.domain.claims import Claim, ClaimAnswer, ClaimAnswers, Claims, answer_claim
from pizzashop.domain.history import Clock
from pizzashop.domain.record import Record
from pizzashop.errors import NotFound, ShopError
from pizzashop.metrics import OrderMetrics
from pizzashop.order.repository import Repository
from pizzashop.web.json_body import read_internal_json
from pizzashop.web.routes import Routes

log = logging.getLogger(__name__)


def make_claim_routes(repository: Repository, clock: Clock, metrics: OrderMetrics) -> Routes:
    """Return the route of the claims."""
    routes = Routes("claims")

    @routes.post("/claims", INTERNAL, response=ClaimAnswers, body=Claims, internal=True)
    def claim() -> ResponseReturnValue:
        """Claim the leases on steps, renew them, or release them."""
        claims = Claims.parse(read_internal_json()).claims
        by_order: dict[str, list[Claim]] = defaultdict(list)
        for each in claims:
            by_order[each.order_id].append(each)
        with tracing.member_spans("claim", map(to_member, claims)):
            results = repository.change_many({id_: partial(answer_all, claims=own) for id_, own in by_order.items()})
        answers = {order_id: iter(to_answers(by_order[order_id], result)) for order_id, result in results.items()}
        answers_in_order = [next(answers[each.order_id]) for each in claims]
        count(claims, answers_in_order)
        return jsonify(ClaimAnswers(answers=answers_in_order).model_dump())

    def count(claims: list[Claim], answers: list[ClaimAnswer]) -> None:
        for each, answer in zip(claims, answers, strict=True):
            is_released = each.release and answer.result == "granted"
            metrics.claims(each.step, "released" if is_released else answer.result).inc()

    def answer_all(record: Record, claims: list[Claim]) -> list[ClaimAnswer]:
        return [answer_claim(record, each, clock().timestamp()) for each in claims]

    def to_member(claim: Claim) -> tracing.Member:
        stages = [each.status for each in claim.stages]
        attributes = {"pizzashop.step": claim.step, "pizzashop.run": claim.run, "pizzashop.stages": ",".join(stages)}
        return tracing.Member(claim.traceparent, claim.order_id, attributes)

    def to_answers(claims: list[Claim], result: list[ClaimAnswer] | ShopError) -> Iterator[ClaimAnswer]:
        if isinstance(result, list):
            yield from result
        elif isinstance(result, NotFound):
            yield from (answer_without_record(each) for each in claims)
        else:
            log.error("a step has to wait: %s", result, extra={"order": claims[0].order_id})
            yield from (ClaimAnswer(result="unavailable", error=str(result)) for _ in claims)

    def answer_without_record(claim: Claim) -> ClaimAnswer:
        # Only the workflow knows the record's uid: so there was a record.
        if claim.uid is not None or repository.find(claim.order_id) is not None:
            return ClaimAnswer(result="closed", error="the order was deleted")
        return ClaimAnswer(result="unknown")

    return routes
