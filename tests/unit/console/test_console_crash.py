"""`pizzashop crash`."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from example_records import record
from fakes.supervisor import supervised

from pizzashop.crash.requests import CrashRequest


def stage(status: str, minutes: float) -> dict[str, Any]:
    """Return the history entry of a stage that began so many minutes from now."""
    at = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
    return {"kind": "stage", "status": status, "attempt": 1, "at": at}


BAKING = stage("cooking_baking", -0.01)
# An order in the oven, and the same order later.
IN_THE_OVEN = record(BAKING, order_id="42")
COOKED = record(BAKING, stage("cooked", 5), order_id="42")


@pytest.fixture(autouse=True)
def state_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIZZASHOP_STATE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def requests(state_dir: Path) -> Iterator[list[CrashRequest]]:
    with supervised(state_dir) as requests:
        yield requests


def test_shows_the_part_and_each_order_that_goes_on(run, shop, requests) -> None:
    shop.answers["/orders"] = {"orders": [IN_THE_OVEN], "next": None}
    shop.records["42"] = [IN_THE_OVEN, COOKED]
    result = run("crash", "kitchen")
    assert result.exit_code == 0, result.output
    assert [line.split("  ", 1)[1] for line in result.stdout.splitlines()[:3]] == [
        "kitchen killed, pid 7",
        "kitchen started again by `pizzashop up`",
        "kitchen is ready",
    ]
    assert "order 42: in the oven → cooked" in result.stdout
    assert "Nothing was lost: the order has its whole history and went on." in result.stdout
    assert [(each.part, list(each.orders)) for each in requests] == [("kitchen", ["42"])]


def test_without_orders_says_how_to_see_some_wait(run, shop, requests) -> None:
    shop.answers["/orders"] = {"orders": [], "next": None}
    result = run("crash", "valkey")
    assert result.exit_code == 0
    assert "valkey is ready again. No order was under way" in result.stdout
    assert "pizzashop demo" in result.stdout
    assert len(requests) == 1


def test_as_json_prints_one_object(run_json, shop, requests) -> None:
    shop.answers["/orders"] = {"orders": [], "next": None}
    found = run_json("crash", "kitchen")
    assert (found["part"], found["orders"], found["lost"]) == ("kitchen", [], [])
    assert found["killed_at"] == found["ready_at"]
    assert requests


def test_a_lost_order_is_an_error(run, shop, requests) -> None:
    shop.answers["/orders"] = {"orders": [IN_THE_OVEN], "next": None}
    result = run("crash", "kitchen")
    assert requests
    assert result.exit_code == 1
    assert "Something is missing of 42: please report it as a defect." in result.stdout


def test_an_unknown_part_is_refused(run, shop, requests) -> None:
    shop.answers["/orders"] = {"orders": [], "next": None}
    result = run("crash", "oven")
    assert (result.exit_code, requests) == (2, [])
    assert "'oven' is no part that can be killed. These are: valkey, kitchen" in result.stderr


def test_without_up_nothing_is_killed(run, shop) -> None:
    shop.answers["/orders"] = {"orders": [], "next": None}
    result = run("crash", "kitchen")
    assert result.exit_code == 4
    assert result.stderr.startswith("pizzashop: Only in a shop that `pizzashop up` runs on this machine")
