"""The settings: where they come from, their defaults, and which values are refused."""

from collections.abc import Callable

import pytest

from pizzashop.errors import InvalidSettings
from pizzashop.settings import Settings, bracket_ipv6, is_loopback

SetVariables = Callable[..., None]
WAITING_TIMES = ("PIZZASHOP_VALIDATION_REMINDER", "PIZZASHOP_VALIDATION_DEADLINE")


@pytest.fixture(autouse=True)
def set_variables(monkeypatch: pytest.MonkeyPatch) -> SetVariables:
    """Remove the shop's variables from the environment; return a function that sets some."""
    for name in (
        "PACE",
        "FAIL",
        "MAX_REMAKES",
        "HOST",
        "HOSTS",
        "THREADS",
        "LOG",
        "LOG_LEVEL",
        "RETENTION",
        "STORE",
        "BROKER",
    ):
        monkeypatch.delenv(f"PIZZASHOP_{name}", raising=False)
    for name in WAITING_TIMES:
        monkeypatch.delenv(name, raising=False)

    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_variables


def test_by_default_a_shop_runs_at_pace_1_on_this_machine_only() -> None:
    settings = Settings.from_env()
    assert (settings.pace, settings.max_remakes, settings.host, settings.fail) == (1.0, 2, "127.0.0.1", "")


def test_each_setting_is_read_from_its_variable(set_variables: SetVariables) -> None:
    set_variables(PIZZASHOP_PACE="0.5", PIZZASHOP_MAX_REMAKES="0", DAPR_HTTP_PORT="3999", DAPR_GRPC_PORT="50999")
    settings = Settings.from_env()
    assert (settings.pace, settings.max_remakes) == (0.5, 0)
    assert (settings.dapr_http_port, settings.dapr_grpc_port) == (3999, 50999)


def test_an_empty_variable_means_the_default(set_variables: SetVariables) -> None:
    set_variables(PIZZASHOP_PACE="", DAPR_HTTP_PORT="")
    assert (Settings.from_env().pace, Settings.from_env().dapr_http_port) == (1.0, None)


@pytest.mark.parametrize("pace", ["0", "0.01", "1", "10"])
def test_a_pace_is_a_number_from_0(set_variables: SetVariables, pace: str) -> None:
    set_variables(PIZZASHOP_PACE=pace)
    assert Settings.from_env().pace == float(pace)


@pytest.mark.parametrize("pace", ["-1", "fast", "nan", "inf", "1e999"])
def test_other_paces_are_refused(set_variables: SetVariables, pace: str) -> None:
    set_variables(PIZZASHOP_PACE=pace)
    with pytest.raises(InvalidSettings, match="PIZZASHOP_PACE"):
        Settings.from_env()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("90s", 90), ("2m", 120), ("12h", 43200), ("7d", 604800), ("", 604800)],
)
def test_a_retention_is_a_duration(set_variables: SetVariables, text: str, seconds: float) -> None:
    set_variables(PIZZASHOP_RETENTION=text)
    assert Settings.from_env().retention == seconds


@pytest.mark.parametrize("text", ["0", "-1", "0.5s", "7 days", "d", "1w", "inf", "nan", "1e3d"])
def test_other_retentions_are_refused(set_variables: SetVariables, text: str) -> None:
    set_variables(PIZZASHOP_RETENTION=text)
    with pytest.raises(InvalidSettings, match="PIZZASHOP_RETENTION"):
        Settings.from_env()


def test_by_default_the_manager_is_reminded_after_five_minutes_without_a_deadline(set_variables: SetVariables) -> None:
    assert (Settings.from_env().validation_reminder, Settings.from_env().validation_deadline) == (300, None)
    set_variables(PIZZASHOP_VALIDATION_REMINDER="0.3", PIZZASHOP_VALIDATION_DEADLINE="2h")
    assert (Settings.from_env().validation_reminder, Settings.from_env().validation_deadline) == (0.3, 7200)


@pytest.mark.parametrize("name", WAITING_TIMES)
@pytest.mark.parametrize("text", ["0", "-1", "soon", "inf", "nan", "400d"])
def test_other_waiting_times_are_refused(set_variables: SetVariables, name: str, text: str) -> None:
    set_variables(**{name: text})
    with pytest.raises(InvalidSettings, match=name):
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
def test_an_invalid_value_is_refused_with_the_name_of_its_variable(
    set_variables: SetVariables, name: str, value: str
) -> None:
    set_variables(**{name: value})
    with pytest.raises(InvalidSettings, match=name):
        Settings.from_env()


def test_a_stage_can_fail_on_purpose_on_this_machine_only(set_variables: SetVariables) -> None:
    set_variables(PIZZASHOP_FAIL="cooking_baking:bad-")
    assert Settings.from_env().fail == "cooking_baking:bad-"
    for host in ("0.0.0.0", "192.168.0.7", "::", "pizza.example"):
        set_variables(PIZZASHOP_HOST=host)
        with pytest.raises(InvalidSettings, match="PIZZASHOP_FAIL"):
            Settings.from_env()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.from_env().pace = 2  # type: ignore[misc]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_a_loopback_host_is_recognized(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "example.org", "localhost.example.org", "128.0.0.1"])
def test_any_other_host_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(("host", "in_url"), [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1"), ("pi.local", "pi.local")])
def test_a_url_needs_brackets_around_an_ipv6_address(host: str, in_url: str) -> None:
    assert bracket_ipv6(host) == in_url


def test_a_user_without_a_home_directory_learns_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown_user(_: int) -> None:
        raise KeyError

    monkeypatch.setattr("pizzashop.settings.getpwuid", unknown_user)
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "PIZZASHOP_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIZZASHOP_CACHE_DIR", "/var/cache/pizzashop")
    with pytest.raises(InvalidSettings, match="no home directory: set PIZZASHOP_STATE_DIR"):
        Settings.from_env()
    monkeypatch.setenv("PIZZASHOP_STATE_DIR", "/var/lib/pizzashop")
    assert str(Settings.from_env().state_dir) == "/var/lib/pizzashop"


def test_the_store_is_redis_unless_the_environment_or_an_option_says_otherwise(set_variables: SetVariables) -> None:
    assert Settings.from_env().products == ()
    set_variables(PIZZASHOP_STORE="postgresql")
    assert Settings.from_env(store=None).products == ("postgresql",)
    assert Settings.from_env(store="redis").products == ()
    set_variables(PIZZASHOP_STORE="mysql")
    with pytest.raises(InvalidSettings, match="PIZZASHOP_STORE"):
        Settings.from_env()


def test_the_broker_is_redis_unless_the_environment_or_an_option_says_otherwise(set_variables: SetVariables) -> None:
    set_variables(PIZZASHOP_BROKER="rabbitmq")
    assert Settings.from_env().products == ("rabbitmq",)
    assert Settings.from_env(broker="kafka", store="postgresql").products == ("postgresql", "kafka")
    assert Settings.from_env(broker="redis").products == ()
    set_variables(PIZZASHOP_BROKER="nats")
    with pytest.raises(InvalidSettings, match="PIZZASHOP_BROKER"):
        Settings.from_env()
