"""The door that the settings say: who has to sign in, and when it is not safe to open at all."""

import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pizzashop.auth.accounts import Accounts, create_sign_in_link, redeem_sign_in_link, session_signing_key
from pizzashop.auth.authentication import Authenticator, requires_sign_in, validate_authentication, validate_exposure
from pizzashop.domain.ids import generate_order_id, is_generated_id, parse_generated_id
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


def test_nothing_set_nobody_signs_in(settings: Any, tmp_path: Path) -> None:
    assert not requires_sign_in(settings())
    assert not Authenticator.of(settings()).closed
    assert list(tmp_path.iterdir()) == []
    validate_authentication(settings())
    assert api_tokens(settings()) == {}


def test_a_token_or_an_account_is_enough(settings: Any, tmp_path: Path) -> None:
    assert requires_sign_in(settings(PIZZASHOP_STAFF_TOKEN=TOKEN))
    Accounts(tmp_path / "staff.json").add("ana", ("manager",), "a password")
    assert requires_sign_in(settings(PIZZASHOP_STAFF_TOKEN=""))
    assert requires_sign_in(settings(PIZZASHOP_STAFF_FILE=str(tmp_path / "other.json")))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "pizza.example"])
def test_elsewhere_one_has_to_sign_in(settings: Any, host: str) -> None:
    with pytest.raises(InvalidSettings, match=r"PIZZASHOP_HOST is .*PIZZASHOP_STAFF_TOKEN.*staff add"):
        validate_exposure(settings(PIZZASHOP_HOST=host))
    validate_exposure(settings(PIZZASHOP_HOST=host, PIZZASHOP_STAFF_TOKEN=TOKEN))


@pytest.mark.parametrize("words", [("up",), ("serve", "--role", "kitchen")])
def test_it_does_not_open_to_everybody(settings: Any, words: tuple[str, ...]) -> None:
    settings(PIZZASHOP_HOST="0.0.0.0")
    command = [str(Path(sys.executable).parent / "pizzashop"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "PIZZASHOP_STAFF_TOKEN" in done.stderr, done.stdout) == (2, True, "")


def test_a_role_must_know_its_sidecar(settings: Any) -> None:
    with pytest.raises(InvalidSettings, match="APP_API_TOKEN"):
        validate_authentication(settings(PIZZASHOP_STAFF_TOKEN=TOKEN))
    validate_authentication(settings(APP_API_TOKEN="of the sidecar"))


@pytest.mark.parametrize("token", ["short", "x" * 513, "with a blank in its midst", "with-\u00e9-in-its-midst"])
def test_bad_tokens(settings: Any, token: str) -> None:
    with pytest.raises(InvalidSettings, match="PIZZASHOP_STAFF_TOKEN") as error:
        settings(PIZZASHOP_STAFF_TOKEN=token)
    assert token not in str(error.value)


def test_secrets_are_not_shown(settings: Any) -> None:
    shown = repr(
        settings(PIZZASHOP_STAFF_TOKEN=TOKEN, PIZZASHOP_SECRET="s" * 40, APP_API_TOKEN="a-t", DAPR_API_TOKEN="d-t")
    )
    assert [each for each in (TOKEN, "s" * 40, "a-t", "d-t") if each in shown] == []


def test_up_makes_tokens_or_takes_those_that_are_set(settings: Any) -> None:
    made = [api_tokens(settings(PIZZASHOP_STAFF_TOKEN=TOKEN)) for _ in range(2)]
    assert len({token for each in made for token in each.values()}) == 4
    given = api_tokens(settings(APP_API_TOKEN="one", DAPR_API_TOKEN="two"))
    assert given == {"APP_API_TOKEN": "one", "DAPR_API_TOKEN": "two"}


def test_the_key_of_sessions_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    first, second = session_signing_key(tmp_path / "new"), session_signing_key(tmp_path / "new")
    assert (first, len(first) > 40) == (second, True)
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["session.key"]
    assert stat.S_IMODE((tmp_path / "new" / "session.key").stat().st_mode) == 0o600


def test_or_it_is_given(settings: Any, tmp_path: Path) -> None:
    assert Authenticator.of(settings(PIZZASHOP_STAFF_TOKEN=TOKEN, PIZZASHOP_SECRET="k" * 32)).key == "k" * 32
    assert not (tmp_path / "session.key").exists()


def test_a_link_is_kept_as_its_print_alone(tmp_path: Path) -> None:
    token = create_sign_in_link(tmp_path, "root")
    (kept,) = tmp_path.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert token not in kept.read_text()
    assert (redeem_sign_in_link(tmp_path, token), redeem_sign_in_link(tmp_path, token)) == ("root", None)


def test_ids_of_the_shops_own_making() -> None:
    assert all(is_generated_id(generate_order_id()) for _ in range(100))
    others = [
        "123",
        "7Q4K-M2XD",
        "7q4k-m2xd-9zrt",
        "7Q4K-M2XD-9ZRT-0000",
        "7Q4K-M2XD-9ZRI",
        "demo-7q4k-m2xd",
        "",
        "7Q4K-M2XD-9ZRT\n",
    ]
    assert [each for each in others if is_generated_id(each)] == []


@pytest.mark.parametrize(
    "spelled",
    ["7q4k-m2xd-9zrt", "7Q4KM2XD9ZRT", "7q4k m2xd 9zrt.", " #7Q4K–M2XD–9ZRT/", "７Q4K-M2XD-9ZRT", "7Q4K_M2XD_9ZRT"],
)
def test_an_id_is_understood_however_it_is_written(spelled: str) -> None:
    assert parse_generated_id(spelled) == "7Q4K-M2XD-9ZRT"


def test_letters_that_look_like_digits_are_read_as_these() -> None:
    assert parse_generated_id("oOiI-lL00-abcd") == "0011-1100-ABCD"
    assert [
        parse_generated_id(each) for each in ("123", "", "7Q4K-M2XD", "demo-7q4k-m2xd", "U234-5678-9ABC", "علی")
    ] == [None] * 6
