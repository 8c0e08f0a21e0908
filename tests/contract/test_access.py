"""Who may call which route when the staff has to sign in, and how all other requests are refused."""

from pathlib import Path

import pytest
from fakes.accounts import PAGE, SIDECAR, STAFF_TOKEN, bearer, make_authenticator
from fakes.problems import assert_problem
from fakes.shop import ORDER_123, FakeShop
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pizzashop.auth.authentication import Authenticator
from pizzashop.auth.people import INTERNAL, PUBLIC, STAFF_ROLES
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, ROLES, STOREFRONT, WORKFLOW, Role
from pizzashop.web.routes import routes_of


@pytest.fixture
def shop(tmp_path: Path) -> FakeShop:
    return FakeShop(authenticator=make_authenticator(tmp_path))


every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
ROLES_OF = {"kim": {"kitchen"}, "cem": {"courier"}, "ana": set(STAFF_ROLES)}


def routes_and_access(shop: FakeShop, role: Role) -> list[tuple[str, frozenset[str]]]:
    """Return every route of a role and who may call it, except the sign-in, which answers in its own way."""
    routes = routes_of(shop.sidecar.apps[role])
    return [(route.name, route.access) for route in routes if not route.path.endswith("/sign-in")]


def call(shop: FakeShop, role: Role, route: str, headers: dict[str, str]) -> TestResponse:
    """Call a route about an order whose id the client has chosen."""
    method, path = route.split(" ", 1)
    path = path.replace("<order_id>", "123").replace("<event_id>", "1").replace("<mark>/<path:name>", "1/icon.svg")
    body = {} if method == "GET" or role is STOREFRONT else {"json": {"order_id": "123"}}
    return shop.client(role).open(path, method=method, headers=headers, buffered=True, **body)


@every_role
def test_a_client_that_has_not_signed_in_gets_401_or_403(shop: FakeShop, role: Role) -> None:
    for route, access in routes_and_access(shop, role):
        answer = call(shop, role, route, {})
        if PUBLIC in access:
            assert answer.status_code not in (401, 403), route
        elif access & set(STAFF_ROLES):
            assert_problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="pizzashop"'
        else:
            assert_problem(answer, 403)


@every_role
def test_every_refusal_of_the_guard_is_in_the_openapi_document(shop: FakeShop, role: Role) -> None:
    paths = shop.client(role).get("/openapi.json").json["paths"]
    for route, _ in routes_and_access(shop, role):
        method, path = route.replace("<", "{").replace(">", "}").split(" ", 1)
        if path in paths:
            for headers in ({}, bearer("kim"), bearer("ana"), {"Origin": "https://evil.example"}):
                status = call(shop, role, route, headers).status_code
                assert str(status) in paths[path][method.lower()]["responses"], (route, status)


@every_role
@pytest.mark.parametrize("name", ROLES_OF)
def test_a_persons_token_opens_the_routes_of_their_roles(shop: FakeShop, role: Role, name: str) -> None:
    for route, access in routes_and_access(shop, role):
        status = call(shop, role, route, bearer(name)).status_code
        assert (status == 403) == (not access & (ROLES_OF[name] | {PUBLIC})), route
        assert status != 401


@every_role
def test_the_sidecars_token_opens_the_internal_routes(shop: FakeShop, role: Role) -> None:
    for route, access in routes_and_access(shop, role):
        refused = call(shop, role, route, SIDECAR).status_code in (401, 403)
        assert refused == (not access & {INTERNAL, PUBLIC}), route


@every_role
@pytest.mark.parametrize(
    "headers",
    [{"dapr-api-token": "another"}, {"dapr-api-token": ""}, {"Dapr-Caller-App-Id": "pizza-workflow"}],
    ids=["wrong", "empty", "claimed"],
)
def test_only_the_right_token_opens_the_internal_routes(shop: FakeShop, role: Role, headers: dict[str, str]) -> None:
    for route, access in routes_and_access(shop, role):
        if access == {INTERNAL}:
            assert_problem(call(shop, role, route, headers), 403)


@pytest.mark.parametrize("credentials", ["Bearer wrong", "Bearer ", "bearer\xe9", "Basic YW5hOmFuYQ==", "Bearer é"])
def test_a_wrong_token_is_refused(shop: FakeShop, credentials: str) -> None:
    answer = shop.client(ORDER).get("/orders", headers={"Authorization": credentials})
    assert_problem(answer, 401)
    assert ("invalid_token" in answer.headers["WWW-Authenticate"]) == credentials.startswith("Bearer ")


def test_the_shared_staff_token_opens_every_route_of_the_staff(shop: FakeShop) -> None:
    headers = {"Authorization": f"Bearer {STAFF_TOKEN}"}
    assert shop.client(ORDER).get("/orders", headers=headers).status_code == 200
    assert shop.client(STOREFRONT).get("/kitchen", headers=headers).status_code == 200
    assert_problem(shop.client(ORDER).get("/order/123/summary", headers=headers), 403)


def test_a_customer_may_order_but_not_read_other_orders(shop: FakeShop) -> None:
    assert shop.client(WORKFLOW).post("/start-order", json=ORDER_123).status_code == 200
    assert_problem(shop.client(ORDER).get("/order/123"), 401)
    assert_problem(shop.client(WORKFLOW).get("/get-status/123"), 401)
    assert_problem(shop.client(ORDER).delete("/order/123"), 401)


def test_an_order_is_delivered_although_sign_in_is_required(shop: FakeShop) -> None:
    shop.place_and_run()
    decision = {"order_id": "123", "approved": True}
    assert_problem(shop.client(WORKFLOW).post("/validate-pizza", json=decision), 401)
    assert_problem(shop.client(WORKFLOW).post("/validate-pizza", json=decision, headers=bearer("kim")), 403)
    assert shop.client(WORKFLOW).post("/validate-pizza", json=decision, headers=bearer("ana")).status_code == 200
    shop.engine.run("123")
    assert shop.client(ORDER).get("/order/123", headers=bearer("ana")).json["status"] == "delivered"


@pytest.mark.parametrize(("given", "token", "author"), [("somebody else", "own", "ana"), ("eve", "shared", "eve")])
def test_the_author_of_a_command_is_the_person_who_has_signed_in(
    shop: FakeShop, given: str, token: str, author: str
) -> None:
    shop.place_and_run()
    headers = bearer("ana") if token == "own" else {"Authorization": f"Bearer {STAFF_TOKEN}"}
    for path, more in (("/pause-order", {}), ("/resume-order", {}), ("/validate-pizza", {"approved": True})):
        command = {"order_id": "123", "by": given, **more}
        assert shop.client(WORKFLOW).post(path, json=command, headers=headers).status_code == 200
    history = shop.client(ORDER).get("/order/123", headers=bearer("ana")).json["history"]
    assert {entry["by"] for entry in history if entry["kind"] != "stage"} == {author}


def test_an_invalid_command_of_a_person_is_refused(shop: FakeShop) -> None:
    assert_problem(shop.client(WORKFLOW).post("/pause-order", json=[1], headers=bearer("ana")), 400)


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/nothing/", 404), ("/healthz/", 404)])
def test_unknown_pages_are_404_and_not_401(shop: FakeShop, path: str, status: int) -> None:
    assert_problem(shop.client(STOREFRONT).get(path), status)


def test_wrong_methods_options_and_head(shop: FakeShop) -> None:
    assert_problem(shop.client(WORKFLOW).get("/pause-order"), 405)
    assert shop.client(WORKFLOW).options("/pause-order").status_code == 200
    assert shop.client(ORDER).head("/orders").status_code == 401


def test_only_the_sidecar_may_have_a_step_run(shop: FakeShop) -> None:
    for role, path in ((KITCHEN, "/cook"), (DELIVERY, "/deliver"), (STOREFRONT, "/order")):
        order = {**ORDER_123, "order_id": "124"}
        assert_problem(shop.client(role).post(path, json=order), 403)
        assert shop.client(role).post(path, json=order, headers=SIDECAR).status_code == 200


def test_without_sign_in_the_sidecars_token_still_protects_internal_routes() -> None:
    shop = FakeShop(authenticator=Authenticator(app_token=SIDECAR["dapr-api-token"]))
    shop.place_and_run()
    shop.decide(approved=True)
    assert shop.record()["status"] == "delivered"
    assert shop.client(STOREFRONT).get("/manager", headers=PAGE).status_code == 200
    assert_problem(shop.client(ORDER).get("/order/123/summary"), 403)
    assert shop.client(ORDER).get("/order/123/summary", headers=SIDECAR).status_code == 200


def test_with_neither_everything_is_open() -> None:
    shop = FakeShop()
    for role in ROLES:
        assert [
            route for route, _ in routes_and_access(shop, role) if call(shop, role, route, {}).status_code in (401, 403)
        ] == []


GENERATED_ID = "7Q4K-M2XD-9ZRT"


def test_the_link_to_an_order_with_a_generated_id_needs_no_sign_in(shop: FakeShop) -> None:
    shop.place(GENERATED_ID)
    answer = shop.client(STOREFRONT).get(f"/orders/{GENERATED_ID}", headers=PAGE)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
    assert shop.client(STOREFRONT).get(f"/orders/{GENERATED_ID[:-1]}V", headers=PAGE).status_code == 404


@pytest.mark.parametrize("order_id", ["123", "none", f"{GENERATED_ID}-0000", f"demo-{GENERATED_ID}"])
def test_the_link_to_an_order_with_another_id_needs_sign_in(shop: FakeShop, order_id: str) -> None:
    shop.place("123")
    client = shop.client(STOREFRONT)
    answer = client.get(f"/orders/{order_id}", headers=PAGE)
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/orders/{order_id}")
    assert_problem(client.get(f"/orders/{order_id}", headers=bearer("kim")), 403)
    assert client.get(f"/orders/{order_id}", headers=bearer("ana")).status_code == (200 if order_id == "123" else 404)


def test_a_customer_may_write_a_generated_id_in_any_spelling(shop: FakeShop) -> None:
    shop.place(GENERATED_ID)
    # The id of another customer's order, which is no generated id.
    shop.place(GENERATED_ID.lower())
    client = shop.client(STOREFRONT)
    for path in (
        f"/orders/{GENERATED_ID.lower()}",
        f"/orders/{GENERATED_ID.replace('-', '')}",
        f"/live/orders/{GENERATED_ID.lower()}",
    ):
        answer = client.get(path, headers=PAGE)
        assert (answer.status_code, answer.location) == (302, path.rpartition("/")[0] + f"/{GENERATED_ID}")
    assert client.get(f"/orders/{GENERATED_ID.lower()}", headers=bearer("ana")).status_code == 200


OTHER_ORIGINS = ["https://evil.example", "http://localhost:3000", "http://127.0.0.1:8005", "null", "", "http://[", "x"]


@every_role
def test_a_page_of_another_site_cannot_change_anything(role: Role) -> None:
    client: FlaskClient = FakeShop().client(role)
    for origin in OTHER_ORIGINS:
        headers = {"Origin": origin, "Host": "localhost:8005"}
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert_problem(client.open("/order/123", method=method, headers=headers), 403)
        assert client.get("/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_a_cross_site_request_without_an_origin_is_refused(site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    assert_problem(FakeShop().client(WORKFLOW).post("/pause-order", json={"order_id": "1"}, headers=headers), 403)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8005", "Host": "localhost:8005"},
        {"Origin": "https://pizza.example", "Host": "localhost:8005"},
        {"Origin": "http://localhost:8005", "Host": "localhost:8005", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin"},
        {},
    ],
)
def test_the_shops_own_pages_and_programs_may_send_commands(headers: dict[str, str]) -> None:
    shop = FakeShop(hosts="pizza.example")
    assert shop.client(WORKFLOW).post("/start-order", json=ORDER_123, headers=headers).status_code == 200
