"""The hosts under which a shop answers, in every spelling, and the refusal of invalid ones at the start."""

import pytest

from pizzashop.auth.authentication import validate_exposure
from pizzashop.auth.origin import AllowedHosts
from pizzashop.errors import InvalidSettings
from pizzashop.local.ports import url_host
from pizzashop.settings import Settings


def allowed_hosts(setting: str, listen_on: str = "127.0.0.1") -> AllowedHosts:
    return AllowedHosts.from_settings(Settings(hosts=setting, host=listen_on))


@pytest.mark.parametrize(
    ("setting", "host"),
    [
        ("pizza.example", "pizza.example"),
        ("pizza.example", "PIZZA.example.:8443"),
        ("pizza.example:8443", "pizza.example"),
        ("https://pizza.example/", "pizza.example"),
        ("pizza.example.", "pizza.example"),
        ("Pizza.Example", "pizza.example"),
        ("a.example, b.example ,", "b.example"),
        ("2001:db8::0:7", "[2001:db8::7]:8002"),
        ("[2001:DB8::7]", "[2001:db8:0::7]"),
        ("[2001:db8::7]:8002", "[2001:db8::7]"),
        ("192.0.2.7:80", "192.0.2.7:8002"),
        ("pizzer\u00eda.example", "xn--pizzera-dza.example"),
        ("my_shop.local", "my_shop.local:8002"),
        ("*.pizza.example", "www.pizza.example"),
        ("*.pizza.example", "a.b.pizza.example"),
    ],
)
def test_a_configured_host_is_allowed_in_every_spelling(setting: str, host: str) -> None:
    assert allowed_hosts(setting).is_allowed(host)
    assert allowed_hosts(setting).is_configured(host)


@pytest.mark.parametrize(
    ("setting", "host"),
    [
        ("pizza.example", "www.pizza.example"),
        ("pizza.example", "pizza.example.evil"),
        ("*.pizza.example", "pizza.example"),
        ("*.pizza.example", "evilpizza.example"),
        ("", "pizza.example"),
        ("", ""),
        ("", "["),
    ],
)
def test_any_other_host_is_not_allowed(setting: str, host: str) -> None:
    assert not allowed_hosts(setting).is_allowed(host)


@pytest.mark.parametrize("host", ["localhost:8001", "127.0.0.2", "[::1]:8001", "[::ffff:127.0.0.1]", "localhost."])
def test_loopback_is_always_allowed(host: str) -> None:
    assert allowed_hosts("pizza.example").is_allowed(host)
    assert not allowed_hosts("pizza.example").is_configured(host)


@pytest.mark.parametrize("host", ["not a host", "a/b", "x@y", "1..2"])
def test_an_invalid_address_to_listen_on_is_refused_at_the_start(host: str) -> None:
    with pytest.raises(InvalidSettings, match=r"PIZZASHOP_HOST: .* is no address or name to listen on"):
        validate_exposure(Settings(host=host))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "localhost"),
        ("0.0.0.0", "localhost"),
        ("[::1]", "[::1]"),
        ("::", "[::1]"),
        ("127.0.0.2", "127.0.0.2"),
        ("192.0.2.7", "192.0.2.7"),
        ("pizza.example", "pizza.example"),
    ],
)
def test_people_are_told_a_name_under_which_they_reach_it(host: str, name: str) -> None:
    assert url_host(Settings(host=host).host) == name


@pytest.mark.parametrize("host", ["192.0.2.7", "192.0.2.7:8001"])
def test_the_address_that_the_shop_listens_on_is_allowed(host: str) -> None:
    assert allowed_hosts("", listen_on="192.0.2.7").is_allowed(host)


@pytest.mark.parametrize(
    "name",
    [
        "pizza example",
        "pizza.example/menu",
        "user@pizza.example",
        "*",
        "*.",
        "pizza.*.example",
        "a..b",
        "[::1",
        "ä" * 70,
    ],
)
def test_an_invalid_host_name_is_refused_at_the_start_in_one_sentence(name: str) -> None:
    with pytest.raises(InvalidSettings, match=r"PIZZASHOP_HOSTS: .* is no name or address") as error:
        validate_exposure(Settings(hosts=f"pizza.example,{name}"))
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
