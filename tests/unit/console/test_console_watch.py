"""Following an order without a terminal: a line for each change, and an end that says how it went."""

import json
import signal

import pytest
from fake_shop import interrupt, problem
from story import acted, at, decided, delivered, entry, record, way_to


def test_each_change_is_one_line_and_comes_once(run, shop) -> None:
    shop.films["1"] = [
        at("accepted"),
        at("processing"),
        at("processing"),
        at("pending_validation"),
        delivered(),
    ]
    result = run("watch", "1")
    assert result.exit_code == 0
    said = [line.split("  ", 1)[1] for line in result.stdout.splitlines()[1:]]
    assert said[:4] == ["order received", "checking the order", "writing the ticket", "confirmed"]
    assert "waiting for the manager   approve it: pizzashop approve 7Q4K-M2XD" in said
    assert said[-8:-6] == ["approved by ana", "finding a driver"]
    assert said[-1] == "delivered"
    assert len(said) == len(delivered()["history"])
    assert "\x1b" not in result.stdout


def test_json_is_one_line_for_each_change(run, shop) -> None:
    shop.films["7Q4K-M2XD"] = [at("accepted"), delivered()]
    lines = [json.loads(line) for line in run("watch", "7Q4K-M2XD", "--json").stdout.splitlines()]
    assert [line["status"] for line in lines] == [each["status"] for each in delivered()["history"]]
    assert {line["order_id"] for line in lines} == {"7Q4K-M2XD"}


def test_a_pizza_that_is_made_again(run, shop) -> None:
    first = [*way_to("pending_validation"), decided("remake", 20, by="ana", note="too dark")]
    shop.films["1"] = [record(*first, *way_to("cooked", 2, 21)), delivered()]
    assert "The manager asked for a new one: too dark. We're making it again.\n" in run("watch", "1").stdout


@pytest.mark.parametrize(
    ("last", "line"),
    [
        (entry("failed", 20, note="Cooking failed: no gas"), "failed: Cooking failed: no gas"),
        (acted("cancelled", 20, by="ana", note="they called"), "cancelled by ana: they called"),
    ],
)
def test_an_order_that_is_lost_ends_with_6(run, shop, last, line) -> None:
    shop.films["1"] = [at("cooking_baking"), record(*way_to("cooking_baking"), last)]
    result = run("watch", "1")
    assert result.exit_code == 6
    assert result.stdout.splitlines()[-1].endswith(f"  {line}")


def test_a_lost_connection_is_said_once_and_goes_by(run, shop) -> None:
    shop.films["1"] = [at("accepted"), None, None, problem(503, "busy"), delivered()]
    result = run("watch", "1")
    assert result.exit_code == 0
    assert result.stderr == "No answer from the shop, trying again.\n"


def test_a_shop_that_stays_away_ends_the_watch(run, shop, desk) -> None:
    desk.patience = 0
    shop.films["1"] = [at("accepted"), None]
    assert run("watch", "1").exit_code == 5


def test_an_order_that_is_deleted_meanwhile(run, shop) -> None:
    shop.films["1"] = [at("accepted"), problem(404, "Order not found")]
    assert run("watch", "1").exit_code == 3


def test_ctrl_c_leaves_the_watch_and_says_that_the_order_goes_on(run, shop) -> None:
    shop.films["1"] = [at("accepted"), at("confirmed"), interrupt, at("confirmed")]
    # Whoever runs the tests may have had SIGINT ignored, as a shell does for what it runs in the background.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = run("watch", "1")
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    assert result.stderr == "The order goes on. Follow it again: pizzashop watch 1\n"
