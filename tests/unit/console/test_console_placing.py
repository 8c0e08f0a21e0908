"""Placing an order."""

from fake_shop import problem
from story import at, delivered

from pizzashop.domain.ids import is_generated_id


def test_order_sends_what_was_asked_for(run, shop) -> None:
    result = run("order", "funghi", "--id", "42", "--name", "Ana", "--phone", "555")
    expected = {"order_id": "42", "pizza_type": "funghi", "size": "large"}
    assert shop.sent == [("/start-order", expected | {"customer": {"name": "Ana", "phone": "555"}})]
    assert result.exit_code == 0
    assert "pizzashop watch 42" in result.output
    assert "pizzashop approve 42" in result.output


def test_order_makes_an_id_that_can_be_read_aloud(run, shop) -> None:
    run("order", "funghi", "--size", "party")
    run("order", "funghi")
    first, second = (body["order_id"] for _, body in shop.sent)
    assert is_generated_id(first), "whoever has its link needs no sign-in"
    assert first != second
    assert shop.sent[0][1]["size"] == "party"
    assert "customer" not in shop.sent[0][1]


def test_order_as_json_is_the_answer_of_the_shop(run_json) -> None:
    expected = {"order_id": "42", "workflow_instance_id": "pizza-order-42", "status": "started"}
    assert run_json("order", "funghi", "--id", "42") == expected


def test_order_with_watch_goes_to_the_end(run, shop) -> None:
    shop.films["7Q4K-M2XD"] = [at("accepted"), delivered()]
    result = run("order", "pepperoni", "--id", "7Q4K-M2XD", "--watch")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "Order 7Q4K-M2XD   pepperoni, large"
    assert result.stdout.splitlines()[-1].endswith("  delivered")


def test_an_answer_that_is_lost_leaves_the_id_to_ask_for(run, shop) -> None:
    shop.answers["/start-order"] = None
    result = run("order", "funghi", "--id", "42")
    assert result.exit_code == 5
    assert result.stderr.endswith("See whether it was placed: pizzashop status 42\n")


def test_a_bad_id_never_reaches_the_shop(run, shop) -> None:
    result = run("order", "funghi", "--id", "../x")
    assert result.exit_code == 2
    assert "an id is 1 to 64 letters" in result.stderr
    assert shop.sent == []


def test_what_the_shop_does_not_take_is_said_with_its_field(run, shop) -> None:
    errors = [{"field": "size", "message": "at most 64 characters"}]
    shop.answers["/start-order"] = problem(400, "The order is not valid", errors=errors)
    result = run("order", "funghi")
    assert result.exit_code == 2
    assert result.stderr == "pizzashop: The order is not valid: size: at most 64 characters.\n"


def test_what_nobody_meant_to_write_is_not_ordered(run, shop) -> None:
    run("order", "\ufefffun\u00adghi", "--name", "Ana 👩\u200d🍳", "--phone", "\u202a+49 30\u202c")
    ((_, sent),) = shop.sent
    assert (sent["pizza_type"], sent["customer"]) == ("funghi", {"name": "Ana 👩\u200d🍳", "phone": "+49 30"})
