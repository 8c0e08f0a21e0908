"""With a sign-in: who gets in where, by which means, and what the others are told."""

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
FOR_TOKENS = {"kim": {"kitchen"}, "cem": {"courier"}, "ana": set(STAFF_ROLES)}


def each(shop: FakeShop, role: Role) -> list[tuple[str, frozenset[str]]]:
    """Every route of a role, and who may call it; the sign-in has answers of its own."""
    routes = routes_of(shop.sidecar.apps[role])
    return [(route.name, route.access) for route in routes if not route.path.endswith("/sign-in")]


def ask(shop: FakeShop, role: Role, route: str, headers: dict[str, str]) -> TestResponse:
    """Call it about an order with an id of the client's own choice."""
    method, path = route.split(" ", 1)
    path = path.replace("<order_id>", "123").replace("<event_id>", "1").replace("<mark>/<path:name>", "1/icon.svg")
    body = {} if method == "GET" or role is STOREFRONT else {"json": {"order_id": "123"}}
    return shop.client(role).open(path, method=method, headers=headers, buffered=True, **body)


@every_role
def test_signed_out(shop: FakeShop, role: Role) -> None:
    for route, who in each(shop, role):
        answer = ask(shop, role, route, {})
        if PUBLIC in who:
            assert answer.status_code not in (401, 403), route
        elif who & set(STAFF_ROLES):
            assert_problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="pizzashop"'
        else:
            assert_problem(answer, 403)


@every_role
def test_what_the_guard_answers_is_in_the_document(shop: FakeShop, role: Role) -> None:
    paths = shop.client(role).get("/openapi.json").json["paths"]
    for route, _ in each(shop, role):
        method, path = route.replace("<", "{").replace(">", "}").split(" ", 1)
        if path in paths:
            for headers in ({}, bearer("kim"), bearer("ana"), {"Origin": "https://evil.example"}):
                status = ask(shop, role, route, headers).status_code
                assert str(status) in paths[path][method.lower()]["responses"], (route, status)


@every_role
@pytest.mark.parametrize("name", FOR_TOKENS)
def test_with_a_token_of_ones_own(shop: FakeShop, role: Role, name: str) -> None:
    for route, who in each(shop, role):
        status = ask(shop, role, route, bearer(name)).status_code
        assert (status == 403) == (not who & (FOR_TOKENS[name] | {PUBLIC})), route
        assert status != 401


@every_role
def test_the_sidecar_gets_where_it_has_to(shop: FakeShop, role: Role) -> None:
    for route, who in each(shop, role):
        refused = ask(shop, role, route, SIDECAR).status_code in (401, 403)
        assert refused == (not who & {INTERNAL, PUBLIC}), route


@every_role
@pytest.mark.parametrize(
    "shown",
    [{"dapr-api-token": "another"}, {"dapr-api-token": ""}, {"Dapr-Caller-App-Id": "pizza-workflow"}],
    ids=["wrong", "empty", "claimed"],
)
def test_nobody_else_passes_for_the_sidecar(shop: FakeShop, role: Role, shown: dict[str, str]) -> None:
    for route, who in each(shop, role):
        if who == {INTERNAL}:
            assert_problem(ask(shop, role, route, shown), 403)


@pytest.mark.parametrize("shown", ["Bearer wrong", "Bearer ", "bearer\xe9", "Basic YW5hOmFuYQ==", "Bearer é"])
def test_a_wrong_token(shop: FakeShop, shown: str) -> None:
    answer = shop.client(ORDER).get("/orders", headers={"Authorization": shown})
    assert_problem(answer, 401)
    assert ("invalid_token" in answer.headers["WWW-Authenticate"]) == shown.startswith("Bearer ")


def test_the_token_of_all_the_staff_opens_everything_that_is_for_the_staff(shop: FakeShop) -> None:
    shown = {"Authorization": f"Bearer {STAFF_TOKEN}"}
    assert shop.client(ORDER).get("/orders", headers=shown).status_code == 200
    assert shop.client(STOREFRONT).get("/kitchen", headers=shown).status_code == 200
    assert_problem(shop.client(ORDER).get("/order/123/summary", headers=shown), 403)


def test_a_customer_may_order_and_see_no_other(shop: FakeShop) -> None:
    assert shop.client(WORKFLOW).post("/start-order", json=ORDER_123).status_code == 200
    assert_problem(shop.client(ORDER).get("/order/123"), 401)
    assert_problem(shop.client(WORKFLOW).get("/get-status/123"), 401)
    assert_problem(shop.client(ORDER).delete("/order/123"), 401)


def test_an_order_goes_all_the_way_behind_the_door(shop: FakeShop) -> None:
    shop.place_and_run()
    decision = {"order_id": "123", "approved": True}
    assert_problem(shop.client(WORKFLOW).post("/validate-pizza", json=decision), 401)
    assert_problem(shop.client(WORKFLOW).post("/validate-pizza", json=decision, headers=bearer("kim")), 403)
    assert shop.client(WORKFLOW).post("/validate-pizza", json=decision, headers=bearer("ana")).status_code == 200
    shop.engine.run("123")
    assert shop.client(ORDER).get("/order/123", headers=bearer("ana")).json["status"] == "delivered"


@pytest.mark.parametrize(("said", "shown", "by"), [("somebody else", "own", "ana"), ("eve", "of all", "eve")])
def test_who_decides_is_who_has_signed_in(shop: FakeShop, said: str, shown: str, by: str) -> None:
    shop.place_and_run()
    headers = bearer("ana") if shown == "own" else {"Authorization": f"Bearer {STAFF_TOKEN}"}
    for path, more in (("/pause-order", {}), ("/resume-order", {}), ("/validate-pizza", {"approved": True})):
        asked = {"order_id": "123", "by": said, **more}
        assert shop.client(WORKFLOW).post(path, json=asked, headers=headers).status_code == 200
    history = shop.client(ORDER).get("/order/123", headers=bearer("ana")).json["history"]
    assert {each["by"] for each in history if each["kind"] != "stage"} == {by}


def test_what_is_no_command_is_refused_as_ever(shop: FakeShop) -> None:
    assert_problem(shop.client(WORKFLOW).post("/pause-order", json=[1], headers=bearer("ana")), 400)


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/nothing/", 404), ("/healthz/", 404)])
def test_what_is_not_there(shop: FakeShop, path: str, status: int) -> None:
    assert_problem(shop.client(STOREFRONT).get(path), status)


def test_wrong_methods_and_options(shop: FakeShop) -> None:
    assert_problem(shop.client(WORKFLOW).get("/pause-order"), 405)
    assert shop.client(WORKFLOW).options("/pause-order").status_code == 200
    assert shop.client(ORDER).head("/orders").status_code == 401


def test_a_step_is_for_the_sidecar_alone(shop: FakeShop) -> None:
    for role, path in ((KITCHEN, "/cook"), (DELIVERY, "/deliver"), (STOREFRONT, "/order")):
        order = {**ORDER_123, "order_id": "by-hand"}
        assert_problem(shop.client(role).post(path, json=order), 403)
        assert shop.client(role).post(path, json=order, headers=SIDECAR).status_code == 200


def test_a_sidecar_with_a_token_and_no_sign_in() -> None:
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
        assert [route for route, _ in each(shop, role) if ask(shop, role, route, {}).status_code in (401, 403)] == []


OWN = "7Q4K-M2XD-9ZRT"


def test_an_orders_own_link_is_its_key(shop: FakeShop) -> None:
    shop.place(OWN)
    answer = shop.client(STOREFRONT).get(f"/orders/{OWN}", headers=PAGE)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
    assert shop.client(STOREFRONT).get(f"/orders/{OWN[:-1]}V", headers=PAGE).status_code == 404


@pytest.mark.parametrize("order_id", ["123", "none", f"{OWN}-0000", f"demo-{OWN}"])
def test_an_id_that_others_can_guess_is_none(shop: FakeShop, order_id: str) -> None:
    shop.place("123")
    client = shop.client(STOREFRONT)
    answer = client.get(f"/orders/{order_id}", headers=PAGE)
    assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/orders/{order_id}")
    assert_problem(client.get(f"/orders/{order_id}", headers=bearer("kim")), 403)
    assert client.get(f"/orders/{order_id}", headers=bearer("ana")).status_code == (200 if order_id == "123" else 404)


def test_a_customer_may_write_the_own_id_in_any_way(shop: FakeShop) -> None:
    shop.place(OWN)
    shop.place(OWN.lower())  # somebody else's, which can be guessed
    client = shop.client(STOREFRONT)
    for path in (f"/orders/{OWN.lower()}", f"/orders/{OWN.replace('-', '')}", f"/live/orders/{OWN.lower()}"):
        answer = client.get(path, headers=PAGE)
        assert (answer.status_code, answer.location) == (302, path.rpartition("/")[0] + f"/{OWN}")
    assert client.get(f"/orders/{OWN.lower()}", headers=bearer("ana")).status_code == 200


ELSEWHERE = ["https://evil.example", "http://localhost:3000", "http://127.0.0.1:8005", "null", "", "http://[", "x"]


@every_role
def test_a_page_elsewhere_changes_nothing(role: Role) -> None:
    client: FlaskClient = FakeShop().client(role)
    for origin in ELSEWHERE:
        headers = {"Origin": origin, "Host": "localhost:8005"}
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert_problem(client.open("/order/123", method=method, headers=headers), 403)
        assert client.get("/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_nor_one_that_says_no_more_than_that(site: str) -> None:
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
def test_the_shops_own_pages_and_programs_do(headers: dict[str, str]) -> None:
    shop = FakeShop(hosts="pizza.example")
    assert shop.client(WORKFLOW).post("/start-order", json=ORDER_123, headers=headers).status_code == 200
