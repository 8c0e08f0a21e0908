"""Pause, resume, cancel."""

import pytest
from fake_shop import problem
from story import at, delivered


@pytest.mark.parametrize(("command", "status"), [("pause", "paused"), ("resume", "resumed")])
def test_an_order_is_steered(run, shop, command, status) -> None:
    shop.answers[f"/{command}-order"] = {"order_id": "1", "status": status}
    result = run(command, "1", "--by", "ana", "--note", "why")
    assert shop.sent == [(f"/{command}-order", {"order_id": "1", "by": "ana", "note": "why"})]
    assert result.output == f"Order 1 is {status}.\n"


def test_resume_as_json(run_json, shop) -> None:
    shop.answers["/resume-order"] = {"order_id": "1", "status": "resumed"}
    assert run_json("resume", "1") == [{"order_id": "1", "status": "resumed"}]


def test_pause_of_an_unknown_order(run) -> None:
    result = run("pause", "1")
    assert result.exit_code == 3
    assert result.stderr == "pizzashop: There is no order 1.\n"


@pytest.fixture
def one_order(shop) -> None:
    shop.films["1"] = [at("cooking_baking")]
    shop.answers["/cancel-order"] = {"order_id": "1", "status": "cancelled"}


@pytest.mark.usefixtures("one_order")
class TestCancel:
    def test_needs_a_yes_where_nobody_can_be_asked(self, run, shop) -> None:
        result = run("cancel", "1")
        assert result.exit_code == 2
        assert "--yes" in result.stderr
        assert shop.sent == []

    def test_does_not_ask_after_a_yes(self, run) -> None:
        assert run("cancel", "1", "--yes").output == "Order 1 is cancelled.\n"

    def test_asks_and_names_the_order(self, run, desk) -> None:
        desk.asks = True
        result = run("cancel", "1", typed="y\n")
        assert "Cancel order 1 (pepperoni, large)? [y/N]" in result.stderr
        assert result.stdout.endswith("Order 1 is cancelled.\n")

    def test_leaves_the_order_alone_after_a_no(self, run, desk, shop) -> None:
        desk.asks = True
        assert run("cancel", "1", typed="\n").exit_code == 1
        assert shop.sent == []

    def test_does_not_ask_about_an_order_that_has_ended(self, run, desk, shop) -> None:
        desk.asks = True
        shop.films["1"] = [delivered()]
        shop.answers["/cancel-order"] = problem(409, "The order is delivered: it cannot be cancelled any more")
        assert run("cancel", "1").exit_code == 4
