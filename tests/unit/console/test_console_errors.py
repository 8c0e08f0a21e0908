"""What can go wrong between the command line and the shop, and the exit code for each."""

import socket

import pytest
from click.testing import CliRunner
from fake_shop import problem
from story import at

from pizzashop.cli import main
from pizzashop.console.client import Client
from pizzashop.console.session import Session
from pizzashop.console.shop import Shop
from pizzashop.errors import NotFound, Unavailable


@pytest.mark.parametrize(("status", "code"), [(400, 2), (413, 2), (415, 2), (404, 3), (409, 4), (500, 1)])
def test_each_refusal_has_its_exit_code(run, shop, status, code) -> None:
    shop.answers["/start-order"] = problem(status, "So it is")
    result = run("order", "funghi")
    assert result.exit_code == code
    assert result.stderr == "pizzashop: So it is.\n"


@pytest.mark.parametrize("args", [("order", "funghi"), ("status", "1"), ("list",), ("watch", "1"), ("approve", "1")])
def test_a_closed_shop_says_how_to_open_it(args) -> None:
    with socket.socket() as free, Client() as client:
        free.bind(("127.0.0.1", 0))  # taken, and nobody listens
        port = free.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        result = CliRunner().invoke(main, args, obj=Session(Shop(client, url, url)))
    assert result.exit_code == 5
    assert result.stderr == (
        f"pizzashop: The shop is not open: nothing answers on port {port}. Open it with `make up` or `pizzashop up`.\n"
    )


def test_a_shop_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, Client(read=0.05) as client:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unavailable, match="does not answer"):
            Shop(client, url, url).record("1")


def test_a_connection_that_breaks(run, shop) -> None:
    shop.films["1"] = [None]
    result = run("status", "1")
    assert result.exit_code == 5
    assert "was lost" in result.stderr


@pytest.mark.parametrize("answer", [(200, b"<html>"), (404, b"<html>"), (200, {"hello": 1}), (200, [])])
def test_another_server_on_the_port(run, shop, answer) -> None:
    shop.films["1"] = [answer]
    result = run("status", "1")
    assert result.exit_code == 1
    assert "the shop" in result.stderr or "this shop" in result.stderr


def test_what_others_wrote_cannot_steer_the_terminal(run, shop) -> None:
    shop.films["1"] = [at("cooked", pizza_type="\x1b[2Jfunghi", error="\x1b]0;x\x07")]
    shop.answers["/get-status/1"] = "RUNNING"
    shop.answers["/orders"] = {"orders": [at("cooked", pizza_type="\x1b[2Jfunghi")], "next": None}
    assert "\x1b" not in run("status", "1").output + run("list").output


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("pi.local", "pi.local"),
    ],
)
def test_the_shop_is_looked_for_where_it_listens(host, name) -> None:
    shop = Shop.beside(Client(), host)
    assert (shop.order_url, shop.workflow_url) == (f"http://{name}:8001", f"http://{name}:8005")


def test_an_unknown_order(desk) -> None:
    with pytest.raises(NotFound, match="There is no order 1"):
        desk.shop.record("1")


def test_a_shop_that_cannot_reach_its_own_parts(run, shop) -> None:
    shop.answers["/orders"] = problem(503, "The state store cannot be reached")
    result = run("list")
    assert result.exit_code == 5
    assert result.stderr == "pizzashop: The state store cannot be reached.\n"
