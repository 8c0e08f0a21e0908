"""The live view on a terminal: the picture of an order in each situation."""

import io

import pytest
from rich.console import Console
from story import acted, at, decided, delivered, entry, record, way_to

from pizzashop.console.render import LiveView, order_picture
from pizzashop.console.shop import Record


def picture(answer, width: int = 110) -> list[str]:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(order_picture(Record.parse(answer)))
    return [line.strip() for line in console.file.getvalue().splitlines()]


def marks(answer) -> str:
    return "".join(line[0] for line in picture(answer) if line[:1] in tuple("✓●○↺✗"))


def with_decision(verdict: str, *later, **more):
    history = [*way_to("pending_validation"), decided(verdict, 42, by="ana", note="too dark")]
    return record(*history, *later, **more)


FAILED = entry("failed", 43, note="x")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (at("accepted"), "●○○○"),
        (at("confirmed"), "●○○○"),
        (at("cooking_baking"), "✓●○○"),
        (at("cooked"), "✓✓●○"),
        (at("pending_validation"), "✓✓●○"),
        (with_decision("approved"), "✓✓✓●"),
        (with_decision("rejected"), "✓✓✗●"),
        (with_decision("rejected", FAILED), "✓✓✗"),
        (with_decision("remake"), "✓✓↺●○○"),
        (with_decision("remake", *way_to("cooking_baking", 2, 43)), "✓✓↺●○○"),
        (with_decision("remake", *way_to("pending_validation", 2, 43)), "✓✓↺✓●○"),
        (with_decision("remake", FAILED), "✓✓✗"),
        (record(*way_to("cooking_baking"), FAILED), "✓✗"),
        (record(*way_to("cooking_baking"), acted("cancelled", 20)), "✓✗"),
        (record(*way_to("cooking_baking"), acted("paused", 20), paused=True), "✓●○○"),
        (delivered(), "✓✓✓✓"),
        (delivered() | {"status": "delivery_at_location"}, "✓✓✓✓"),
    ],
)
def test_each_phase_has_its_mark(answer, expected) -> None:
    assert marks(answer) == expected


def test_a_delivered_order_shows_how_long_each_phase_took() -> None:
    lines = picture(delivered())
    assert lines[0] == "Order 7Q4K-M2XD   pepperoni, large"
    assert [" ".join(line.split()) for line in lines[1:5]] == [
        "✓ confirmed 4 s",
        "✓ cooked 5 s",
        "✓ approved by ana 10 s",
        "✓ delivered 1 s",
    ]
    assert lines[5].endswith("100%")
    assert lines[6] == "Delivered in 0:20. Enjoy your pizza!"


def test_a_pizza_that_is_made_again_says_why() -> None:
    again = picture(with_decision("remake", *way_to("cooking_baking", 2, 43)))
    assert "The manager asked for a new one: too dark. We're making it again." in again[3]
    assert again[4].startswith("● in the oven")


def test_what_would_help_is_offered() -> None:
    assert "approve it: pizzashop approve 7Q4K-M2XD" in picture(at("pending_validation"))[3]
    assert "go on: pizzashop resume 7Q4K-M2XD" in picture(at("cooking_baking", paused=True))[2]


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (entry("failed", 20, note="x"), "The order failed: Cooking failed: no gas."),
        (
            acted("cancelled", 20, by="ana", note="they called"),
            "The order was cancelled by ana: they called.",
        ),
    ],
)
def test_a_lost_order_says_why(last, said) -> None:
    answer = record(*way_to("cooking_baking"), last)
    error = "Cooking failed: no gas" if last["status"] == "failed" else None
    assert picture(answer | {"error": error})[-1] == said


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_a_picture_never_breaks_out_of_its_terminal(width) -> None:
    lines = picture(at("pending_validation", pizza_type="x" * 64), width)
    assert max(map(len, lines)) <= width


def test_live_a_lost_connection_is_one_quiet_line_that_goes_by() -> None:
    file = io.StringIO()
    console = Console(width=100, file=file, force_terminal=True, color_system=None)
    with LiveView(console) as view:
        view.lost(1)
        view.show(Record.parse(at("cooking_baking")))
        view.lost(7)
        assert "no answer from the shop for 0:07, trying again" in file.getvalue()
        view.show(Record.parse(delivered()))
    assert "no answer" not in file.getvalue().rpartition("Order ")[2]
