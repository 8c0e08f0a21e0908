"""The password of `pizzashop staff add`: typed in a terminal, or piped in."""

import subprocess
from pathlib import Path

import pytest
from processes import Command, Terminal, said

from pizzashop.auth.accounts import Accounts

ADD = ("staff", "add", "ana", "--role", "manager")
PASSWORD = "contraseña"


def test_a_password_is_typed_twice_in_a_terminal(start: Command, tmp_path: Path) -> None:
    terminal = Terminal(start, *ADD, env={"LC_ALL": "C.UTF-8"})
    terminal.type(PASSWORD, "Password: ")
    terminal.type("another one", "Repeat for confirmation: ")
    terminal.type(PASSWORD, "Password: ")
    terminal.type(PASSWORD, "Repeat for confirmation: ")
    assert terminal.end() == 0
    assert PASSWORD not in terminal.shown
    assert _may_sign_in(tmp_path)


@pytest.mark.parametrize("piped", [f"{PASSWORD}\n", PASSWORD, f"{PASSWORD}\r\n", f"{PASSWORD}\n{PASSWORD}\n"])
def test_a_password_that_is_piped_in_is_taken_in_a_terminal_too(start: Command, tmp_path: Path, piped: str) -> None:
    (tmp_path / "password").write_text(piped, encoding="utf-8")
    with (tmp_path / "password").open() as given:
        terminal = Terminal(start, *ADD, stdin=given)
        assert terminal.end() == 0
    assert "assword" not in terminal.shown
    assert _may_sign_in(tmp_path)


def test_a_password_that_is_piped_in_warns_of_nothing(start: Command, tmp_path: Path) -> None:
    process = start(*ADD, stdin=subprocess.PIPE, start_new_session=True)
    process.stdin.write(f"{PASSWORD}\n".encode())
    assert said(process)[0::2] == (0, "")
    assert _may_sign_in(tmp_path)


@pytest.mark.parametrize(
    ("piped", "reason"),
    [(b"", "pipe it in"), (b"short\n", "at least 8"), (b"not utf8 \xe9\n", "these bytes are not UTF-8")],
)
def test_a_password_that_is_none(start: Command, tmp_path: Path, piped: bytes, reason: str) -> None:
    (tmp_path / "password").write_bytes(piped)
    with (tmp_path / "password").open() as given:
        code, _, err = said(start(*ADD, stdin=given))
    assert code == 2
    assert reason in err
    assert not (tmp_path / "staff.json").exists()


def _may_sign_in(state_dir: Path) -> bool:
    return Accounts(state_dir / "staff.json").authenticate_password("ana", PASSWORD) is not None
