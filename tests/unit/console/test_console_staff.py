"""`pizzashop staff`: accounts are made, changed and removed; and what the other commands show of themselves."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from fake_shop import FakeShop, problem
from fakes.daprd import open_daprd

from pizzashop.auth.accounts import Accounts, redeem_sign_in_link
from pizzashop.cli import main
from pizzashop.console.client import Client

PASSWORD = "ana's password"


@pytest.fixture
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIZZASHOP_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PIZZASHOP_STAFF_FILE", raising=False)
    return tmp_path / "state"


@pytest.fixture
def accounts(state_dir: Path) -> Accounts:
    return Accounts(state_dir / "staff.json")


def staff(*words: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["staff", *words], input=typed)


def add(name: str = "ana", role: str = "manager", password: str = PASSWORD) -> Result:
    return staff("add", name, "--role", role, typed=f"{password}\n{password}\n")


def test_an_account_signs_in_with_its_password_alone(accounts: Accounts) -> None:
    result = add()
    assert (result.exit_code, PASSWORD in result.output) == (0, False)
    assert "opened again" in result.output
    found = accounts.authenticate_password("ana", PASSWORD)
    assert found
    assert (found.name, found.roles) == ("ana", {"kitchen", "courier", "manager"})
    assert accounts.authenticate_password("ana", "another") is None
    assert accounts.authenticate_password("bob", PASSWORD) is None


def test_this_user_alone_may_read_it_and_no_password_is_in_it(accounts: Accounts) -> None:
    add()
    token = staff("token", "ana").output.strip()
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
    assert PASSWORD not in accounts.path.read_text()
    assert token not in accounts.path.read_text()


def test_a_token_is_one_persons_and_a_new_one_ends_it(accounts: Accounts) -> None:
    add("kim", "kitchen")
    first, second = (staff("token", "kim").output.strip() for _ in range(2))
    assert accounts.authenticate_token(first) is None
    found = accounts.authenticate_token(second)
    assert found
    assert (found.name, found.roles) == ("kim", {"kitchen"})
    assert accounts.authenticate_token("") is None


def test_another_password_and_other_roles(accounts: Accounts) -> None:
    add("kim", "kitchen")
    token = staff("token", "kim").output.strip()
    staff("add", "kim", "--role", "courier", "--role", "kitchen", "--password", "a new password")
    found = accounts.authenticate_token(token)
    assert found
    assert found.roles == {"courier", "kitchen"}
    assert accounts.authenticate_password("kim", "a new password")
    assert accounts.authenticate_password("kim", PASSWORD) is None


def test_who_is_removed_is_gone(accounts: Accounts) -> None:
    add()
    assert staff("remove", "ana").exit_code == 0
    assert accounts.authenticate_password("ana", PASSWORD) is None
    assert staff().output == "There are no accounts.\n"


@pytest.mark.usefixtures("state_dir")
def test_they_are_listed() -> None:
    add("kim", "kitchen")
    add()
    assert staff().output.split() == ["ana", "manager", "kim", "kitchen"]
    assert json.loads(staff("--json").output) == {"ana": ["manager"], "kim": ["kitchen"]}


@pytest.mark.usefixtures("state_dir")
@pytest.mark.parametrize("words", [("remove", "bob"), ("token", "bob")])
def test_somebody_who_has_no_account(words: tuple[str, ...]) -> None:
    result = staff(*words)
    assert (result.exit_code, result.stderr) == (3, "pizzashop: There is no account bob.\n")


@pytest.mark.parametrize(
    "words",
    [
        ("add", "ana", "--role", "manager", "--password", "short"),
        ("add", " ", "--role", "manager", "--password", PASSWORD),
        ("add", "x" * 61, "--role", "manager", "--password", PASSWORD),
        ("add", "a\x1bb", "--role", "manager", "--password", PASSWORD),
        ("add", "ana", "--role", "owner", "--password", PASSWORD),
        ("add", "ana", "--password", PASSWORD),
    ],
)
def test_what_makes_no_account(accounts: Accounts, words: tuple[str, ...]) -> None:
    assert staff(*words).exit_code == 2
    assert not accounts.path.exists()


def test_a_file_that_makes_no_sense_is_named(accounts: Accounts) -> None:
    accounts.path.parent.mkdir()
    for text in ("{", "[]", '{"ana": 1}', '{"ana": {"roles": ["manager"]}}'):
        accounts.path.write_text(text)
        result = staff()
        assert result.exit_code == 1
        assert f"The accounts in {accounts.path} cannot be read" in result.stderr


def test_a_link_signs_in_once(state_dir: Path) -> None:
    assert staff("link").exit_code == 2  # nobody has to sign in
    add()
    link = staff("link").output.strip()
    assert link.startswith("http://localhost:8002/sign-in?once=")
    token = link.partition("once=")[2]
    assert redeem_sign_in_link(state_dir, "another") is None
    assert redeem_sign_in_link(state_dir, token)
    assert redeem_sign_in_link(state_dir, token) is None


def test_commands_show_their_token() -> None:
    with open_daprd() as server, Client(token="a-token-of-mine") as client:
        for _ in range(2):
            server.will_answer(200, {})
        client.get(f"http://127.0.0.1:{server.port}/orders")
        assert server.asked[0].headers["authorization"] == "Bearer a-token-of-mine"
    with open_daprd() as server, Client() as client:
        server.will_answer(200, {})
        client.get(f"http://127.0.0.1:{server.port}/orders")
        assert "authorization" not in server.asked[0].headers


@pytest.mark.parametrize(("status", "advice"), [(401, True), (403, False)])
def test_who_may_not_is_told_what_helps(run: Any, shop: FakeShop, status: int, advice: bool) -> None:
    shop.films["1"] = [problem(status, "No")]
    result = run("status", "1")
    assert result.exit_code == 4
    assert ("PIZZASHOP_STAFF_TOKEN" in result.stderr) == advice
