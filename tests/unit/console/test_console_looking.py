"""Status and list."""

import re

import pytest
from rich.cells import cell_len
from story import acted, at, decided, record, way_to


def test_status_shows_all_that_is_known(run, shop) -> None:
    customer = {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}
    history = [*way_to("pending_validation"), decided("rejected", 30, by="ana", note="too dark")]
    failed = record(*history, status="failed", error="Pizza validation failed - need to remake", customer=customer)
    shop.films["1"] = [failed]
    shop.answers["/get-status/1"] = "COMPLETED"
    text = run("status", "1").output
    assert "✗ rejected by ana" in text
    assert "failed, attempt 1" in text
    assert "COMPLETED" in text
    assert "Pizza validation failed - need to remake" in text
    assert "John Doe, 123 Main St, 555-0123" in text
    assert "cooking_quality_check" in text
    assert "rejected by ana: too dark" in text
    assert max(map(len, text.splitlines())) < 110  # a pipe has no width to be filled


def test_status_as_json_is_the_record_and_the_workflow(run_json, shop) -> None:
    shop.films["1"] = [at("cooked", extra_cheese=True)]
    shop.answers["/get-status/1"] = "RUNNING"
    assert run_json("status", "1") == at("cooked", extra_cheese=True) | {"workflow_status": "RUNNING"}


def test_status_of_an_order_that_was_never_started(run, run_json, shop) -> None:
    shop.films["1"] = [at("accepted")]
    assert "not started" in run("status", "1").output
    assert run_json("status", "1")["workflow_status"] is None


def test_list_shows_a_line_for_each_order(run, shop) -> None:
    paused = record(*way_to("cooking_baking"), acted("paused", 9), order_id="2", paused=True)
    again = record(*way_to("cooking_baking", attempt=2), order_id="3", pizza_type="x" * 64)
    shop.answers["/orders"] = {"orders": [at("pending_validation"), paused, again], "next": None}
    lines = run("list").output.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["ORDER", "7Q4K-M2XD", "2", "3"]
    assert "waiting for the manager" in lines[1]
    assert "paused: in the oven" in lines[2]
    assert "…  in the oven (pizza 2)" in lines[3]
    assert shop.sent == [("/orders", {"limit": "20"})]


def test_list_says_how_to_see_more(run, shop) -> None:
    shop.answers["/orders"] = {"orders": [at("cooked")], "next": "c2"}
    result = run("list", "--status", "open", "--limit", "1", "--after", "c1")
    assert shop.sent == [("/orders", {"status": "open", "limit": "1", "after": "c1"})]
    assert "pizzashop list --status open --limit 1 --after c2" in result.output


def test_list_of_nothing_says_what_to_do(run, shop) -> None:
    shop.answers["/orders"] = {"orders": [], "next": None}
    assert "pizzashop order pepperoni" in run("list").output


def test_list_as_json_is_the_answer_of_the_shop(run_json, shop) -> None:
    shop.answers["/orders"] = {"orders": [at("cooked")], "next": "c2"}
    assert run_json("list") == {"orders": [at("cooked")], "next": "c2"}


def test_list_with_a_status_that_is_none(run, shop) -> None:
    assert run("list", "--status", "eaten").exit_code == 2
    assert shop.sent == []


@pytest.mark.parametrize(
    "pizza", ["ピザ", "علی\u200cرضا", "👩\u200d🍳 special", "x" * 31 + "ピザ", "jose\u0301", "fun\u00adghi"]
)
def test_columns_stay_in_line_whatever_is_written_in_them(run, shop, pizza: str) -> None:
    orders = [at("pending_validation", pizza_type=each) for each in (pizza, "pepperoni")]
    shop.answers["/orders"] = {"orders": orders, "next": None}
    starts = [cell_len(line.partition("waiting for the manager")[0]) for line in run("list").output.splitlines()[1:]]
    assert starts[0] == starts[1]
    assert "\u00ad" not in run("list").output


OWN = "7Q4K-M2XD-9ZRT"


@pytest.mark.parametrize("spelled", ["7q4k-m2xd-9zrt", "7Q4KM2XD9ZRT", "7q4k m2xd 9zrt.", f"#{OWN}", f"{OWN}/"])
def test_every_command_takes_an_id_however_it_is_written(run, run_json, shop, spelled: str) -> None:
    shop.films[OWN] = [at("pending_validation", order_id=OWN)]
    shop.answers[f"/get-status/{OWN}"] = "RUNNING"
    shop.answers |= {f"/{each}-order": {"status": each} for each in ("pause", "resume", "cancel")}
    shop.answers["/validate-pizza"] = {"status": "validated"}
    assert run_json("status", spelled)["order_id"] == OWN
    for command in ("approve", "reject", "remake", "pause", "resume", "cancel"):
        result = run(command, spelled, *(["--yes"] if command == "cancel" else []))
        assert (result.exit_code, OWN in result.output) == (0, True), result.output
    assert {said["order_id"] for path, said in shop.sent if not path.startswith("/get-status")} == {OWN}
    shop.films[OWN] = [at("delivered", order_id=OWN)]
    assert f"Order {OWN}" in run("watch", spelled).output


def test_an_order_that_has_the_id_as_it_is_written_is_meant(run_json, shop) -> None:
    shop.films = {each: [at("cooked", order_id=each)] for each in ("order1234567", "0RDE-R123-4567")}
    shop.answers["/get-status/order1234567"] = "RUNNING"
    assert run_json("status", "order1234567")["order_id"] == "order1234567"


def test_a_time_has_its_day_where_that_is_not_todays(run, shop) -> None:
    shop.films["1"] = [record(*way_to("cooked"))]
    shop.answers["/get-status/1"] = "RUNNING"
    assert re.search(r"\b[23] Jan( 2026)?, \d\d:\d\d:\d\d +order received", run("status", "1").output)
