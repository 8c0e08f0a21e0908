"""`pizzashop approve`, `reject`, `remake`, `pause`, `resume` and `cancel`."""

import getpass
import json

import pytest
from example_records import delivered, record_at
from fake_shop import problem


class TestDecision:
    @pytest.mark.parametrize(
        ("command", "verdict"),
        [
            ("approve", {"approved": True}),
            ("reject", {"approved": False}),
            ("remake", {"approved": False, "remake": True}),
        ],
    )
    def test_names_the_attempt_the_manager_and_the_reason(self, run, shop, command, verdict) -> None:
        shop.records["1"] = [record_at("pending_validation", attempt=2)]
        shop.answers["/validate-pizza"] = {"order_id": "1", "validation_status": "approved"}
        result = run(command, "1", "--by", "ana", "--note", "hm")
        expected = {"order_id": "1", "attempt": 2, "by": "ana", "note": "hm"}
        assert shop.requests == [("/validate-pizza", expected | verdict)]
        assert result.exit_code == 0
        assert "pepperoni, large" in result.output

    def test_is_in_the_name_of_the_user_by_default(self, run, shop) -> None:
        shop.records["1"] = [record_at("pending_validation")]
        shop.answers["/validate-pizza"] = {}
        run("approve", "1")
        assert shop.requests[0][1] == {"order_id": "1", "attempt": 1, "by": getpass.getuser(), "approved": True}

    def test_on_a_pizza_that_is_not_cooked_says_when_it_counts(self, run, shop) -> None:
        shop.records["1"] = [record_at("cooking_baking")]
        shop.answers["/validate-pizza"] = {}
        assert "as soon as the pizza is cooked" in run("approve", "1").output

    def test_that_is_too_late_is_refused(self, run, shop) -> None:
        shop.records["1"] = [record_at("delivered")]
        shop.answers["/validate-pizza"] = problem(409, "Attempt 1 was rejected already")
        result = run("approve", "1")
        assert result.exit_code == 4
        assert result.stderr == "pizzashop: 1: Attempt 1 was rejected already.\n"

    def test_on_an_unknown_order_does_not_stop_the_others(self, run, shop) -> None:
        shop.records["2"] = [record_at("pending_validation")]
        shop.answers["/validate-pizza"] = {"order_id": "2", "validation_status": "approved"}
        result = run("approve", "1", "2", "2", "--json")
        assert result.exit_code == 3
        assert result.stderr == "pizzashop: There is no order 1.\n"
        assert json.loads(result.stdout) == [
            {"order_id": "1", "error": "There is no order 1."},
            {"order_id": "2", "validation_status": "approved"},
        ]
        assert len(shop.requests) == 1


class TestPauseAndResume:
    @pytest.mark.parametrize(("command", "status"), [("pause", "paused"), ("resume", "resumed")])
    def test_name_the_operator_and_the_reason(self, run, shop, command, status) -> None:
        shop.answers[f"/{command}-order"] = {"order_id": "1", "status": status}
        result = run(command, "1", "--by", "ana", "--note", "why")
        assert shop.requests == [(f"/{command}-order", {"order_id": "1", "by": "ana", "note": "why"})]
        assert result.output == f"Order 1 is {status}.\n"

    def test_as_json_print_the_answers_of_the_shop(self, run_json, shop) -> None:
        shop.answers["/resume-order"] = {"order_id": "1", "status": "resumed"}
        assert run_json("resume", "1") == [{"order_id": "1", "status": "resumed"}]

    def test_of_an_unknown_order_fail(self, run) -> None:
        result = run("pause", "1")
        assert result.exit_code == 3
        assert result.stderr == "pizzashop: There is no order 1.\n"


class TestCancel:
    @pytest.fixture(autouse=True)
    def _one_order(self, shop) -> None:
        shop.records["1"] = [record_at("cooking_baking")]
        shop.answers["/cancel-order"] = {"order_id": "1", "status": "cancelled"}

    def test_needs_yes_without_a_terminal(self, run, shop) -> None:
        result = run("cancel", "1")
        assert result.exit_code == 2
        assert "--yes" in result.stderr
        assert shop.requests == []

    def test_with_yes_does_not_ask(self, run) -> None:
        assert run("cancel", "1", "--yes").output == "Order 1 is cancelled.\n"

    def test_names_the_order_when_it_asks(self, run, context) -> None:
        context.is_interactive = True
        result = run("cancel", "1", typed="y\n")
        assert "Cancel order 1 (pepperoni, large)? [y/N]" in result.stderr
        assert result.stdout.endswith("Order 1 is cancelled.\n")

    def test_does_nothing_after_a_no(self, run, context, shop) -> None:
        context.is_interactive = True
        assert run("cancel", "1", typed="\n").exit_code == 1
        assert shop.requests == []

    def test_does_not_ask_about_an_order_that_has_ended(self, run, context, shop) -> None:
        context.is_interactive = True
        shop.records["1"] = [delivered()]
        shop.answers["/cancel-order"] = problem(409, "The order is delivered: it cannot be cancelled any more")
        assert run("cancel", "1").exit_code == 4
