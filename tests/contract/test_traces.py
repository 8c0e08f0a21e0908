"""One trace tells the story of an order: from the request that placed it, through all roles, to the page."""

from collections.abc import Iterator

import pytest
from fakes.shop import ORDER_123, FakeShop
from fakes.spans import Spans, linked_spans, recorded_spans, trace_of

from pizzashop.domain.reconciliation import STUCK_SECONDS
from pizzashop.pages.live import trace_rendering
from pizzashop.presentation.boards import Changes
from pizzashop.roles import ORDER, WORKFLOW
from pizzashop.workflow.reconciler import WAKE_SECONDS, Watchdog

TRACE = 0x0AF7651916CD43DD8448EB211C80319C
SENT = f"00-{TRACE:032x}-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as recorded:
        yield recorded


@pytest.fixture
def shop(spans: Spans) -> FakeShop:
    assert spans
    shop = FakeShop()
    shop.sidecar.delivers_events = True
    return shop


def place(shop: FakeShop) -> None:
    answer = shop.client(WORKFLOW).post("/start-order", json=ORDER_123, headers={"traceparent": SENT})
    assert answer.status_code == 200


def test_one_trace_leads_from_the_request_through_all_roles_to_the_page(shop: FakeShop, spans: Spans) -> None:
    place(shop)
    shop.engine.run()
    shop.decide(approved=True)
    names = set(spans.names_in_trace(TRACE))
    steps = {"POST /start-order", "POST /order/<order_id>/accept", "schedule workflow", "POST /order", "POST /cook"}
    assert names >= {*steps, "POST /deliver", "POST /order/<order_id>/end", "claim", "apply event"}
    to_workflow = ["POST /start-order", "POST /order/<order_id>/accept", "schedule workflow"]
    assert spans.path_to(spans.one("step cook")) == [*to_workflow, "activity: cook_pizza", "POST /cook", "step cook"]
    (applied,) = [each for each in spans.all("apply event") if each.attributes["pizzashop.status"] == "delivered"]
    assert trace_of(applied) == TRACE
    changes = shop.sidecar.invoke(ORDER, "POST", "/changes", {"orders": {"123": 0}})
    trace_rendering(lambda _: "")(Changes.model_validate(changes).orders[0])
    assert trace_of(spans.one("show order")) == TRACE


def test_every_span_of_an_order_has_its_id(shop: FakeShop, spans: Spans) -> None:
    place(shop)
    shop.engine.run()
    of_trace = [span for span in spans.all() if trace_of(span) == TRACE and not span.name.startswith("activity")]
    assert {span.name for span in of_trace if span.attributes.get("pizzashop.order_id") != "123"} <= {"POST /claims"}


def test_a_remade_order_is_one_story(shop: FakeShop, spans: Spans) -> None:
    place(shop)
    shop.engine.run()
    shop.decide(approved=False, remake=True)
    attempts = [span.attributes["pizzashop.attempt"] for span in spans.all("step cook") if trace_of(span) == TRACE]
    assert attempts == [1, 2]


def test_an_order_that_the_reconciler_restarts_belongs_to_the_trace_of_its_request(
    shop: FakeShop, spans: Spans
) -> None:
    place(shop)
    shop.engine.hanging.add("123")
    shop.engine.instances["123"].status = "RUNNING"
    seconds = 0.0
    reconciler = shop.make_reconciler(Watchdog(clock=lambda: seconds))
    for seconds in (0.0, STUCK_SECONDS, STUCK_SECONDS + WAKE_SECONDS):  # noqa: B007 (the clock reads it)
        reconciler.run_once()
    shop.engine.run()
    assert trace_of(spans.one("step cook")) == TRACE
    scheduled, woken_and_restarted = spans.all("schedule workflow")[-1], spans.all("reconcile stuck")
    assert scheduled.attributes["pizzashop.restarted"] is True
    assert linked_spans(scheduled) == {woken_and_restarted[1].context.span_id}


def test_a_decision_has_its_own_trace_which_is_linked_to_that_of_the_order(shop: FakeShop, spans: Spans) -> None:
    place(shop)
    shop.engine.run()
    shop.decide(approved=True)
    decision = spans.one("POST /validate-pizza")
    assert trace_of(decision) != TRACE
    assert {link.context.trace_id for link in decision.links} == {TRACE}


def test_a_claim_is_part_of_the_trace_of_its_order_and_linked_to_the_request_that_has_it(
    shop: FakeShop, spans: Spans
) -> None:
    place(shop)
    shop.engine.run()
    requests = {each.context.span_id for each in spans.all("POST /claims")}
    claims = spans.all("claim")
    assert {trace_of(each) for each in claims} == {TRACE}
    assert all(linked_spans(each) <= requests for each in claims)


def test_events_of_one_delivery_belong_to_the_traces_of_their_orders(shop: FakeShop, spans: Spans) -> None:
    entries = []
    for number in (1, 2):
        order_id, traceparent = str(number), f"00-{number:032x}-b7ad6b7169203331-01"
        order = {**ORDER_123, "order_id": order_id}
        shop.client(WORKFLOW).post("/start-order", json=order)
        data = {"order_id": order_id, "status": "confirmed"}
        entries.append({"entryId": order_id, "event": {"data": data, "traceparent": traceparent}})
    shop.client(ORDER).post("/orders-sub", json={"entries": entries})
    delivery, applied = spans.one("POST /orders-sub"), spans.all("apply event")
    assert sorted(map(trace_of, applied)) == [1, 2]
    assert all(linked_spans(each) == {delivery.context.span_id} for each in applied)


@pytest.mark.parametrize("traceparent", [7, "", "00-zz", {"a": 1}])
def test_an_event_with_any_trace_context_is_applied(shop: FakeShop, traceparent: object) -> None:
    place(shop)
    event = {"data": {"order_id": "123", "status": "confirmed"}, "traceparent": traceparent}
    assert shop.client(ORDER).post("/orders-sub", json=event).json["status"] == "SUCCESS"
    assert shop.history()[-1] == "confirmed"


def test_a_request_has_the_attributes_of_the_http_conventions(shop: FakeShop, spans: Spans) -> None:
    assert shop.client(ORDER).get("/order/none").status_code == 404
    span = spans.one("GET /order/<order_id>")
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "http.route": "/order/<order_id>",
        "http.response.status_code": 404,
        "url.scheme": "http",
        "url.path": "/order/none",
        "server.port": 80,
        "pizzashop.order_id": "none",
    }
    assert span.status.is_unset


def test_a_request_that_the_shop_cannot_serve_is_an_error(shop: FakeShop, spans: Spans) -> None:
    shop.sidecar.is_down = True
    assert shop.client(ORDER).get("/order/123").status_code == 503
    span = spans.one("GET /order/<order_id>")
    assert not span.status.is_ok
    assert span.attributes["error.type"] == "503"


def test_a_health_check_has_no_span(shop: FakeShop, spans: Spans) -> None:
    shop.client(ORDER).get("/healthz")
    assert spans.all() == []


def test_a_sender_that_does_not_sample_is_followed(shop: FakeShop, spans: Spans) -> None:
    shop.client(WORKFLOW).post("/start-order", json=ORDER_123, headers={"traceparent": f"{SENT[:-2]}00"})
    shop.engine.run()
    assert spans.names_in_trace(TRACE) == []
