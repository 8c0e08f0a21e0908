"""Order ids that the shop generates, and how people write them."""

import pytest

from pizzashop.domain.ids import generate_order_id, is_generated_id, parse_generated_id


def test_generated_ids_have_a_form_that_no_other_id_has() -> None:
    assert all(is_generated_id(generate_order_id()) for _ in range(100))
    others = [
        "123",
        "7Q4K-M2XD",
        "7q4k-m2xd-9zrt",
        "7Q4K-M2XD-9ZRT-0000",
        "7Q4K-M2XD-9ZRI",
        "demo-7q4k-m2xd",
        "",
        "7Q4K-M2XD-9ZRT\n",
    ]
    assert [each for each in others if is_generated_id(each)] == []


@pytest.mark.parametrize(
    "text",
    ["7q4k-m2xd-9zrt", "7Q4KM2XD9ZRT", "7q4k m2xd 9zrt.", " #7Q4K–M2XD–9ZRT/", "７Q4K-M2XD-9ZRT", "7Q4K_M2XD_9ZRT"],
)
def test_an_id_is_recognised_in_any_spelling(text: str) -> None:
    assert parse_generated_id(text) == "7Q4K-M2XD-9ZRT"


def test_letters_that_look_like_digits_are_read_as_digits() -> None:
    assert parse_generated_id("oOiI-lL00-abcd") == "0011-1100-ABCD"
    assert [
        parse_generated_id(each) for each in ("123", "", "7Q4K-M2XD", "demo-7q4k-m2xd", "U234-5678-9ABC", "علی")
    ] == [None] * 6
