"""`pizzashop watch` without a terminal: a line for each change, and an exit code that says how the order ended."""

import json
import signal

import pytest
from example_records import action, decision, delivered, entry, record, record_at, stages_to
from fake_shop import interrupt, problem


def test_each_change_is_printed_once(run, shop) -> None:
    shop.records["1"] = [
        record_at("accepted"),
        record_at("processing"),
        record_at("processing"),
        record_at("pending_validation"),
        delivered(),
    ]
    result = run("watch", "1")
    assert result.exit_code == 0
    texts = [line.split("  ", 1)[1] for line in result.stdout.splitlines()[1:]]
    assert texts[:4] == ["order received", "checking the order", "writing the ticket", "confirmed"]
    assert "waiting for the manager   approve it: pizzashop approve 7Q4K-M2XD" in texts
    assert texts[-8:-6] == ["approved by ana", "finding a driver"]
    assert texts[-1] == "delivered"
    assert len(texts) == len(delivered()["history"])
    assert "\x1b" not in result.stdout


def test_with_json_each_change_is_one_line(run, shop) -> None:
    shop.records["7Q4K-M2XD"] = [record_at("accepted"), delivered()]
    lines = [json.loads(line) for line in run("watch", "7Q4K-M2XD", "--json").stdout.splitlines()]
    assert [line["status"] for line in lines] == [each["status"] for each in delivered()["history"]]
    assert {line["order_id"] for line in lines} == {"7Q4K-M2XD"}


def test_a_pizza_that_is_made_again_comes_with_the_reason(run, shop) -> None:
    first_attempt = [*stages_to("pending_validation"), decision("remake", 20, by="ana", note="too dark")]
    shop.records["1"] = [record(*first_attempt, *stages_to("cooked", 2, 21)), delivered()]
    assert "The manager asked for a new one: too dark. We're making it again.\n" in run("watch", "1").stdout


@pytest.mark.parametrize(
    ("last", "line"),
    [
        (entry("failed", 20, note="Cooking failed: no gas"), "failed: Cooking failed: no gas"),
        (action("cancelled", 20, by="ana", note="they called"), "cancelled by ana: they called"),
    ],
)
def test_an_order_that_is_not_delivered_ends_with_6(run, shop, last, line) -> None:
    shop.records["1"] = [record_at("cooking_baking"), record(*stages_to("cooking_baking"), last)]
    result = run("watch", "1")
    assert result.exit_code == 6
    assert result.stdout.splitlines()[-1].endswith(f"  {line}")


def test_a_short_outage_is_reported_once(run, shop) -> None:
    shop.records["1"] = [record_at("accepted"), None, None, problem(503, "busy"), delivered()]
    result = run("watch", "1")
    assert result.exit_code == 0
    assert result.stderr == "No answer from the shop, trying again.\n"


def test_a_long_outage_ends_the_watch(run, shop, context) -> None:
    context.max_outage_seconds = 0
    shop.records["1"] = [record_at("accepted"), None]
    assert run("watch", "1").exit_code == 5


def test_a_deleted_order_ends_the_watch(run, shop) -> None:
    shop.records["1"] = [record_at("accepted"), problem(404, "Order not found")]
    assert run("watch", "1").exit_code == 3


def test_ctrl_c_ends_the_watch_and_says_that_the_order_goes_on(run, shop) -> None:
    shop.records["1"] = [record_at("accepted"), record_at("confirmed"), interrupt, record_at("confirmed")]
    # A shell ignores SIGINT for processes in the background, and so do the tests if they run there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        result = run("watch", "1")
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    assert result.stderr == "The order goes on. Follow it again: pizzashop watch 1\n"
