"""`pizzashop order`, `status` and `list`."""

import re

import pytest
from example_records import action, decision, delivered, record, record_at, stages_to
from fake_shop import problem
from rich.cells import cell_len

from pizzashop.domain.ids import is_generated_id

GENERATED_ID = "7Q4K-M2XD-9ZRT"


class TestOrder:
    def test_sends_the_pizza_and_the_customer(self, run, shop) -> None:
        result = run("order", "funghi", "--id", "42", "--name", "Ana", "--phone", "555")
        expected = {"order_id": "42", "pizza_type": "funghi", "size": "large"}
        assert shop.requests == [("/start-order", expected | {"customer": {"name": "Ana", "phone": "555"}})]
        assert result.exit_code == 0

    def test_shows_the_next_commands(self, run) -> None:
        assert run("order", "funghi", "--id", "42").output.splitlines() == [
            "Order 42   funghi, large",
            "  follow it     pizzashop watch 42",
            "  approve it    pizzashop approve 42",
        ]

    def test_without_an_id_makes_one_that_cannot_be_guessed(self, run, shop) -> None:
        run("order", "funghi", "--size", "party")
        run("order", "funghi")
        first, second = (body["order_id"] for _, body in shop.requests)
        assert is_generated_id(first)
        assert first != second
        assert shop.requests[0][1]["size"] == "party"
        assert "customer" not in shop.requests[0][1]

    def test_as_json_prints_the_answer_of_the_shop(self, run_json) -> None:
        expected = {"order_id": "42", "workflow_instance_id": "pizza-order-42", "status": "started"}
        assert run_json("order", "funghi", "--id", "42") == expected

    def test_with_watch_follows_the_order_to_its_end(self, run, shop) -> None:
        shop.records["7Q4K-M2XD"] = [record_at("accepted"), delivered()]
        result = run("order", "pepperoni", "--id", "7Q4K-M2XD", "--watch")
        assert result.exit_code == 0
        assert result.stdout.splitlines()[0] == "Order 7Q4K-M2XD   pepperoni, large"
        assert result.stdout.splitlines()[-1].endswith("  delivered")

    def test_names_the_id_when_the_answer_is_lost(self, run, shop) -> None:
        shop.answers["/start-order"] = None
        result = run("order", "funghi", "--id", "42")
        assert result.exit_code == 5
        assert result.stderr.endswith("See whether it was placed: pizzashop status 42\n")

    def test_sends_the_same_order_again_while_the_shop_is_busy(self, run, shop) -> None:
        shop.busy_times = 3
        result = run("order", "funghi")
        assert result.exit_code == 0
        assert result.stderr == "Too many new orders at once. Sending the order again for 30 s …\n"
        assert len(shop.requests) == 4
        assert all(request == shop.requests[0] for request in shop.requests)

    def test_does_not_send_it_without_end(self, run, shop) -> None:
        shop.busy_times, shop.retry_after = 99, "31"
        result = run("order", "funghi", "--id", "42")
        assert result.exit_code == 5
        assert result.stderr == (
            "pizzashop: Too many new orders at once. The order was sent for 30 s. "
            "See whether it was placed: pizzashop status 42\n"
        )
        assert len(shop.requests) == 1

    def test_refuses_an_invalid_id_without_a_request(self, run, shop) -> None:
        result = run("order", "funghi", "--id", "../x")
        assert result.exit_code == 2
        assert "an id is 1 to 64 letters" in result.stderr
        assert shop.requests == []

    def test_names_the_field_that_the_shop_refuses(self, run, shop) -> None:
        errors = [{"field": "size", "message": "at most 64 characters"}]
        detail = "The request is not valid: size: at most 64 characters"
        shop.answers["/start-order"] = problem(400, detail, errors=errors)
        result = run("order", "funghi")
        assert result.exit_code == 2
        assert result.stderr == "pizzashop: The request is not valid: size: at most 64 characters.\n"

    def test_removes_invisible_characters(self, run, shop) -> None:
        run("order", "\ufefffun\u00adghi", "--name", "Ana 👩\u200d🍳", "--phone", "\u202a+49 30\u202c")
        ((_, sent),) = shop.requests
        assert (sent["pizza_type"], sent["customer"]) == ("funghi", {"name": "Ana 👩\u200d🍳", "phone": "+49 30"})


class TestStatus:
    def test_shows_everything_about_the_order(self, run, shop) -> None:
        customer = {"name": "John Doe", "address": "123 Main St", "phone": "555-0123"}
        history = [*stages_to("pending_validation"), decision("rejected", 30, by="ana", note="too dark")]
        error = "Pizza validation failed - need to remake"
        shop.records["1"] = [record(*history, status="failed", error=error, customer=customer)]
        shop.answers["/get-status/1"] = "COMPLETED"
        text = run("status", "1").output
        assert "✗ rejected by ana" in text
        assert "failed, attempt 1" in text
        assert "COMPLETED" in text
        assert error in text
        assert "John Doe, 123 Main St, 555-0123" in text
        assert "cooking_quality_check" in text
        assert "rejected by ana: too dark" in text

    def test_does_not_fill_lines_with_blanks_in_a_pipe(self, run, shop) -> None:
        shop.records["1"] = [delivered()]
        assert max(map(len, run("status", "1").output.splitlines())) < 110

    def test_as_json_is_the_record_and_the_workflow_status(self, run_json, shop) -> None:
        shop.records["1"] = [record_at("cooked", extra_cheese=True)]
        shop.answers["/get-status/1"] = "RUNNING"
        assert run_json("status", "1") == record_at("cooked", extra_cheese=True) | {"workflow_status": "RUNNING"}

    def test_of_an_order_without_a_workflow(self, run, run_json, shop) -> None:
        shop.records["1"] = [record_at("accepted")]
        assert "not started" in run("status", "1").output
        assert run_json("status", "1")["workflow_status"] is None

    def test_shows_the_day_of_times_that_are_not_of_today(self, run, shop) -> None:
        shop.records["1"] = [record_at("cooked")]
        shop.answers["/get-status/1"] = "RUNNING"
        assert re.search(r"\b[23] Jan( 2026)?, \d\d:\d\d:\d\d +order received", run("status", "1").output)


class TestList:
    def test_shows_a_line_for_each_order(self, run, shop) -> None:
        paused = record(*stages_to("cooking_baking"), action("paused", 9), order_id="2", paused=True)
        remade = record(*stages_to("cooking_baking", attempt=2), order_id="3", pizza_type="x" * 64)
        shop.answers["/orders"] = {"orders": [record_at("pending_validation"), paused, remade], "next": None}
        lines = run("list").output.splitlines()
        assert [line.split("  ")[0] for line in lines] == ["ORDER", "7Q4K-M2XD", "2", "3"]
        assert "waiting for the manager" in lines[1]
        assert "paused: in the oven" in lines[2]
        assert "…  in the oven (pizza 2)" in lines[3]
        assert shop.requests == [("/orders", {"limit": "20"})]

    def test_shows_the_command_for_the_next_page(self, run, shop) -> None:
        shop.answers["/orders"] = {"orders": [record_at("cooked")], "next": "c2"}
        result = run("list", "--status", "open", "--limit", "1", "--after", "c1")
        assert shop.requests == [("/orders", {"status": "open", "limit": "1", "after": "c1"})]
        assert "pizzashop list --status open --limit 1 --after c2" in result.output

    def test_without_orders_shows_how_to_place_one(self, run, shop) -> None:
        shop.answers["/orders"] = {"orders": [], "next": None}
        assert "pizzashop order pepperoni" in run("list").output

    def test_as_json_is_the_answer_of_the_shop(self, run_json, shop) -> None:
        shop.answers["/orders"] = {"orders": [record_at("cooked")], "next": "c2"}
        assert run_json("list") == {"orders": [record_at("cooked")], "next": "c2"}

    def test_refuses_an_unknown_status_without_a_request(self, run, shop) -> None:
        assert run("list", "--status", "eaten").exit_code == 2
        assert shop.requests == []

    @pytest.mark.parametrize(
        "pizza", ["ピザ", "علی\u200cرضا", "👩\u200d🍳 special", "x" * 31 + "ピザ", "jose\u0301", "fun\u00adghi"]
    )
    def test_keeps_columns_aligned_for_text_in_any_script(self, run, shop, pizza: str) -> None:
        orders = [record_at("pending_validation", pizza_type=each) for each in (pizza, "pepperoni")]
        shop.answers["/orders"] = {"orders": orders, "next": None}
        output = run("list").output
        starts = [cell_len(line.partition("waiting for the manager")[0]) for line in output.splitlines()[1:]]
        assert starts[0] == starts[1]
        assert "\u00ad" not in output


@pytest.mark.parametrize(
    "spelled", ["7q4k-m2xd-9zrt", "7Q4KM2XD9ZRT", "7q4k m2xd 9zrt.", f"#{GENERATED_ID}", f"{GENERATED_ID}/"]
)
def test_every_command_accepts_any_spelling_of_an_id(run, run_json, shop, spelled: str) -> None:
    shop.records[GENERATED_ID] = [record_at("pending_validation", order_id=GENERATED_ID)]
    shop.answers[f"/get-status/{GENERATED_ID}"] = "RUNNING"
    shop.answers |= {f"/{command}-order": {"status": command} for command in ("pause", "resume", "cancel")}
    shop.answers["/validate-pizza"] = {"status": "validated"}
    assert run_json("status", spelled)["order_id"] == GENERATED_ID
    for command in ("approve", "reject", "remake", "pause", "resume", "cancel"):
        result = run(command, spelled, *(["--yes"] if command == "cancel" else []))
        assert (result.exit_code, GENERATED_ID in result.output) == (0, True), result.output
    sent = {body["order_id"] for path, body in shop.requests if not path.startswith("/get-status")}
    assert sent == {GENERATED_ID}
    shop.records[GENERATED_ID] = [record_at("delivered", order_id=GENERATED_ID)]
    assert f"Order {GENERATED_ID}" in run("watch", spelled).output


def test_an_id_that_exists_as_written_is_used_as_written(run_json, shop) -> None:
    shop.records = {
        order_id: [record_at("cooked", order_id=order_id)] for order_id in ("order1234567", "0RDE-R123-4567")
    }
    shop.answers["/get-status/order1234567"] = "RUNNING"
    assert run_json("status", "order1234567")["order_id"] == "order1234567"
