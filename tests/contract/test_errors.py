"""Every error of every route is a problem of RFC 9457, and no request of a client leads to a 5xx."""

import json
from typing import Any, NamedTuple

import pytest
from fakes.bodies import BAD_BODIES
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from pizzashop.roles import DELIVERY, KITCHEN, ORDER, ROLES, STOREFRONT, WORKFLOW, Role


class Route(NamedTuple):
    """A route that accepts a body."""

    role: Role
    path: str


ROUTES = [
    Route(ORDER, "/order"),
    Route(ORDER, "/orders-sub"),
    Route(STOREFRONT, "/order"),
    Route(KITCHEN, "/cook"),
    Route(DELIVERY, "/deliver"),
    Route(WORKFLOW, "/start-order"),
    Route(WORKFLOW, "/validate-pizza"),
    Route(WORKFLOW, "/pause-order"),
    Route(WORKFLOW, "/resume-order"),
    Route(WORKFLOW, "/cancel-order"),
]
ORDER_ROUTES = [route for route in ROUTES if route.path != "/orders-sub"]

every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.role.name}{route.path}")
every_order_route = pytest.mark.parametrize("route", ORDER_ROUTES, ids=lambda route: f"{route.role.name}{route.path}")


def send(shop: FakeShop, route: Route, body: bytes | str, content_type: str = "application/json") -> TestResponse:
    return shop.client(route.role).post(route.path, data=body, content_type=content_type)


@every_route
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_another_content_type_is_refused_before_the_body_is_parsed(
    shop: FakeShop, route: Route, content_type: str
) -> None:
    assert_problem(send(shop, route, b"{not json", content_type), 415)


@every_route
@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/cloudevents+json"])
def test_any_json_content_type_is_accepted(shop: FakeShop, route: Route, content_type: str) -> None:
    assert_problem(send(shop, route, b"{not json", content_type), 400)


@every_route
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_invalid_json_is_refused(shop: FakeShop, route: Route, body: bytes) -> None:
    assert_problem(send(shop, route, body), 400)


@every_order_route
@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"123"', b"true", b"{}", b'[{"order_id": "1"}]'])
def test_json_of_another_form_is_refused(shop: FakeShop, route: Route, body: bytes) -> None:
    assert_problem(send(shop, route, body), 400)


@every_route
def test_a_request_without_a_body_is_refused(shop: FakeShop, route: Route) -> None:
    answer = shop.client(route.role).post(route.path)
    assert_problem(answer, answer.status_code)
    assert answer.status_code in (400, 415)


@every_route
def test_a_body_may_have_64_kib(shop: FakeShop, route: Route) -> None:
    body = json.dumps({"order_id": "a/b", "data": ""}).ljust(64 * 1024)
    assert send(shop, route, body).status_code != 413
    assert_problem(send(shop, route, body + " "), 413)


@pytest.mark.parametrize("route", [Route(ORDER, "/order"), Route(WORKFLOW, "/start-order")])
def test_a_new_order_may_not_be_larger_even_if_a_sidecar_sends_it(shop: FakeShop, route: Route) -> None:
    headers = {"Dapr-Caller-App-Id": "pizza-other"}
    body = json.dumps({**ORDER_123, "x": "y" * 64 * 1024})
    answer = shop.client(route.role).post(route.path, data=body, headers=headers, content_type="application/json")
    assert_problem(answer, 413)


@pytest.mark.parametrize("route", [Route(ORDER, "/order"), Route(WORKFLOW, "/start-order")])
@pytest.mark.parametrize("innermost", ["[]", "{}", "[1]"])
def test_a_body_may_have_32_levels(shop: FakeShop, route: Route, innermost: str) -> None:
    def body(levels: int) -> str:
        inside = "[" * (levels - 2) + innermost + "]" * (levels - 2)
        return json.dumps({**ORDER_123, "x": None}).replace("null", inside)

    assert send(shop, route, body(32)).status_code == 200
    assert_problem(send(shop, route, body(33)), 400)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
@pytest.mark.parametrize("path", ["/", "/nothing", "/order/1/2/3", "/healthz/", "/%00", "/../etc"])
def test_unknown_routes_are_404(shop: FakeShop, role: Role, path: str) -> None:
    if (role, path) == (STOREFRONT, "/"):
        # The menu is here.
        return
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        assert_problem(shop.client(role).open(path, method=method), 404)


@every_route
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_methods_are_405_and_the_answer_names_the_right_ones(shop: FakeShop, route: Route, method: str) -> None:
    answer = shop.client(route.role).open(route.path, method=method)
    assert_problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("role", "path"), [(ORDER, "/order/123"), (ORDER, "/orders"), (WORKFLOW, "/get-status/123"), (KITCHEN, "/healthz")]
)
def test_wrong_methods_of_routes_without_a_body_are_405(shop: FakeShop, role: Role, path: str) -> None:
    assert_problem(shop.client(role).post(path), 405)


GOOD_BODIES: dict[str, dict[str, Any]] = {
    "/orders-sub": {"data": {**ORDER_123, "status": "cooked"}},
    "/validate-pizza": {"order_id": "123", "approved": True},
}


@every_route
def test_commands_are_503_while_the_sidecar_is_unavailable(shop: FakeShop, route: Route) -> None:
    shop.sidecar.is_down = True
    body = json.dumps(GOOD_BODIES.get(route.path, ORDER_123))
    answer = send(shop, route, body)
    if route.path == "/orders-sub":
        assert (answer.status_code, answer.json) == (200, {"success": False, "status": "RETRY"})
    else:
        assert_problem(answer, 503)


@pytest.mark.parametrize("path", ["/order/123", "/orders", "/orders?status=open"])
def test_reads_are_503_while_the_sidecar_is_unavailable(shop: FakeShop, path: str) -> None:
    shop.sidecar.is_down = True
    assert_problem(shop.client(ORDER).get(path), 503)


def test_deletes_are_503_while_the_sidecar_is_unavailable(shop: FakeShop) -> None:
    shop.sidecar.is_down = True
    assert_problem(shop.client(ORDER).delete("/order/123"), 503)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role is not ORDER], ids=lambda route: route.path)
def test_commands_are_503_while_role_order_is_unavailable(shop: FakeShop, route: Route) -> None:
    shop.sidecar.roles_down.add(ORDER)
    assert_problem(send(shop, route, json.dumps(GOOD_BODIES.get(route.path, ORDER_123))), 503)


@pytest.mark.parametrize("path", ["/start-order", "/validate-pizza", "/pause-order", "/resume-order", "/cancel-order"])
def test_commands_are_503_while_the_engine_is_unavailable(shop: FakeShop, path: str) -> None:
    if path != "/start-order":
        shop.place()
    shop.engine.is_down = True
    assert_problem(send(shop, Route(WORKFLOW, path), json.dumps(GOOD_BODIES.get(path, ORDER_123))), 503)
    assert_problem(shop.client(WORKFLOW).get("/get-status/123"), 503)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8001", "127.0.0.1.evil.example", "8.8.8.8", "@"])
def test_a_request_for_another_host_is_421(shop: FakeShop, role: Role, host: str) -> None:
    assert_problem(shop.client(role).get("/openapi.json", headers={"Host": host}), 421)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
@pytest.mark.parametrize("host", ["10.1.2.3:8001", "[::ffff:127.0.0.1]", "", "evil.example", "@", "pod_1.kitchen"])
def test_health_is_answered_under_any_host(shop: FakeShop, role: Role, host: str) -> None:
    assert shop.client(role).get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8001", "127.0.0.1:8001", "[::1]:8001", "127.9.9.9", "[::ffff:127.0.0.1]", "LOCALHOST."],
)
def test_the_shop_answers_under_every_name_of_this_machine(shop: FakeShop, host: str) -> None:
    assert shop.client(ORDER).get("/orders", headers={"Host": host}).status_code == 200


def test_the_shop_answers_under_configured_names() -> None:
    client = FakeShop(hosts="pizza.example, www.pizza.example").client(ORDER)
    assert client.get("/orders", headers={"Host": "www.pizza.example:80"}).status_code == 200
    assert_problem(client.get("/orders", headers={"Host": "pizza.examples"}), 421)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_health_is_503_while_the_process_is_stopping(shop: FakeShop, role: Role) -> None:
    assert shop.client(role).get("/healthz").json == {"status": "ok", "role": role.name}
    shop.limit.stopping.set()
    assert_problem(shop.client(role).get("/healthz"), 503)


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
field_values = st.none() | st.just("123") | any_json
ORDER_FIELDS = ["order_id", "pizza_type", "size", "customer", "attempt", "uid", "history", "status"]
COMMAND_FIELDS = ["approved", "remake", "by", "note", "data", "entries", "at", "run"]
any_request = st.dictionaries(
    st.sampled_from(ORDER_FIELDS + COMMAND_FIELDS),
    field_values | st.dictionaries(st.sampled_from(ORDER_FIELDS), field_values),
)


@given(route=st.sampled_from(ROUTES), content=any_request | any_json)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_body_leads_to_a_5xx(shop: FakeShop, route: Route, content: Any) -> None:
    answer = shop.client(route.role).post(route.path, json=content)
    assert answer.status_code < 500
    assert isinstance(answer.json, dict)


@given(path=st.text(max_size=20))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_leads_to_a_5xx(shop: FakeShop, path: str) -> None:
    for role, route in ((ORDER, "/order"), (WORKFLOW, "/get-status")):
        answer = shop.client(role).get("/".join((route, path)))
        assert answer.status_code < 500
