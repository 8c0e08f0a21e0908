"""What a terminal shows of an order: its rows, its progress bar and how it ended."""

import io
import re

import pytest
from example_records import action, decision, delivered, entry, record, record_at, stages_to
from rich.console import Console

from pizzashop.console.render import LiveView, order_progress, progress_fraction
from pizzashop.console.shop import OrderRecord
from pizzashop.domain.lifecycle import COOK_STEP, ORDER_STEP, STEPS

STAGES = [stage.status for step in STEPS for stage in step.timed_stages]
SECONDS = {step.name: step.seconds for step in STEPS}
TOTAL_SECONDS = sum(SECONDS.values())
FAILED = entry("failed", 43, note="x")


def draw(content, width: int = 110) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(order_progress(OrderRecord.parse(content)))
    return [line.strip() for line in console.file.getvalue().splitlines()]


def symbols(content) -> str:
    return "".join(line[0] for line in draw(content) if line[:1] in tuple("✓●○↺✗"))


def decided(verdict: str, *later, **more):
    history = [*stages_to("pending_validation"), decision(verdict, 42, by="ana", note="too dark")]
    return record(*history, *later, **more)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (record_at("accepted"), "●○○○"),
        (record_at("confirmed"), "●○○○"),
        (record_at("cooking_baking"), "✓●○○"),
        (record_at("cooked"), "✓✓●○"),
        (record_at("pending_validation"), "✓✓●○"),
        (decided("approved"), "✓✓✓●"),
        (decided("rejected"), "✓✓✗●"),
        (decided("rejected", FAILED), "✓✓✗"),
        (decided("remake"), "✓✓↺●○○"),
        (decided("remake", *stages_to("cooking_baking", 2, 43)), "✓✓↺●○○"),
        (decided("remake", *stages_to("pending_validation", 2, 43)), "✓✓↺✓●○"),
        (decided("remake", FAILED), "✓✓✗"),
        (record(*stages_to("cooking_baking"), FAILED), "✓✗"),
        (record(*stages_to("cooking_baking"), action("cancelled", 20)), "✓✗"),
        (record(*stages_to("cooking_baking"), action("paused", 20), paused=True), "✓●○○"),
        (delivered(), "✓✓✓✓"),
        (delivered() | {"status": "delivery_at_location"}, "✓✓✓✓"),
    ],
)
def test_each_row_has_a_symbol_for_its_state(content, expected) -> None:
    assert symbols(content) == expected


def test_a_delivered_order_shows_how_long_each_row_took() -> None:
    lines = draw(delivered())
    assert lines[0] == "Order 7Q4K-M2XD   pepperoni, large"
    assert [" ".join(line.split()) for line in lines[1:5]] == [
        # These stages last a second each.
        f"✓ confirmed {1 + len(ORDER_STEP.timed_stages)} s",
        f"✓ cooked {len(COOK_STEP.timed_stages)} s",
        "✓ approved by ana 10 s",
        "✓ delivered 1 s",
    ]
    assert lines[5].endswith("100%")
    assert re.fullmatch(r"Delivered in 0:\d\d. Enjoy your pizza!", lines[6])


def test_a_pizza_that_is_made_again_comes_with_the_reason() -> None:
    lines = draw(decided("remake", *stages_to("cooking_baking", 2, 43)))
    assert "The manager asked for a new one: too dark. We're making it again." in lines[3]
    assert lines[4].startswith("● in the oven")


def test_an_order_that_waits_for_a_person_shows_the_command() -> None:
    assert "approve it: pizzashop approve 7Q4K-M2XD" in draw(record_at("pending_validation"))[3]
    assert "go on: pizzashop resume 7Q4K-M2XD" in draw(record_at("cooking_baking", paused=True))[2]


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        (entry("failed", 20, note="x"), "The order failed: Cooking failed: no gas."),
        (action("cancelled", 20, by="ana", note="they called"), "The order was cancelled by ana: they called."),
    ],
)
def test_an_order_that_is_not_delivered_shows_the_reason(last, sentence) -> None:
    error = "Cooking failed: no gas" if last["status"] == "failed" else None
    assert draw(record(*stages_to("cooking_baking"), last, error=error))[-1] == sentence


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width) -> None:
    lines = draw(record_at("pending_validation", pizza_type="x" * 64), width)
    assert max(map(len, lines)) <= width


def test_the_live_view_shows_an_outage_until_it_is_over() -> None:
    file = io.StringIO()
    console = Console(width=100, file=file, force_terminal=True, color_system=None)
    with LiveView(console) as view:
        view.show_outage(1)
        view.show(OrderRecord.parse(record_at("cooking_baking")))
        view.show_outage(7)
        assert "no answer from the shop for 0:07, trying again" in file.getvalue()
        view.show(OrderRecord.parse(delivered()))
    assert "no answer" not in file.getvalue().rpartition("Order ")[2]


class TestProgress:
    def test_grows_from_stage_to_stage_and_ends_at_one(self) -> None:
        # These histories are old, so each stage has lasted its full time.
        fractions = [fraction(record_at(status)) for status in STAGES]
        assert fractions == sorted(set(fractions))
        assert fractions[0] == part(ORDER_STEP.timed_stages[0].seconds)
        assert fraction(record_at("accepted")) == 0
        assert fraction(delivered()) == 1

    def test_does_not_grow_while_the_order_waits_for_the_manager(self) -> None:
        before_delivery = part(SECONDS["order"] + SECONDS["cook"])
        assert fraction(record_at("cooked")) == fraction(record_at("pending_validation")) == before_delivery

    def test_starts_again_in_the_kitchen_when_the_pizza_is_made_again(self) -> None:
        sent_back = [*stages_to("pending_validation"), decision("remake", 20)]
        assert fraction(record(*sent_back)) == part(SECONDS["order"])
        again = record(*sent_back, *stages_to("cooking_baking", 2, 21))
        assert fraction(again) == fraction(record_at("cooking_baking"))


def part(seconds: float) -> float:
    return round(seconds / TOTAL_SECONDS, 3)


def fraction(content) -> float:
    return round(progress_fraction(OrderRecord.parse(content)), 3)
