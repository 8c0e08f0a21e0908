"""What a client may send, to the letter of the contract."""

from typing import Any

import pytest

from pizzashop.domain.requests import Decision, NewOrder, OrderRef, StepOrder
from pizzashop.errors import InvalidRequest

ORDER: dict[str, Any] = {"order_id": "123", "pizza_type": "pepperoni", "size": "large"}


def fields_at_fault(request: type, content: Any) -> list[str]:
    with pytest.raises(InvalidRequest) as refused:
        request.parse(content)  # type: ignore[attr-defined]
    errors = refused.value.extra["errors"]
    assert isinstance(errors, list)
    assert all(each["message"] for each in errors)
    return [each["field"] for each in errors]


@pytest.mark.parametrize("order_id", ["1", "a", "A-b_9", "0" * 64])
def test_good_ids(order_id: str) -> None:
    assert NewOrder.parse({**ORDER, "order_id": order_id}).order_id == order_id


@pytest.mark.parametrize(
    "order_id", ["", "-1", "_1", "a b", "a/b", "a.b", "ü", "1\n", "0" * 65, "1\x00", "\u0661", 1, None, True, ["1"], {}]
)
@pytest.mark.parametrize("request_type", [NewOrder, StepOrder, OrderRef])
def test_bad_ids(request_type: type, order_id: Any) -> None:
    assert fields_at_fault(request_type, {**ORDER, "order_id": order_id}) == ["order_id"]


@pytest.mark.parametrize("field", ["pizza_type", "size"])
@pytest.mark.parametrize("words", ["x", "Quattro formaggi & more", "ピザ", "y" * 64, "👩\u200d🍳", "fun\u00adghi"])
def test_good_words(field: str, words: str) -> None:
    NewOrder.parse({**ORDER, field: words})


@pytest.mark.parametrize("field", ["pizza_type", "size"])
@pytest.mark.parametrize(
    "words", ["", "y" * 65, "two\nlines", "\x00", "\x7f", "\u202e", 1, None, ["x"], {"a": 1}, True]
)
def test_bad_words(field: str, words: Any) -> None:
    assert fields_at_fault(NewOrder, {**ORDER, field: words}) == [field]


@pytest.mark.parametrize("field", ["order_id", "pizza_type", "size"])
def test_required_fields(field: str) -> None:
    content = {name: value for name, value in ORDER.items() if name != field}
    assert fields_at_fault(NewOrder, content) == [field]


@pytest.mark.parametrize("customer", [{}, {"name": "x" * 200}, {"name": "", "address": "a\nb"}, {"email": 1}])
def test_good_customers(customer: Any) -> None:
    NewOrder.parse({**ORDER, "customer": customer})


@pytest.mark.parametrize("customer", [None, "John", [], 1, True])
def test_a_customer_is_an_object(customer: Any) -> None:
    assert fields_at_fault(NewOrder, {**ORDER, "customer": customer}) == ["customer"]


@pytest.mark.parametrize("field", ["name", "address", "phone"])
@pytest.mark.parametrize("value", ["x" * 201, None, 1, [], {}])
def test_bad_customers(field: str, value: Any) -> None:
    assert fields_at_fault(NewOrder, {**ORDER, "customer": {field: value}}) == [f"customer.{field}"]


@pytest.mark.parametrize("name", ["status", "history", "attempt", "error", "version", "run", "uid"])
def test_the_shops_own_names_are_refused(name: str) -> None:
    assert fields_at_fault(NewOrder, {**ORDER, name: None}) == [name]


def test_every_reserved_name_is_named() -> None:
    assert fields_at_fault(NewOrder, {**ORDER, "run": 1, "error": 1}) == ["error", "run"]


@pytest.mark.parametrize("content", [None, [], "123", 1, True, [ORDER]])
@pytest.mark.parametrize("request_type", [NewOrder, StepOrder, OrderRef, Decision])
def test_only_objects(request_type: type, content: Any) -> None:
    assert len(fields_at_fault(request_type, content)) == 1


@pytest.mark.parametrize("attempt", [0, -1, 1.5, "1", True, [], 10**30])
@pytest.mark.parametrize("request_type", [StepOrder, Decision])
def test_bad_attempts(request_type: type, attempt: Any) -> None:
    assert fields_at_fault(request_type, {**ORDER, "approved": True, "attempt": attempt}) == ["attempt"]


def test_a_step_takes_the_first_attempt_where_none_is_named() -> None:
    assert StepOrder.parse(ORDER).attempt == 1


@pytest.mark.parametrize("approved", ["true", 1, 0, None, "yes", []])
def test_a_decision_is_true_or_false(approved: Any) -> None:
    assert fields_at_fault(Decision, {"order_id": "1", "approved": approved}) == ["approved"]


def test_a_decision_has_to_be_one() -> None:
    assert fields_at_fault(Decision, {"order_id": "1"}) == ["approved"]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ({"approved": True}, "approved"),
        ({"approved": True, "remake": False}, "approved"),
        ({"approved": False}, "rejected"),
        ({"approved": False, "remake": True}, "remake"),
    ],
)
def test_a_decision_in_one_word(said: dict[str, Any], verdict: str) -> None:
    assert Decision.parse({"order_id": "1", **said}).verdict == verdict


def test_an_approved_pizza_is_not_remade() -> None:
    with pytest.raises(InvalidRequest):
        Decision.parse({"order_id": "1", "approved": True, "remake": True})


@pytest.mark.parametrize("field", ["by", "note"])
@pytest.mark.parametrize("value", [1, [], {}, "x" * 501])
def test_who_and_why_are_short_texts(field: str, value: Any) -> None:
    assert fields_at_fault(OrderRef, {"order_id": "1", field: value}) == [field]
