"""When the staff has to sign in, which settings are refused at the start, and the files with secrets."""

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pizzashop.auth.accounts import Accounts, create_sign_in_link, redeem_sign_in_link, session_signing_key
from pizzashop.auth.authentication import Authenticator, requires_sign_in, validate_authentication, validate_exposure
from pizzashop.errors import InvalidSettings
from pizzashop.local.up import api_tokens
from pizzashop.settings import Settings

TOKEN = "a-token-of-the-staff"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("PIZZASHOP_STAFF_TOKEN", "PIZZASHOP_STAFF_FILE", "APP_API_TOKEN", "DAPR_API_TOKEN", "PIZZASHOP_HOST"):
        monkeypatch.delenv(name, raising=False)

    def settings(**variables: str) -> Settings:
        for name, value in {"PIZZASHOP_STATE_DIR": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)
        return Settings.from_env()

    return settings


def test_without_any_setting_nobody_has_to_sign_in(settings: Any, tmp_path: Path) -> None:
    assert not requires_sign_in(settings())
    assert not Authenticator.from_settings(settings()).requires_sign_in
    assert list(tmp_path.iterdir()) == []
    validate_authentication(settings())
    assert api_tokens(settings()) == {}


def test_a_staff_token_or_an_account_makes_sign_in_required(settings: Any, tmp_path: Path) -> None:
    assert requires_sign_in(settings(PIZZASHOP_STAFF_TOKEN=TOKEN))
    Accounts(tmp_path / "staff.json").add("ana", ("manager",), "a password")
    assert requires_sign_in(settings(PIZZASHOP_STAFF_TOKEN=""))
    assert requires_sign_in(settings(PIZZASHOP_STAFF_FILE=str(tmp_path / "other.json")))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "pizza.example"])
def test_a_shop_that_other_machines_reach_needs_sign_in(settings: Any, host: str) -> None:
    with pytest.raises(InvalidSettings, match=r"PIZZASHOP_HOST is .*PIZZASHOP_STAFF_TOKEN.*staff add"):
        validate_exposure(settings(PIZZASHOP_HOST=host))
    validate_exposure(settings(PIZZASHOP_HOST=host, PIZZASHOP_STAFF_TOKEN=TOKEN))


@pytest.mark.parametrize("arguments", [("up",), ("serve", "--role", "kitchen")])
def test_no_command_starts_a_shop_that_is_open_to_other_machines(settings: Any, arguments: tuple[str, ...]) -> None:
    settings(PIZZASHOP_HOST="0.0.0.0")
    command = [str(Path(sys.executable).parent / "pizzashop"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, "PIZZASHOP_STAFF_TOKEN" in result.stderr, result.stdout) == (2, True, "")


def test_with_sign_in_a_role_needs_the_token_of_its_sidecar(settings: Any) -> None:
    with pytest.raises(InvalidSettings, match="APP_API_TOKEN"):
        validate_authentication(settings(PIZZASHOP_STAFF_TOKEN=TOKEN))
    validate_authentication(settings(APP_API_TOKEN="of the sidecar"))


@pytest.mark.parametrize("token", ["short", "x" * 513, "a token with a blank", "a-token-with-\u00e9"])
def test_an_invalid_staff_token_is_refused_and_not_shown(settings: Any, token: str) -> None:
    with pytest.raises(InvalidSettings, match="PIZZASHOP_STAFF_TOKEN") as error:
        settings(PIZZASHOP_STAFF_TOKEN=token)
    assert token not in str(error.value)


def test_the_settings_do_not_show_secrets(settings: Any) -> None:
    secrets = {
        "PIZZASHOP_STAFF_TOKEN": TOKEN,
        "PIZZASHOP_SECRET": "s" * 40,
        "APP_API_TOKEN": "a-t",
        "DAPR_API_TOKEN": "d-t",
    }
    text = repr(settings(**secrets))
    assert [each for each in secrets.values() if each in text] == []


def test_up_generates_the_tokens_that_are_not_set(settings: Any) -> None:
    generated = [api_tokens(settings(PIZZASHOP_STAFF_TOKEN=TOKEN)) for _ in range(2)]
    assert len({token for tokens in generated for token in tokens.values()}) == 4
    set_tokens = api_tokens(settings(APP_API_TOKEN="one", DAPR_API_TOKEN="two"))
    assert set_tokens == {"APP_API_TOKEN": "one", "DAPR_API_TOKEN": "two"}


def test_the_key_of_sessions_is_generated_once_and_readable_only_by_this_user(tmp_path: Path) -> None:
    first, second = session_signing_key(tmp_path / "new"), session_signing_key(tmp_path / "new")
    assert (first, len(first) > 40) == (second, True)
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["session.key"]
    assert stat.S_IMODE((tmp_path / "new" / "session.key").stat().st_mode) == 0o600


def test_the_key_of_sessions_may_be_a_setting(settings: Any, tmp_path: Path) -> None:
    assert Authenticator.from_settings(settings(PIZZASHOP_STAFF_TOKEN=TOKEN, PIZZASHOP_SECRET="k" * 32)).key == "k" * 32
    assert not (tmp_path / "session.key").exists()


def test_a_sign_in_link_works_once_and_its_token_is_not_stored(tmp_path: Path) -> None:
    token = create_sign_in_link(tmp_path, "root")
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert token not in file.read_text()
    assert (redeem_sign_in_link(tmp_path, token), redeem_sign_in_link(tmp_path, token)) == ("root", None)
