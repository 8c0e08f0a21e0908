"""Names and phone numbers as people write them, without the invisible characters that devices add."""

import pytest

from pizzashop.domain.text import count_phone_digits, fold, is_readable, phone_url, remove_invisible, to_single_line

FLAG = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
NAMES = ("John Doe", "علی\u200cرضا", "Ana 👩\u200d🍳", "क्\u200dष", "ピザ", "İpek", FLAG, "🫩")
CONTROLS = ("two\nlines", "\x00", "a\x07b", "\x7f", "\x9b2J", "a\u2028b", "\ud800", "\ue000")
MARKS = ("\u00ad", "\ufeff", *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)))


@pytest.mark.parametrize("name", NAMES)
def test_names_in_any_script_are_accepted_and_shown_unchanged(name: str) -> None:
    assert (is_readable(name), remove_invisible(name), to_single_line(name)) == (True, name, name)


@pytest.mark.parametrize("text", CONTROLS)
def test_control_characters_are_refused_and_never_shown(text: str) -> None:
    assert not is_readable(text)
    assert to_single_line(text).isprintable()


@pytest.mark.parametrize("text", ["", "\u200d", "\u200c\u200d", "\u0301"])
def test_an_invisible_text_is_refused(text: str) -> None:
    assert not is_readable(text)


@pytest.mark.parametrize("added", MARKS)
def test_invisible_marks_are_removed(added: str) -> None:
    written = f"{added}Ana{added} Rossi{added}"
    assert (is_readable(written), remove_invisible(written), to_single_line(written)) == (
        True,
        "Ana Rossi",
        "Ana Rossi",
    )
    assert not is_readable(added)


@pytest.mark.parametrize(
    ("phone", "url"),
    [
        ("555-0123", "tel:555-0123"),
        ("\u202a+49\u00a0(30) 123/45\u202c", "tel:+49(30)12345"),
        ("1-800-PIZZA", "tel:1-800-74992"),
        ("٠١٢٣٤٥", "tel:012345"),
        ("555–0123", "tel:555-0123"),
        ("555-0123 ext. 4", "tel:555-0123;ext=4"),
        ("123456789012345", "tel:123456789012345"),
        ("1234567890123456", ""),
        ("555-0123 / 555-0124", ""),
        ("555-0123 in the evening", ""),
        ("call me", ""),
        ("CALL ME", ""),
        ("javascript:alert(1)", ""),
        ("", ""),
    ],
)
def test_a_phone_number_becomes_a_link_where_it_can_be_dialled(phone: str, url: str) -> None:
    assert phone_url(phone) == url


@pytest.mark.parametrize(("phone", "count"), [("555-0123", 7), ("1-800-PIZZA", 9), ("call me", 0), ("٠١٢", 3)])
def test_the_letters_of_a_phone_number_count_as_digits(phone: str, count: int) -> None:
    assert count_phone_digits(phone) == count


@pytest.mark.parametrize(
    ("looked_for", "name"),
    [
        ("ipek", "İpek"),
        ("İPEK", "ipek"),
        ("irmak", "Irmak"),
        ("IRMAK", "ırmak"),
        ("ana  rossi ", "Ana Rossi"),
        ("José", "Jose\u0301"),
        ("jose", "José"),
        ("strasse", "STRAẞE"),
        ("علیرضا", "علی\u200cرضا"),
    ],
)
def test_search_ignores_case_accents_and_blanks(looked_for: str, name: str) -> None:
    assert fold(looked_for) == fold(name)


def test_search_distinguishes_different_names() -> None:
    assert fold("कि") != fold("का"), "vowel signs are letters of their own"
    assert fold("Ana") != fold("Anna")
