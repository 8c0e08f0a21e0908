"""Approve, reject, remake."""

import getpass
import json

import pytest
from fake_shop import problem
from story import at


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        ("approve", {"approved": True}),
        ("reject", {"approved": False}),
        ("remake", {"approved": False, "remake": True}),
    ],
)
def test_a_decision_names_the_attempt_and_who_and_why(run, shop, command, verdict) -> None:
    shop.films["1"] = [at("pending_validation", attempt=2)]
    shop.answers["/validate-pizza"] = {"order_id": "1", "validation_status": "approved"}
    result = run(command, "1", "--by", "ana", "--note", "hm")
    expected = {"order_id": "1", "attempt": 2, "by": "ana", "note": "hm"}
    assert shop.sent == [("/validate-pizza", expected | verdict)]
    assert result.exit_code == 0
    assert "pepperoni, large" in result.output


def test_without_by_it_is_the_user(run, shop) -> None:
    shop.films["1"] = [at("pending_validation")]
    shop.answers["/validate-pizza"] = {}
    run("approve", "1")
    assert shop.sent[0][1] == {"order_id": "1", "attempt": 1, "by": getpass.getuser(), "approved": True}


def test_an_early_decision_says_when_it_counts(run, shop) -> None:
    shop.films["1"] = [at("cooking_baking")]
    shop.answers["/validate-pizza"] = {}
    assert "as soon as the pizza is cooked" in run("approve", "1").output


def test_a_decision_that_comes_too_late_is_refused(run, shop) -> None:
    shop.films["1"] = [at("delivered")]
    shop.answers["/validate-pizza"] = problem(409, "Attempt 1 was rejected already")
    result = run("approve", "1")
    assert result.exit_code == 4
    assert result.stderr == "pizzashop: 1: Attempt 1 was rejected already.\n"


def test_one_unknown_order_does_not_stop_the_others(run, shop) -> None:
    shop.films["2"] = [at("pending_validation")]
    shop.answers["/validate-pizza"] = {"order_id": "2", "validation_status": "approved"}
    result = run("approve", "1", "2", "2", "--json")
    assert result.exit_code == 3
    assert result.stderr == "pizzashop: There is no order 1.\n"
    assert json.loads(result.stdout) == [
        {"order_id": "1", "error": "There is no order 1."},
        {"order_id": "2", "validation_status": "approved"},
    ]
    assert len(shop.sent) == 1
