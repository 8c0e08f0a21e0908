"""The OpenAPI document of each role describes every route, and every answer conforms to it, whatever the request."""

import json
from typing import Any

import pytest
import schemathesis
from fakes.bodies import BAD_BODIES
from fakes.problems import assert_problem
from fakes.shop import FakeShop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Config, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from pizzashop.roles import ORDER, ROLES, Role
from pizzashop.server.openapi import described_routes
from pizzashop.web.routes import Route

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 15

_SHOP = FakeShop()
ROUTES = {role: described_routes(_SHOP.sidecar.apps[role]) for role in ROLES}

every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def path_of(route: Route) -> str:
    """Return the path of a route in the notation of OpenAPI."""
    return route.path.replace("<", "{").replace(">", "}")


def get_document(shop: FakeShop, role: Role) -> Any:
    return shop.client(role).get("/openapi.json").json


@every_role
def test_the_document_describes_every_route_and_no_other(shop: FakeShop, role: Role) -> None:
    described = {(m.upper(), path) for path, methods in get_document(shop, role)["paths"].items() for m in methods}
    assert described == {(each.method, path_of(each)) for each in described_routes(shop.sidecar.apps[role])}


@every_role
def test_every_operation_has_a_summary_and_its_own_id(shop: FakeShop, role: Role) -> None:
    operations = [each for methods in get_document(shop, role)["paths"].values() for each in methods.values()]
    assert [each["operationId"] for each in operations if not each["summary"].endswith(".")] == []
    assert len({each["operationId"] for each in operations}) == len(operations)


@every_role
def test_the_document_is_valid_openapi(shop: FakeShop, role: Role) -> None:
    schemathesis.openapi.from_dict(get_document(shop, role)).validate()
    assert get_document(shop, role)["openapi"] == "3.1.0"


def test_a_body_is_described_by_the_model_that_validates_it(shop: FakeShop) -> None:
    body = get_document(shop, ORDER)["paths"]["/order"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    schema = get_document(shop, ORDER)["components"]["schemas"][body["$ref"].rsplit("/", 1)[1]]
    assert schema["required"] == ["order_id", "pizza_type", "size"]
    assert schema["properties"]["order_id"]["pattern"] == "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


@every_role
def test_every_operation_declares_its_authentication(shop: FakeShop, role: Role) -> None:
    access = {(each.method.lower(), path_of(each)): each.access for each in ROUTES[role]}
    for path, methods in get_document(shop, role)["paths"].items():
        for method, each in methods.items():
            who = access[method, path]
            schemes = {name for alternative in each["security"] for name in alternative}
            assert schemes == {"sidecar" if one == "internal" else "staff" for one in who - {"public"}}
            assert ("401" in each["responses"]) == ("staff" in schemes)
            assert ("403" in each["responses"]) == (bool(schemes) or method != "get")


def shop_with_orders() -> FakeShop:
    """Return a shop with an order in each phase and a dead letter."""
    shop = FakeShop()
    for order_id in ("delivered", "failed", "waiting"):
        shop.place_and_run(order_id)
    shop.decide(approved=True, order_id="delivered")
    shop.decide(approved=False, order_id="failed")
    shop.place("begun")
    shop.client(ORDER).post("/orders-sub", json={"data": {"order_id": "waiting", "status": "eaten"}})
    return shop


IDS = st.sampled_from(["delivered", "failed", "waiting", "begun", "none"])


def operations(*modes: GenerationMode) -> list[Any]:
    """Return every operation of every role with valid input, and with invalid input if it has any."""
    return [
        pytest.param(role, each, mode, id=f"{role.name} {each.method} {path_of(each)} {mode.value}")
        for role, of_role in ROUTES.items()
        for each in of_role
        for mode in modes
        if mode is GenerationMode.POSITIVE or each.body or each.query
    ]


@pytest.mark.parametrize(("role", "route", "mode"), operations(GenerationMode.POSITIVE, GenerationMode.NEGATIVE))
def test_every_answer_conforms_to_the_document(role: Role, route: Route, mode: GenerationMode) -> None:
    shop = shop_with_orders()
    # Nobody has to sign in here, so a missing token is no error.
    # And a body with too many of anything may be refused for its size.
    refusals = {"negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]}}
    config = Config.from_dict({"generation": {"with-security-parameters": False}, "checks": refusals})
    schema = schemathesis.openapi.from_wsgi("/openapi.json", shop.sidecar.apps[role], config=config)
    cases = schema[path_of(route)][route.method].as_strategy(generation_mode=mode)

    @given(case=cases, order_id=IDS, is_known=st.booleans())
    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
    def send_and_check(case: Any, order_id: str, is_known: bool) -> None:
        if is_known:
            set_order_id(case, order_id)
        # A known id may have replaced the invalid part of the input; and the topic accepts anything.
        strict = [] if is_known or route.path == "/orders-sub" else [negative_data_rejection]
        answer = case.call()
        case.validate_response(answer, checks=[*CHECKS, *strict])
        if answer.status_code >= 400:
            assert_problem_fields(answer.json(), answer.status_code)

    send_and_check()


def set_order_id(case: Any, order_id: str) -> None:
    if "order_id" in (case.path_parameters or {}):
        case.path_parameters["order_id"] = order_id
    if isinstance(case.body, dict) and "order_id" in case.body:
        case.body["order_id"] = order_id


def assert_problem_fields(problem: Any, status: int) -> None:
    assert problem["status"] == status
    assert problem["detail"] == problem["error"]
    assert {"type", "title"} <= problem.keys()
    assert status != 400 or problem["errors"]


WITH_BODY = [(role, each) for role, of_role in ROUTES.items() for each in of_role if each.body]
TOO_LARGE = json.dumps({"x": "y" * 48 * 1024 * 1024}).encode()
FROM_A_ROLE = {"Dapr-Caller-App-Id": "pizza-other"}


@pytest.mark.parametrize("headers", [{}, FROM_A_ROLE], ids=["outside", "inside"])
@pytest.mark.parametrize(("body", "status"), [*((body, 400) for body in BAD_BODIES.values()), (TOO_LARGE, 413)])
def test_every_route_refuses_an_invalid_body(shop: FakeShop, body: bytes, status: int, headers: dict[str, str]) -> None:
    for role, each in WITH_BODY:
        path = path_of(each).format(order_id="123", event_id="1")
        answer = shop.client(role).post(path, data=body, content_type="application/json", headers=headers)
        assert_problem(answer, status)


ODD_IDS = ["%00", "%0a", "%2e%2e", "%2F", "%ff", "%f0%9f%8d%95", "'", "x" * 5000]


@pytest.mark.parametrize("odd_id", ODD_IDS, ids=lambda odd_id: odd_id[:12])
def test_every_route_refuses_an_odd_id(shop: FakeShop, odd_id: str) -> None:
    for role, of_role in ROUTES.items():
        for each in of_role:
            if "<" in each.path:
                path = path_of(each).format(order_id=odd_id, event_id=odd_id)
                answer = shop.client(role).open(path, method=each.method, json={} if each.body else None)
                if each.method == "DELETE" and answer.status_code == 200:
                    continue
                assert answer.status_code in (400, 404), path
                assert_problem(answer, answer.status_code)
