"""Every error of every route of every role has one form, and nothing that a client sends makes a 5xx."""

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
    """A route that takes a body."""

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
OF_ORDERS = [route for route in ROUTES if route.path != "/orders-sub"]

every_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.role.name}{route.path}")
every_route_of_orders = pytest.mark.parametrize("route", OF_ORDERS, ids=lambda route: f"{route.role.name}{route.path}")


def send(shop: FakeShop, route: Route, body: bytes | str, content_type: str = "application/json") -> TestResponse:
    return shop.client(route.role).post(route.path, data=body, content_type=content_type)


@every_route
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_another_type_is_refused_before_it_is_parsed(shop: FakeShop, route: Route, content_type: str) -> None:
    assert_problem(send(shop, route, b"{not json", content_type), 415)


@every_route
@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "application/cloudevents+json"])
def test_json_goes_by_several_names(shop: FakeShop, route: Route, content_type: str) -> None:
    assert_problem(send(shop, route, b"{not json", content_type), 400)


@every_route
@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_body_that_is_no_good_json(shop: FakeShop, route: Route, body: bytes) -> None:
    assert_problem(send(shop, route, body), 400)


@every_route_of_orders
@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"123"', b"true", b"{}", b'[{"order_id": "1"}]'])
def test_json_that_is_no_request(shop: FakeShop, route: Route, body: bytes) -> None:
    assert_problem(send(shop, route, body), 400)


@every_route
def test_no_body_at_all(shop: FakeShop, route: Route) -> None:
    answer = shop.client(route.role).post(route.path)
    assert_problem(answer, answer.status_code)
    assert answer.status_code in (400, 415)


@every_route
def test_64_kib_are_enough(shop: FakeShop, route: Route) -> None:
    body = json.dumps({"order_id": "a/b", "data": ""}).ljust(64 * 1024)
    assert send(shop, route, body).status_code != 413
    assert_problem(send(shop, route, body + " "), 413)


@pytest.mark.parametrize("route", [Route(ORDER, "/order"), Route(WORKFLOW, "/start-order")])
def test_behind_a_sidecar_an_order_may_not_be_larger(shop: FakeShop, route: Route) -> None:
    headers = {"Dapr-Caller-App-Id": "pizza-other"}
    body = json.dumps({**ORDER_123, "x": "y" * 64 * 1024})
    answer = shop.client(route.role).post(route.path, data=body, headers=headers, content_type="application/json")
    assert_problem(answer, 413)


@pytest.mark.parametrize("route", [Route(ORDER, "/order"), Route(WORKFLOW, "/start-order")])
@pytest.mark.parametrize("innermost", ["[]", "{}", "[1]"])
def test_32_levels_are_deep_enough(shop: FakeShop, route: Route, innermost: str) -> None:
    def body(levels: int) -> str:
        inside = "[" * (levels - 2) + innermost + "]" * (levels - 2)
        return json.dumps({**ORDER_123, "x": None}).replace("null", inside)

    assert send(shop, route, body(32)).status_code == 200
    assert_problem(send(shop, route, body(33)), 400)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
@pytest.mark.parametrize("path", ["/", "/nothing", "/order/1/2/3", "/healthz/", "/%00", "/../etc"])
def test_unknown_routes(shop: FakeShop, role: Role, path: str) -> None:
    if (role, path) == (STOREFRONT, "/"):
        return  # the menu
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
        assert_problem(shop.client(role).open(path, method=method), 404)


@every_route
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_wrong_methods(shop: FakeShop, route: Route, method: str) -> None:
    answer = shop.client(route.role).open(route.path, method=method)
    assert_problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("role", "path"), [(ORDER, "/order/123"), (ORDER, "/orders"), (WORKFLOW, "/get-status/123"), (KITCHEN, "/healthz")]
)
def test_wrong_methods_where_there_is_no_body(shop: FakeShop, role: Role, path: str) -> None:
    assert_problem(shop.client(role).post(path), 405)


GOOD_BODIES: dict[str, dict[str, Any]] = {
    "/orders-sub": {"data": {**ORDER_123, "status": "cooked"}},
    "/validate-pizza": {"order_id": "123", "approved": True},
}


@every_route
def test_while_the_sidecar_is_away(shop: FakeShop, route: Route) -> None:
    shop.sidecar.is_down = True
    body = json.dumps(GOOD_BODIES.get(route.path, ORDER_123))
    answer = send(shop, route, body)
    if route.path == "/orders-sub":
        assert (answer.status_code, answer.json) == (200, {"success": False, "status": "RETRY"})
    else:
        assert_problem(answer, 503)


@pytest.mark.parametrize("path", ["/order/123", "/orders", "/orders?status=open"])
def test_reading_while_the_sidecar_is_away(shop: FakeShop, path: str) -> None:
    shop.sidecar.is_down = True
    assert_problem(shop.client(ORDER).get(path), 503)


def test_deleting_while_the_sidecar_is_away(shop: FakeShop) -> None:
    shop.sidecar.is_down = True
    assert_problem(shop.client(ORDER).delete("/order/123"), 503)


@pytest.mark.parametrize("route", [r for r in ROUTES if r.role is not ORDER], ids=lambda route: route.path)
def test_while_role_order_is_gone(shop: FakeShop, route: Route) -> None:
    shop.sidecar.roles_down.add(ORDER)
    assert_problem(send(shop, route, json.dumps(GOOD_BODIES.get(route.path, ORDER_123))), 503)


@pytest.mark.parametrize("path", ["/start-order", "/validate-pizza", "/pause-order", "/resume-order", "/cancel-order"])
def test_while_the_engine_is_away(shop: FakeShop, path: str) -> None:
    if path != "/start-order":
        shop.place()
    shop.engine.is_down = True
    assert_problem(send(shop, Route(WORKFLOW, path), json.dumps(GOOD_BODIES.get(path, ORDER_123))), 503)
    assert_problem(shop.client(WORKFLOW).get("/get-status/123"), 503)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8001", "127.0.0.1.evil.example", "8.8.8.8", "@"])
def test_a_foreign_name_is_turned_away(shop: FakeShop, role: Role, host: str) -> None:
    assert_problem(shop.client(role).get("/openapi.json", headers={"Host": host}), 421)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
@pytest.mark.parametrize("host", ["10.1.2.3:8001", "[::ffff:127.0.0.1]", "", "evil.example", "@", "pod_1.kitchen"])
def test_health_is_answered_under_any_name(shop: FakeShop, role: Role, host: str) -> None:
    assert shop.client(role).get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:8001", "127.0.0.1:8001", "[::1]:8001", "127.9.9.9", "[::ffff:127.0.0.1]", "LOCALHOST."],
)
def test_this_machine_is_known_under_its_names(shop: FakeShop, host: str) -> None:
    assert shop.client(ORDER).get("/orders", headers={"Host": host}).status_code == 200


def test_the_shop_is_known_under_the_names_it_was_given() -> None:
    client = FakeShop(hosts="pizza.example, www.pizza.example").client(ORDER)
    assert client.get("/orders", headers={"Host": "www.pizza.example:80"}).status_code == 200
    assert_problem(client.get("/orders", headers={"Host": "pizza.examples"}), 421)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_health(shop: FakeShop, role: Role) -> None:
    assert shop.client(role).get("/healthz").json == {"status": "ok", "role": role.name}
    shop.limit.stopping.set()
    assert_problem(shop.client(role).get("/healthz"), 503)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
some = st.none() | st.just("123") | anything
NAMES = ["order_id", "pizza_type", "size", "customer", "attempt", "uid", "history", "status", "approved", "remake"]
MORE_NAMES = ["by", "note", "data", "entries", "at", "run"]
requests = st.dictionaries(st.sampled_from(NAMES + MORE_NAMES), some | st.dictionaries(st.sampled_from(NAMES), some))


@given(route=st.sampled_from(ROUTES), content=requests | anything)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_a_client_sends_makes_a_5xx(shop: FakeShop, route: Route, content: Any) -> None:
    answer = shop.client(route.role).post(route.path, json=content)
    assert answer.status_code < 500
    assert isinstance(answer.json, dict)


@given(path=st.text(max_size=20))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_a_client_asks_for_makes_a_5xx(shop: FakeShop, path: str) -> None:
    for role, route in ((ORDER, "/order"), (WORKFLOW, "/get-status")):
        answer = shop.client(role).get("/".join((route, path)))
        assert answer.status_code < 500
