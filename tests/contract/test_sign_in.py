"""Signing in and out of the pages: the form, links that work once, sessions, and the page that comes next."""

import re
import shutil
from pathlib import Path
from urllib.parse import quote

import pytest
from fakes.accounts import PAGE, PASSWORDS, STAFF_TOKEN, csrf, make_authenticator, sign_in
from fakes.shop import FakeShop
from flask.testing import FlaskClient

from pizzashop.auth import accounts
from pizzashop.auth.accounts import Accounts
from pizzashop.auth.authentication import SESSION_SECONDS, Authenticator
from pizzashop.roles import STOREFRONT


@pytest.fixture
def shop(tmp_path: Path) -> FakeShop:
    return FakeShop(authenticator=make_authenticator(tmp_path))


@pytest.fixture
def client(shop: FakeShop) -> FlaskClient:
    return shop.client(STOREFRONT)


def status_of_page(client: FlaskClient, path: str = "/manager") -> int:
    return client.get(path, headers=PAGE).status_code


@pytest.mark.parametrize(("name", "first"), [("ana", "/manager"), ("kim", "/kitchen"), ("cem", "/delivery")])
def test_signing_in_leads_to_the_page_of_the_role(client: FlaskClient, name: str, first: str) -> None:
    answer = sign_in(client, name)
    assert (answer.status_code, answer.location) == (303, first)
    assert status_of_page(client, first) == 200


def test_the_session_cookie_is_http_only_and_same_site(client: FlaskClient) -> None:
    cookie = sign_in(client).headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert re.search("Expires=", cookie)
    assert "Secure" not in cookie


def test_with_https_the_cookie_is_secure(tmp_path: Path) -> None:
    client = FakeShop(authenticator=make_authenticator(tmp_path, https=True)).client(STOREFRONT)
    page = client.get("/sign-in", headers=PAGE, base_url="https://localhost")
    assert "; Secure" in page.headers["Set-Cookie"]


def test_the_navigation_shows_the_pages_of_the_role(client: FlaskClient) -> None:
    page = client.get("/", headers=PAGE).text
    assert ('aria-label="Staff"' in page, 'href="/sign-in"' in page) == (False, True)
    sign_in(client, "kim")
    page = client.get("/kitchen", headers=PAGE).text
    assert ('href="/kitchen"' in page, 'href="/manager"' in page, 'href="/delivery"' in page) == (True, False, False)
    assert "kim" in page


@pytest.mark.parametrize("path", ["/manager", "/manager/orders", "/delivery", "/manager/orders/123"])
def test_a_page_of_another_role_is_refused(client: FlaskClient, path: str) -> None:
    sign_in(client, "kim")
    answer = client.get(path, headers=PAGE)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "This is not for you" in answer.text


def test_without_a_session_a_page_leads_to_the_form_and_then_back(client: FlaskClient) -> None:
    answer = client.get("/manager/orders?filter=late", headers=PAGE)
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/manager/orders?filter%3Dlate")
    form = client.get(answer.location, headers=PAGE).text
    target = re.search(r'name="next" value="([^"]*)"', form)
    assert target
    assert sign_in(client, next=target[1]).location == "/manager/orders?filter=late"


OTHER_SITES = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "javascript:alert(1)",
    "evil.example",
    "http:evil.example",
    "///evil.example",
    "/%0d%0aLocation:x\r\n",
    "http://[",
]


@pytest.mark.parametrize("target", OTHER_SITES)
def test_signing_in_redirects_to_no_other_site(client: FlaskClient, shop: FakeShop, target: str) -> None:
    assert sign_in(client, next=target).location == "/manager"
    link = accounts.create_sign_in_link(shop.authenticator.state_dir, "root")
    assert client.get(f"/sign-in?once={link}&next={quote(target)}").location == "/manager"
    assert "evil" not in client.get(f"/sign-in?next={quote(target)}", headers=PAGE).text


@pytest.mark.parametrize(
    ("name", "password"),
    [("ana", "wrong"), ("ana", ""), ("nobody", PASSWORDS["ana"]), ("kim", PASSWORDS["ana"]), ("ana", STAFF_TOKEN)],
)
def test_a_wrong_password_is_refused(client: FlaskClient, name: str, password: str) -> None:
    answer = sign_in(client, name, password=password)
    assert answer.status_code == 401
    assert "The name or the password is not right" in answer.text
    assert status_of_page(client) == 303


def test_the_staff_token_signs_in_under_any_name(client: FlaskClient, shop: FakeShop) -> None:
    shop.place_and_run()
    assert sign_in(client, " Eve   Miller ", password=STAFF_TOKEN).status_code == 303
    mark = csrf(client, "/manager")
    client.post("/manager/orders/123/pause", data={"csrf_token": mark, "attempt": "1"})
    assert "Eve Miller" in client.get("/manager/orders/123", headers=PAGE).text


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_signing_in_needs_a_name(client: FlaskClient, name: str) -> None:
    assert sign_in(client, name, password=STAFF_TOKEN).status_code == 400


def test_html_in_a_name_is_shown_as_text(client: FlaskClient) -> None:
    sign_in(client, "<script>alert(1)</script>", password=STAFF_TOKEN)
    page = client.get("/manager", headers=PAGE).text
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_attempts_with_one_name_are_limited(client: FlaskClient) -> None:
    answers = [sign_in(client, password="wrong") for _ in range(7)]
    assert [each.status_code for each in answers] == [401] * 6 + [429]
    assert answers[-1].headers["Retry-After"] == "60"
    assert sign_in(client).status_code == 429
    assert sign_in(client, "kim").status_code == 303


def test_attempts_from_one_address_are_limited(client: FlaskClient) -> None:
    mark = csrf(client)
    form = {"csrf_token": mark, "password": "wrong"}
    answers = [client.post("/sign-in", data={**form, "name": f"name {n}"}).status_code for n in range(21)]
    assert answers == [401] * 20 + [429]


@pytest.mark.parametrize("mark", [None, "", "forged", "IjEyMyI.aaaa.bbbb"])
@pytest.mark.parametrize("path", ["/manager/orders/123/approve", "/manager/bulk", "/manager/orders", "/sign-out"])
def test_a_form_without_a_valid_csrf_token_is_refused(
    client: FlaskClient, shop: FakeShop, path: str, mark: str | None
) -> None:
    shop.place_and_run()
    sign_in(client)
    form = {"attempt": "1", "action": "approve", "order": "123:1", **({} if mark is None else {"csrf_token": mark})}
    answer = client.post(path, data=form, headers=PAGE)
    assert answer.status_code == 403
    assert "This form is not from your session" in answer.text
    client.get("/manager")
    assert status_of_page(client) == 200  # still signed in


def test_the_csrf_token_of_another_session_is_refused(client: FlaskClient, shop: FakeShop) -> None:
    other = shop.client(STOREFRONT)
    sign_in(other, "ana")
    sign_in(client)
    assert client.post("/sign-out", data={"csrf_token": csrf(other, "/manager")}).status_code == 403


def test_signing_in_needs_a_csrf_token(client: FlaskClient) -> None:
    form = {"name": "ana", "password": PASSWORDS["ana"]}
    assert client.post("/sign-in", data=form, headers=PAGE).status_code == 403
    assert status_of_page(client) == 303


def test_signing_out_ends_the_session(client: FlaskClient) -> None:
    sign_in(client)
    answer = client.post("/sign-out", data={"csrf_token": csrf(client, "/manager")})
    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert status_of_page(client) == 303


def test_a_session_expires(client: FlaskClient, shop: FakeShop) -> None:
    sign_in(client)
    shop.run_housekeeping(days=(SESSION_SECONDS - 60) / 86400)
    assert status_of_page(client) == 200
    shop.run_housekeeping(days=(SESSION_SECONDS + 60) / 86400)
    assert status_of_page(client) == 303
    answer = client.post("/manager/bulk", data={}, headers=PAGE)
    assert (answer.status_code, "Please sign in" in answer.text) == (401, True)


def test_a_forged_session_is_invalid(client: FlaskClient) -> None:
    sign_in(client)
    cookie = client.get_cookie("pizzashop")
    assert cookie
    client.set_cookie("pizzashop", cookie.value[:-3] + "xyz")
    assert status_of_page(client) == 303


def test_a_session_of_another_shop_is_invalid(client: FlaskClient, tmp_path: Path) -> None:
    sign_in(client)
    cookie = client.get_cookie("pizzashop")
    assert cookie
    accounts = Accounts(tmp_path / "staff.json")
    other = FakeShop(
        authenticator=Authenticator(accounts, STAFF_TOKEN, "t", "another key of 48 characters" * 2, tmp_path)
    ).client(STOREFRONT)
    other.set_cookie("pizzashop", cookie.value)
    assert status_of_page(other) == 303


def test_a_changed_password_or_a_removed_account_ends_the_session(client: FlaskClient, shop: FakeShop) -> None:
    assert shop.authenticator.accounts
    sign_in(client)
    shop.authenticator.accounts.add("ana", ("manager",), "another password")
    assert status_of_page(client) == 303
    sign_in(client, password="another password")
    assert status_of_page(client) == 200
    shop.authenticator.accounts.remove("ana")
    assert status_of_page(client) == 303


def test_a_changed_staff_token_ends_its_sessions(tmp_path: Path) -> None:
    client = FakeShop(authenticator=make_authenticator(tmp_path)).client(STOREFRONT)
    sign_in(client, "eve", password=STAFF_TOKEN)
    cookie = client.get_cookie("pizzashop")
    assert cookie
    other = FakeShop(authenticator=make_authenticator(tmp_path, staff_token="another-token-of-the-staff")).client(
        STOREFRONT
    )
    other.set_cookie("pizzashop", cookie.value)
    assert status_of_page(other) == 303


def test_a_sign_in_link_works_once(client: FlaskClient, shop: FakeShop) -> None:
    link = accounts.create_sign_in_link(shop.authenticator.state_dir, "root")
    assert client.head(f"/sign-in?once={link}").status_code == 200
    answer = client.get(f"/sign-in?once={link}", headers=PAGE)
    assert (answer.status_code, answer.location) == (303, "/manager")
    assert status_of_page(client) == 200
    assert client.get(f"/sign-in?once={link}", headers=PAGE).location == "/manager"  # the browser went back
    other = shop.client(STOREFRONT)
    answer = other.get(f"/sign-in?once={link}", headers=PAGE)
    assert (answer.status_code, "used already" in answer.text) == (403, True)
    assert link not in answer.text
    assert status_of_page(other) == 303


@pytest.mark.parametrize("link", ["", "wrong", "x" * 500, "%ff"])
def test_an_unknown_link_is_refused(client: FlaskClient, shop: FakeShop, link: str) -> None:
    good = accounts.create_sign_in_link(shop.authenticator.state_dir, "root")
    assert client.get(f"/sign-in?once={link}", headers=PAGE).status_code == 403
    assert client.get(f"/sign-in?once={good}", headers=PAGE).status_code == 303


def test_a_new_link_replaces_the_earlier_one(client: FlaskClient, shop: FakeShop) -> None:
    before, after = (accounts.create_sign_in_link(shop.authenticator.state_dir, "root") for _ in range(2))
    assert client.get(f"/sign-in?once={before}").status_code == 403
    accounts.revoke_sign_in_link(shop.authenticator.state_dir)
    assert client.get(f"/sign-in?once={after}").status_code == 403


def test_an_open_shop_has_no_sign_in_form() -> None:
    client = FakeShop().client(STOREFRONT)
    assert client.get("/sign-in", headers=PAGE).status_code == 404
    assert client.post("/sign-in", data={"name": "ana"}).status_code == 404


def test_unreadable_accounts_let_nobody_in(client: FlaskClient, shop: FakeShop) -> None:
    sign_in(client)
    assert shop.authenticator.accounts
    shop.authenticator.accounts.path.write_text("{")
    assert status_of_page(client) == 500


def test_missing_accounts_let_nobody_in(client: FlaskClient, shop: FakeShop) -> None:
    sign_in(client)
    assert shop.authenticator.accounts
    shutil.move(shop.authenticator.accounts.path, shop.authenticator.accounts.path.with_suffix(".old"))
    assert status_of_page(client) == 303
