"""The environment is read once, and what makes no sense in it is named."""

from collections.abc import Callable

import pytest

from pizzashop.errors import InvalidSettings
from pizzashop.settings import Settings, is_loopback

Set = Callable[..., None]
WAITING = ("VALIDATION_REMINDER", "VALIDATION_DEADLINE")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Set:
    """An environment with nothing of the shop's in it, and the means to set what is needed."""
    for name in ("PACE", "FAIL", "MAX_REMAKES", "HOST", "HOSTS", "THREADS", "LOG", "LOG_LEVEL", "RETENTION", *WAITING):
        monkeypatch.delenv(f"PIZZASHOP_{name}", raising=False)

    def put(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


def test_the_defaults_are_the_workshops_time_on_this_machine_only() -> None:
    settings = Settings.from_env()
    assert (settings.pace, settings.max_remakes, settings.host, settings.fail) == (1.0, 2, "127.0.0.1", "")


def test_each_is_read_from_its_variable(environment: Set) -> None:
    environment(PIZZASHOP_PACE="0.5", PIZZASHOP_MAX_REMAKES="0", DAPR_HTTP_PORT="3999", DAPR_GRPC_PORT="50999")
    settings = Settings.from_env()
    assert (settings.pace, settings.max_remakes) == (0.5, 0)
    assert (settings.dapr_http_port, settings.dapr_grpc_port) == (3999, 50999)


def test_an_empty_variable_is_none(environment: Set) -> None:
    environment(PIZZASHOP_PACE="", DAPR_HTTP_PORT="")
    assert (Settings.from_env().pace, Settings.from_env().dapr_http_port) == (1.0, None)


@pytest.mark.parametrize("pace", ["0", "0.01", "1", "10"])
def test_good_paces(environment: Set, pace: str) -> None:
    environment(PIZZASHOP_PACE=pace)
    assert Settings.from_env().pace == float(pace)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("90", 90), ("1.5", 1.5), ("90s", 90), ("2m", 120), ("12h", 43200), ("7d", 604800), ("", 604800)],
)
def test_a_retention_is_a_duration(environment: Set, said: str, seconds: float) -> None:
    environment(PIZZASHOP_RETENTION=said)
    assert Settings.from_env().retention == seconds


@pytest.mark.parametrize("said", ["0", "-1", "0.5s", "7 days", "d", "1w", "inf", "nan", "1e3d"])
def test_bad_retentions(environment: Set, said: str) -> None:
    environment(PIZZASHOP_RETENTION=said)
    with pytest.raises(InvalidSettings, match="PIZZASHOP_RETENTION"):
        Settings.from_env()


def test_the_manager_is_reminded_after_five_minutes_and_there_is_no_deadline(environment: Set) -> None:
    assert (Settings.from_env().validation_reminder, Settings.from_env().validation_deadline) == (300, None)
    environment(PIZZASHOP_VALIDATION_REMINDER="0.3", PIZZASHOP_VALIDATION_DEADLINE="2h")
    assert (Settings.from_env().validation_reminder, Settings.from_env().validation_deadline) == (0.3, 7200)


@pytest.mark.parametrize("name", WAITING)
@pytest.mark.parametrize("said", ["0", "-1", "soon", "inf", "nan", "400d"])
def test_bad_waiting_times(environment: Set, name: str, said: str) -> None:
    environment(**{f"PIZZASHOP_{name}": said})
    with pytest.raises(InvalidSettings, match=name):
        Settings.from_env()


@pytest.mark.parametrize("pace", ["-1", "fast", "nan", "inf", "1e999"])
def test_bad_paces(environment: Set, pace: str) -> None:
    environment(PIZZASHOP_PACE=pace)
    with pytest.raises(InvalidSettings, match="PIZZASHOP_PACE"):
        Settings.from_env()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PIZZASHOP_MAX_REMAKES", "-1"),
        ("PIZZASHOP_FAIL", "cooking_baking"),
        ("PIZZASHOP_THREADS", "0"),
        ("PIZZASHOP_LOG", "xml"),
        ("DAPR_HTTP_PORT", "none"),
    ],
)
def test_what_makes_no_sense_is_named(environment: Set, name: str, value: str) -> None:
    environment(**{name: value})
    with pytest.raises(InvalidSettings, match=name):
        Settings.from_env()


def test_a_stage_fails_on_purpose_only_at_home(environment: Set) -> None:
    environment(PIZZASHOP_FAIL="cooking_baking:bad-")
    assert Settings.from_env().fail == "cooking_baking:bad-"
    for host in ("0.0.0.0", "192.168.0.7", "::", "pizza.example"):
        environment(PIZZASHOP_HOST=host)
        with pytest.raises(InvalidSettings, match="PIZZASHOP_FAIL"):
            Settings.from_env()


def test_they_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.from_env().pace = 2  # type: ignore[misc]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "example.org", "localhost.example.org", "128.0.0.1"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_without_a_home_one_sentence_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pizzashop.settings.getpwuid", nobody)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "PIZZASHOP_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIZZASHOP_CACHE_DIR", "/var/cache/pizzashop")
    with pytest.raises(InvalidSettings, match="no home directory: set PIZZASHOP_STATE_DIR"):
        Settings.from_env()
    monkeypatch.setenv("PIZZASHOP_STATE_DIR", "/var/lib/pizzashop")
    assert str(Settings.from_env().state_dir) == "/var/lib/pizzashop"
