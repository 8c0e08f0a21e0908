"""`pizzashop staff`: accounts, passwords, tokens and sign-in links."""

import json
import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from command_processes import StartCommand, Terminal, wait_for

from pizzashop.auth.accounts import Accounts, redeem_sign_in_link
from pizzashop.cli import main

PASSWORD = "contraseña of ana"
ADD_ANA = ("staff", "add", "ana", "--role", "manager")


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
    return staff("add", name, "--role", role, typed=f"{password}\n")


class TestAccounts:
    def test_sign_in_with_their_own_password_only(self, accounts: Accounts) -> None:
        result = add()
        assert (result.exit_code, PASSWORD in result.output) == (0, False)
        assert "opened again" in result.output
        found = accounts.authenticate_password("ana", PASSWORD)
        assert found
        assert (found.name, found.roles) == ("ana", {"kitchen", "courier", "manager"})
        assert accounts.authenticate_password("ana", "another") is None
        assert accounts.authenticate_password("bob", PASSWORD) is None

    def test_are_stored_without_passwords_and_for_this_user_only(self, accounts: Accounts) -> None:
        add()
        token = staff("token", "ana").output.strip()
        assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
        assert PASSWORD not in accounts.path.read_text()
        assert token not in accounts.path.read_text()

    def test_have_one_valid_token(self, accounts: Accounts) -> None:
        add("kim", "kitchen")
        first, second = (staff("token", "kim").output.strip() for _ in range(2))
        assert accounts.authenticate_token(first) is None
        found = accounts.authenticate_token(second)
        assert found
        assert (found.name, found.roles) == ("kim", {"kitchen"})
        assert accounts.authenticate_token("") is None

    def test_get_another_password_and_other_roles(self, accounts: Accounts) -> None:
        add("kim", "kitchen")
        token = staff("token", "kim").output.strip()
        staff("add", "kim", "--role", "courier", "--role", "kitchen", "--password", "a new password")
        found = accounts.authenticate_token(token)
        assert found
        assert found.roles == {"courier", "kitchen"}
        assert accounts.authenticate_password("kim", "a new password")
        assert accounts.authenticate_password("kim", PASSWORD) is None

    def test_cannot_sign_in_after_they_are_removed(self, accounts: Accounts) -> None:
        add()
        assert staff("remove", "ana").exit_code == 0
        assert accounts.authenticate_password("ana", PASSWORD) is None
        assert staff().output == "There are no accounts.\n"

    @pytest.mark.usefixtures("state_dir")
    def test_are_listed_with_their_roles(self) -> None:
        add("kim", "kitchen")
        add()
        assert staff().output.split() == ["ana", "manager", "kim", "kitchen"]
        assert json.loads(staff("--json").output) == {"ana": ["manager"], "kim": ["kitchen"]}

    @pytest.mark.usefixtures("state_dir")
    @pytest.mark.parametrize("words", [("remove", "bob"), ("token", "bob")])
    def test_that_do_not_exist_are_not_found(self, words: tuple[str, ...]) -> None:
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
    def test_with_invalid_data_are_refused(self, accounts: Accounts, words: tuple[str, ...]) -> None:
        assert staff(*words).exit_code == 2
        assert not accounts.path.exists()

    def test_in_an_invalid_file_are_reported_with_its_path(self, accounts: Accounts) -> None:
        accounts.path.parent.mkdir()
        for text in ("{", "[]", '{"ana": 1}', '{"ana": {"roles": ["manager"]}}'):
            accounts.path.write_text(text)
            result = staff()
            assert result.exit_code == 1
            assert f"The accounts in {accounts.path} cannot be read" in result.stderr


def test_a_link_signs_in_once(state_dir: Path) -> None:
    # Without accounts nobody has to sign in.
    assert staff("link").exit_code == 2
    add()
    link = staff("link").output.strip()
    assert link.startswith("http://localhost:8002/sign-in?once=")
    token = link.partition("once=")[2]
    assert redeem_sign_in_link(state_dir, "another") is None
    assert redeem_sign_in_link(state_dir, token)
    assert redeem_sign_in_link(state_dir, token) is None


class TestPassword:
    def test_is_typed_twice_in_a_terminal(self, start: StartCommand, tmp_path: Path) -> None:
        terminal = Terminal(start, *ADD_ANA, env={"LC_ALL": "C.UTF-8"})
        terminal.type(PASSWORD, "Password: ")
        terminal.type("another one", "Repeat for confirmation: ")
        terminal.type(PASSWORD, "Password: ")
        terminal.type(PASSWORD, "Repeat for confirmation: ")
        assert terminal.wait() == 0
        assert PASSWORD not in terminal.shown
        assert can_sign_in(tmp_path)

    @pytest.mark.parametrize("piped", [f"{PASSWORD}\n", PASSWORD, f"{PASSWORD}\r\n", f"{PASSWORD}\n{PASSWORD}\n"])
    def test_is_read_from_a_pipe_in_a_terminal_too(self, start: StartCommand, tmp_path: Path, piped: str) -> None:
        (tmp_path / "password").write_text(piped, encoding="utf-8")
        with (tmp_path / "password").open() as stdin:
            terminal = Terminal(start, *ADD_ANA, stdin=stdin)
            assert terminal.wait() == 0
        assert "assword" not in terminal.shown
        assert can_sign_in(tmp_path)

    def test_is_read_from_a_pipe_without_a_warning(self, start: StartCommand, tmp_path: Path) -> None:
        process = start(*ADD_ANA, stdin=subprocess.PIPE, start_new_session=True)
        process.stdin.write(f"{PASSWORD}\n".encode())
        assert wait_for(process)[0::2] == (0, "")
        assert can_sign_in(tmp_path)

    @pytest.mark.parametrize(
        ("piped", "reason"),
        [(b"", "pipe it in"), (b"short\n", "at least 8"), (b"not utf8 \xe9\n", "these bytes are not UTF-8")],
    )
    def test_that_is_invalid_is_refused(self, start: StartCommand, tmp_path: Path, piped: bytes, reason: str) -> None:
        (tmp_path / "password").write_bytes(piped)
        with (tmp_path / "password").open() as stdin:
            code, _, err = wait_for(start(*ADD_ANA, stdin=stdin))
        assert code == 2
        assert reason in err
        assert not (tmp_path / "staff.json").exists()


def can_sign_in(state_dir: Path) -> bool:
    return Accounts(state_dir / "staff.json").authenticate_password("ana", PASSWORD) is not None
