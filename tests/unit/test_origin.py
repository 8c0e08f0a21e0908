"""The names that a shop is reached under: each as people write it, or one sentence at the start."""

import pytest

from pizzashop.auth.authentication import validate_exposure
from pizzashop.auth.origin import AllowedHosts
from pizzashop.errors import InvalidSettings
from pizzashop.local.ports import url_host
from pizzashop.settings import Settings


def hosts(said: str, host: str = "127.0.0.1") -> AllowedHosts:
    return AllowedHosts.of(Settings(hosts=said, host=host))


@pytest.mark.parametrize(
    ("said", "asked"),
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
def test_a_name_is_known_however_it_is_written(said: str, asked: str) -> None:
    assert hosts(said).is_known(asked)
    assert hosts(said).is_given(asked)


@pytest.mark.parametrize(
    ("said", "asked"),
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
def test_any_other_name_is_not(said: str, asked: str) -> None:
    assert not hosts(said).is_known(asked)


@pytest.mark.parametrize("asked", ["localhost:8001", "127.0.0.2", "[::1]:8001", "[::ffff:127.0.0.1]", "localhost."])
def test_loopback_is_always_known(asked: str) -> None:
    assert hosts("pizza.example").is_known(asked)
    assert not hosts("pizza.example").is_given(asked)


@pytest.mark.parametrize("host", ["not a host", "a/b", "x@y", "1..2"])
def test_an_address_to_listen_on_that_is_none_is_refused_in_one_sentence(host: str) -> None:
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


@pytest.mark.parametrize("asked", ["192.0.2.7", "192.0.2.7:8001"])
def test_the_address_that_it_listens_on_is_known(asked: str) -> None:
    assert hosts("", host="192.0.2.7").is_known(asked)


@pytest.mark.parametrize(
    "said",
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
def test_what_is_no_name_is_refused_at_the_start_in_one_sentence(said: str) -> None:
    with pytest.raises(InvalidSettings, match=r"PIZZASHOP_HOSTS: .* is no name or address") as error:
        validate_exposure(Settings(hosts=f"pizza.example,{said}"))
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
