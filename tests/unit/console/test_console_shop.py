"""Errors between a command and the shop: the sentence and the exit code of each."""

import socket

import pytest
from click.testing import CliRunner
from example_records import record_at
from fake_shop import problem
from fakes.daprd import open_daprd

from pizzashop.cli import main
from pizzashop.console.command import CommandContext
from pizzashop.console.shop import ShopApi
from pizzashop.errors import NotFound, Unavailable


@pytest.mark.parametrize(("status", "code"), [(400, 2), (413, 2), (415, 2), (404, 3), (409, 4), (500, 1)])
def test_each_error_of_the_shop_has_its_exit_code(run, shop, status, code) -> None:
    shop.answers["/start-order"] = problem(status, "So it is")
    result = run("order", "funghi")
    assert result.exit_code == code
    assert result.stderr == "pizzashop: So it is.\n"


@pytest.mark.parametrize("args", [("order", "funghi"), ("status", "1"), ("list",), ("watch", "1"), ("approve", "1")])
def test_a_closed_shop_says_how_to_open_it(args) -> None:
    with socket.socket() as taken:
        # The port is taken, but nothing listens.
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with ShopApi(url, url) as shop:
            result = CliRunner().invoke(main, args, obj=CommandContext(shop))
    assert result.exit_code == 5
    assert result.stderr == (
        f"pizzashop: The shop is not open: nothing answers on port {port}. Open it with `make up` or `pizzashop up`.\n"
    )


def test_a_shop_that_does_not_answer_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with ShopApi(url, url, read_seconds=0.05) as shop, pytest.raises(Unavailable, match="does not answer"):
            shop.get_order("1")


def test_a_lost_connection_ends_with_5(run, shop) -> None:
    shop.records["1"] = [None]
    result = run("status", "1")
    assert result.exit_code == 5
    assert "was lost" in result.stderr


@pytest.mark.parametrize(
    "answer", [(200, b"<html>"), (404, b"<html>"), (200, {"hello": 1}), (200, {"status": "up"}), (200, [])]
)
def test_another_server_on_the_port_is_not_the_shop(run, shop, answer) -> None:
    shop.records["1"] = [answer]
    result = run("status", "1")
    assert result.exit_code == 1
    assert "the shop" in result.stderr or "this shop" in result.stderr


def test_text_of_other_people_cannot_control_the_terminal(run, shop) -> None:
    shop.records["1"] = [record_at("cooked", pizza_type="\x1b[2Jfunghi", error="\x1b]0;x\x07")]
    shop.answers["/get-status/1"] = "RUNNING"
    shop.answers["/orders"] = {"orders": [record_at("cooked", pizza_type="\x1b[2Jfunghi")], "next": None}
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
def test_commands_find_the_shop_where_it_listens(host, name) -> None:
    shop = ShopApi.on_host(host)
    assert (shop.order_url, shop.workflow_url) == (f"http://{name}:8001", f"http://{name}:8005")


def test_an_unknown_order_is_named(context) -> None:
    with pytest.raises(NotFound, match="There is no order 1"):
        context.shop.get_order("1")


def test_a_shop_without_its_store_is_unavailable(run, shop) -> None:
    shop.answers["/orders"] = problem(503, "The state store cannot be reached")
    result = run("list")
    assert result.exit_code == 5
    assert result.stderr == "pizzashop: The state store cannot be reached.\n"


@pytest.mark.parametrize(("token", "header"), [("a-token-of-mine", "Bearer a-token-of-mine"), ("", None)])
def test_commands_send_the_token_of_the_staff(token: str, header: str | None) -> None:
    with open_daprd() as server:
        url = f"http://127.0.0.1:{server.port}"
        server.will_answer(200, {})
        with ShopApi(url, url, token=token) as shop:
            shop.list_orders(limit=1)
        assert server.asked[0].headers.get("authorization") == header


@pytest.mark.parametrize(("status", "advice"), [(401, True), (403, False)])
def test_a_command_without_a_sign_in_says_where_to_put_the_token(run, shop, status: int, advice: bool) -> None:
    shop.records["1"] = [problem(status, "No")]
    result = run("status", "1")
    assert result.exit_code == 4
    assert ("PIZZASHOP_STAFF_TOKEN" in result.stderr) == advice
