"""The requests that the contract allows, and those it does not."""

from typing import Any

import pytest

from pizzashop.domain.requests import DecisionRequest, NewOrder, OrderCommand, StepOrder
from pizzashop.errors import InvalidRequest

ORDER: dict[str, Any] = {"order_id": "123", "pizza_type": "pepperoni", "size": "large"}


def invalid_fields(request: type, content: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        request.parse(content)  # type: ignore[attr-defined]
    errors = refused.value.extra["errors"]
    assert isinstance(errors, list)
    assert all(each["message"] for each in errors)
    return [each["field"] for each in errors]


@pytest.mark.parametrize("order_id", ["1", "a", "A-b_9", "0" * 64])
def test_valid_ids_are_accepted(order_id: str) -> None:
    assert NewOrder.parse({**ORDER, "order_id": order_id}).order_id == order_id


@pytest.mark.parametrize(
    "order_id", ["", "-1", "_1", "a b", "a/b", "a.b", "ü", "1\n", "0" * 65, "1\x00", "\u0661", 1, None, True, ["1"], {}]
)
@pytest.mark.parametrize("request_type", [NewOrder, StepOrder, OrderCommand])
def test_invalid_ids_are_refused(request_type: type, order_id: Any) -> None:
    assert invalid_fields(request_type, {**ORDER, "order_id": order_id}) == ["order_id"]


@pytest.mark.parametrize("field", ["pizza_type", "size"])
@pytest.mark.parametrize("words", ["x", "Quattro formaggi & more", "ピザ", "y" * 64, "👩\u200d🍳", "fun\u00adghi"])
def test_valid_pizza_types_and_sizes_are_accepted(field: str, words: str) -> None:
    NewOrder.parse({**ORDER, field: words})


@pytest.mark.parametrize("field", ["pizza_type", "size"])
@pytest.mark.parametrize(
    "words", ["", "y" * 65, "two\nlines", "\x00", "\x7f", "\u202e", 1, None, ["x"], {"a": 1}, True]
)
def test_invalid_pizza_types_and_sizes_are_refused(field: str, words: Any) -> None:
    assert invalid_fields(NewOrder, {**ORDER, field: words}) == [field]


@pytest.mark.parametrize("field", ["order_id", "pizza_type", "size"])
def test_required_fields_must_be_there(field: str) -> None:
    content = {name: value for name, value in ORDER.items() if name != field}
    assert invalid_fields(NewOrder, content) == [field]


@pytest.mark.parametrize("customer", [{}, {"name": "x" * 200}, {"name": "", "address": "a\nb"}, {"email": 1}])
def test_valid_customers_are_accepted(customer: Any) -> None:
    NewOrder.parse({**ORDER, "customer": customer})


@pytest.mark.parametrize("customer", [None, "John", [], 1, True])
def test_a_customer_must_be_an_object(customer: Any) -> None:
    assert invalid_fields(NewOrder, {**ORDER, "customer": customer}) == ["customer"]


@pytest.mark.parametrize("field", ["name", "address", "phone"])
@pytest.mark.parametrize("value", ["x" * 201, None, 1, [], {}])
def test_invalid_customer_fields_are_refused(field: str, value: Any) -> None:
    assert invalid_fields(NewOrder, {**ORDER, "customer": {field: value}}) == [f"customer.{field}"]


@pytest.mark.parametrize("name", ["status", "history", "attempt", "error", "version", "run", "uid"])
def test_reserved_fields_are_refused(name: str) -> None:
    assert invalid_fields(NewOrder, {**ORDER, name: None}) == [name]


def test_the_error_names_every_reserved_field() -> None:
    assert invalid_fields(NewOrder, {**ORDER, "run": 1, "error": 1}) == ["error", "run"]


@pytest.mark.parametrize("content", [None, [], "123", 1, True, [ORDER]])
@pytest.mark.parametrize("request_type", [NewOrder, StepOrder, OrderCommand, DecisionRequest])
def test_a_request_must_be_an_object(request_type: type, content: Any) -> None:
    assert len(invalid_fields(request_type, content)) == 1


@pytest.mark.parametrize("attempt", [0, -1, 1.5, "1", True, [], 10**30])
@pytest.mark.parametrize("request_type", [StepOrder, DecisionRequest])
def test_invalid_attempts_are_refused(request_type: type, attempt: Any) -> None:
    assert invalid_fields(request_type, {**ORDER, "approved": True, "attempt": attempt}) == ["attempt"]


def test_a_step_without_attempt_is_for_the_first_one() -> None:
    assert StepOrder.parse(ORDER).attempt == 1


@pytest.mark.parametrize("approved", ["true", 1, 0, None, "yes", []])
def test_a_decision_must_be_true_or_false(approved: Any) -> None:
    assert invalid_fields(DecisionRequest, {"order_id": "1", "approved": approved}) == ["approved"]


def test_a_decision_must_say_whether_the_pizza_is_approved() -> None:
    assert invalid_fields(DecisionRequest, {"order_id": "1"}) == ["approved"]


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"approved": True}, "approved"),
        ({"approved": True, "remake": False}, "approved"),
        ({"approved": False}, "rejected"),
        ({"approved": False, "remake": True}, "remake"),
    ],
)
def test_the_verdict_is_the_decision_in_one_word(fields: dict[str, Any], verdict: str) -> None:
    assert DecisionRequest.parse({"order_id": "1", **fields}).verdict == verdict


def test_an_approved_pizza_cannot_be_remade() -> None:
    with pytest.raises(InvalidRequest):
        DecisionRequest.parse({"order_id": "1", "approved": True, "remake": True})


@pytest.mark.parametrize("field", ["by", "note"])
@pytest.mark.parametrize("value", [1, [], {}, "x" * 501])
def test_author_and_note_must_be_short_texts(field: str, value: Any) -> None:
    assert invalid_fields(OrderCommand, {"order_id": "1", field: value}) == [field]
