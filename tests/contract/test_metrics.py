"""What `GET /metrics` of each role tells Prometheus, and who may read it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fakes.accounts import bearer, make_authenticator
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop, stage
from fakes.sidecar import FakeSidecar
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from pizzashop.dapr.sidecar import Write
from pizzashop.domain.history import utc_timestamp
from pizzashop.domain.reconciliation import STUCK_SECONDS
from pizzashop.domain.record import Record
from pizzashop.metrics import OrderMetrics
from pizzashop.order.repository import Repository
from pizzashop.roles import KITCHEN, ORDER, ROLES, STOREFRONT, WORKFLOW, Role
from pizzashop.server.app import create_app

TOKEN = "the-token-of-prometheus"
every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def scrape(shop: FakeShop, role: Role = ORDER, **headers: str) -> dict[tuple[str, ...], float]:
    """Return each sample by its name and the values of its labels, in the order of the labels' names."""
    answer = shop.client(role).get("/metrics", headers=headers)
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    samples = [each for family in text_string_to_metric_families(answer.text) for each in family.samples]
    return {(each.name, *(value for _, value in sorted(each.labels.items()))): each.value for each in samples}


@every_role
def test_each_role_says_which_release_it_runs(shop: FakeShop, role: Role) -> None:
    assert scrape(shop, role)["pizzashop_build_info", role.name, "0.1.0"] == 1


def test_an_order_counts_once_from_accepted_to_delivered(shop: FakeShop) -> None:
    before = scrape(shop)
    shop.place_and_run()
    # The client repeats its request, and the decision.
    shop.client(WORKFLOW).post("/start-order", json=ORDER_123)
    shop.decide(approved=False, remake=True)
    shop.decide(approved=True)
    shop.client(WORKFLOW).post("/validate-pizza", json={"order_id": "123", "approved": True})
    # The workflow is purged: a write of a record that has ended.
    uid = shop.sidecar.invoke(ORDER, "GET", "/order/123/summary")["uid"]
    shop.sidecar.invoke(ORDER, "POST", "/purged", {"orders": [{"order_id": "123", "uid": uid}]})
    found = scrape(shop)
    counts = {name: value - before.get(name, 0) for name, value in found.items()}
    assert counts["pizzashop_orders_accepted_total",] == 1
    assert counts["pizzashop_orders_ended_total", "delivered", ""] == 1
    assert counts["pizzashop_order_delivery_seconds_count",] == 1
    assert counts["pizzashop_order_stage_seconds_count", "validating"] == 1
    assert counts["pizzashop_order_stage_seconds_count", "cooking_baking"] == 2
    assert counts["pizzashop_order_stage_seconds_count", "pending_validation"] == 2
    assert counts["pizzashop_order_decision_seconds_count", "remake"] == 1
    assert counts["pizzashop_order_decision_seconds_count", "approved"] == 1
    assert counts["pizzashop_claims_total", "granted", "cook"] == 2


def test_a_stage_lasts_until_the_next_one_begins(shop: FakeShop) -> None:
    shop.client(ORDER).post("/order", json=ORDER_123)
    at = shop.record()["history"][0]["at"]
    for seconds, status in ((2, "validating"), (5, "processing"), (4, "confirmed")):
        event = stage(status, at=later(at, seconds))
        shop.client(ORDER).post("/orders-sub", json={"data": event})
    found = scrape(shop)
    assert found["pizzashop_order_stage_seconds_sum", "accepted"] == pytest.approx(2)
    assert found["pizzashop_order_stage_seconds_sum", "validating"] == pytest.approx(3)
    # The clocks of two machines differ: no stage lasts less than nothing.
    assert found["pizzashop_order_stage_seconds_sum", "processing"] == 0


def later(at: str, seconds: float) -> str:
    return (datetime.fromisoformat(at) + timedelta(seconds=seconds)).isoformat()


def test_a_stage_that_comes_late_is_not_measured_twice(shop: FakeShop) -> None:
    shop.client(ORDER).post("/order", json=ORDER_123)
    for status in ("processing", "validating"):
        shop.client(ORDER).post("/orders-sub", json={"data": stage(status)})
    found = scrape(shop)
    assert found["pizzashop_order_stage_seconds_count", "accepted"] == 1
    assert found["pizzashop_order_stage_seconds_count", "validating"] == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("Pizza validation failed - need to remake", "rejected"),
        ("Pizza validation failed - no decision within 60 s", "no_decision"),
        ("Delivery failed: Unknown error", "delivery"),
        ("Activity task failed", "other"),
    ],
)
def test_a_failed_order_counts_with_its_reason(shop: FakeShop, error: str, reason: str) -> None:
    shop.place()
    for _ in range(2):
        shop.sidecar.invoke(ORDER, "POST", "/order/123/end", {"status": "failed", "error": error})
    assert scrape(shop)["pizzashop_orders_ended_total", "failed", reason] == 1


def test_a_cancelled_order_counts_as_cancelled(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.client(WORKFLOW).post("/cancel-order", json={"order_id": "123"})
    found = scrape(shop)
    assert found["pizzashop_orders_ended_total", "cancelled", ""] == 1
    assert sum(value for (name, *_), value in found.items() if name == "pizzashop_orders_ended_total") == 1


def test_the_open_orders_are_counted_by_status(shop: FakeShop) -> None:
    shop.place_and_run()
    shop.place("124")
    found = scrape(shop)
    assert found["pizzashop_orders_open", "pending_validation"] == 1
    assert found["pizzashop_orders_open", "accepted"] == 1
    assert found["pizzashop_orders_stuck",] == found["pizzashop_orders_overdue",] == 0
    shop.decide(approved=True)
    found = scrape(shop)
    assert {labels[1]: value for labels, value in found.items() if labels[0] == "pizzashop_orders_open" and value} == {
        "accepted": 1
    }


def test_replicas_report_the_same_open_orders_and_count_each_order_once(shop: FakeShop) -> None:
    one = shop.sidecar.apps[ORDER]
    shop.place()
    shop.sidecar.apps[ORDER] = create_app(ORDER, shop.settings, shop.sidecar, shop.limit, shop.authenticator)
    shop.place("124")
    found = scrape(shop)
    shop.sidecar.apps[ORDER] = one
    before = scrape(shop)
    assert found["pizzashop_orders_open", "accepted"] == before["pizzashop_orders_open", "accepted"] == 2
    assert found["pizzashop_orders_accepted_total",] == before["pizzashop_orders_accepted_total",] == 1


def test_an_order_without_progress_is_stuck(shop: FakeShop) -> None:
    shop.place()

    def age(record: Record) -> None:
        first = record.history[0]
        record.history[0] = first.model_copy(update={"at": later(first.at, -2 * STUCK_SECONDS)})

    Repository(shop.sidecar).change("123", age)
    assert scrape(shop)["pizzashop_orders_stuck",] == 1


def test_a_late_decision_counts_once_however_often_the_manager_is_reminded(shop: FakeShop) -> None:
    shop.place_and_run()
    for seconds in (301, 601, 1201):
        shop.clock_offset = timedelta(seconds=seconds)
        query = {"attempt": 1, "reminder": 300}
        shop.sidecar.invoke(ORDER, "POST", "/order/123/decision-state", query)
    found = scrape(shop)
    assert found["pizzashop_decisions_overdue_total",] == 1
    assert found["pizzashop_orders_overdue",] == 1


def test_events_count_by_what_became_of_them(shop: FakeShop) -> None:
    shop.client(ORDER).post("/order", json=ORDER_123)
    event, unreadable = stage("validating"), stage("eaten")
    for data in (event, event, unreadable, stage("validating", order_id="none"), None, {"order_id": "none"}):
        shop.client(ORDER).post("/orders-sub", json={"data": data})
    found = scrape(shop)
    results = ("new", "repeated", "unknown", "retry", "dead")
    assert [found["pizzashop_events_total", result] for result in results] == [1, 1, 1, 0, 3]
    # Of the events that name no order of the shop, samples are kept.
    assert found["pizzashop_dead_letters", "own"] == 1
    assert found["pizzashop_dead_letters", "foreign"] == 2


def test_without_the_store_the_other_metrics_are_still_there(shop: FakeShop) -> None:
    shop.place()
    shop.sidecar.is_down = True
    found = scrape(shop)
    assert found["pizzashop_orders_accepted_total",] == 1
    assert [name for name, *_ in found if name in ("pizzashop_orders_open", "pizzashop_orders_stuck")] == []


@every_role
def test_no_path_of_a_client_becomes_a_label(shop: FakeShop, role: Role) -> None:
    for path in ("/order/123", "/order/124/summary", "/no/such/page", "/order/125?x=1"):
        shop.client(role).get(path)
    shop.client(role).open("/healthz", method="BREW")
    labels = {label for sample in scrape(shop, role) for label in sample[1:]}
    assert [label for label in labels if any(each in label for each in ("123", "124", "125", "such", "BREW"))] == []
    assert scrape(shop, role)["pizzashop_http_request_duration_seconds_count", "other", "unknown", "4xx"] == 1


def test_a_request_counts_by_its_route_and_status(shop: FakeShop) -> None:
    shop.place()
    shop.client(ORDER).get("/order/123")
    shop.client(ORDER).get("/order/none")
    found = scrape(shop)
    assert found["pizzashop_http_request_duration_seconds_count", "GET", "/order/<order_id>", "2xx"] == 1
    assert found["pizzashop_http_request_duration_seconds_count", "GET", "/order/<order_id>", "4xx"] == 1
    # The scrape itself.
    assert found["pizzashop_http_requests_in_flight",] == 1
    assert found["pizzashop_http_requests_refused_total",] == 0


def test_a_request_that_finds_the_store_away_counts_as_refused(shop: FakeShop) -> None:
    shop.sidecar.is_down = True
    assert_problem(shop.client(ORDER).get("/order/123"), 503)
    assert scrape(shop)["pizzashop_http_requests_refused_total",] == 1


def test_a_change_counts_once_however_often_the_store_refuses_its_write() -> None:
    sidecar, registry = BusySidecar(), CollectorRegistry()
    repository = Repository(sidecar, OrderMetrics(registry))
    repository.accept(ORDER_123, with_workflow=True)
    repository.change("123", lambda record: record.end("failed", utc_timestamp(), "Cooking failed: no gas"))
    assert sidecar.refused == 4
    assert registry.get_sample_value("pizzashop_orders_accepted_total") == 1
    labels = {"end": "failed", "reason": "cooking"}
    assert registry.get_sample_value("pizzashop_orders_ended_total", labels) == 1


class BusySidecar(FakeSidecar):
    """A store that refuses the first two writes of each record, as when other writers are faster."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0
        self._refusals_left = {"1": 2, "2": 2}

    def save_many(self, writes: Sequence[Write]) -> list[bool]:
        (write,) = writes
        version = str(json.loads(write.value)["version"])
        if self._refusals_left[version]:
            self._refusals_left[version] -= 1
            self.refused += 1
            return [False]
        return super().save_many(writes)


# Who may read them


@pytest.fixture
def closed_shop(tmp_path: Path) -> FakeShop:
    """A shop whose staff has to sign in, reached by other machines."""
    authenticator = replace(make_authenticator(tmp_path), metrics_token=TOKEN)
    return FakeShop(authenticator=authenticator, host="192.0.2.7", staff_token="x" * 16)


@every_role
def test_prometheus_reads_the_metrics_with_its_token_under_any_host(closed_shop: FakeShop, role: Role) -> None:
    found = scrape(closed_shop, role, Authorization=f"Bearer {TOKEN}", Host="10.1.2.3:8001")
    assert found["pizzashop_build_info", role.name, "0.1.0"] == 1


def test_the_manager_reads_the_metrics_too(closed_shop: FakeShop) -> None:
    assert scrape(closed_shop, ORDER, **bearer("ana"))


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"dapr-api-token": TOKEN}, bearer("kim")])
def test_nobody_else_reads_the_metrics(closed_shop: FakeShop, headers: dict[str, str]) -> None:
    answer = closed_shop.client(ORDER).get("/metrics", headers=headers)
    assert_problem(answer, 403 if headers == bearer("kim") else 401)


@pytest.mark.parametrize("role", [ORDER, STOREFRONT, KITCHEN, WORKFLOW], ids=lambda role: role.name)
def test_the_token_of_prometheus_opens_nothing_else(closed_shop: FakeShop, role: Role) -> None:
    for path in ("/orders", "/order/123/summary", "/manager", "/cook", "/get-status/123"):
        answer = closed_shop.client(role).get(path, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code in (401, 403, 404, 405)


def test_without_a_token_of_its_own_no_empty_token_is_enough(tmp_path: Path) -> None:
    shop = FakeShop(authenticator=make_authenticator(tmp_path))
    for value in ("Bearer", "Bearer "):
        assert_problem(shop.client(ORDER).get("/metrics", headers={"Authorization": value}), 401)


def test_a_shop_on_loopback_answers_no_page_of_another_site(shop: FakeShop) -> None:
    assert_problem(shop.client(ORDER).get("/metrics", headers={"Host": "evil.example"}), 421)
