"""What the commands do with text where the locale is not UTF-8, and with bytes that are no text."""

import json

import pytest
from fake_shop import FakeShop
from processes import NAME, NOT_UTF8, Command, Terminal, fill, said
from story import at

from pizzashop.console.output import degrade


@pytest.fixture(autouse=True)
def _filled(shop: FakeShop) -> None:
    fill(shop)


@pytest.mark.parametrize("locale", NOT_UTF8)
def test_text_degrades_where_the_encoding_lacks_it(start: Command, locale: str) -> None:
    for words in (("status", "1"), ("list",), ("watch", "1"), ("approve", "1")):
        code, out, err = said(start(*words, env=NOT_UTF8[locale]))
        assert (code, err) == (0, "")
        text = out.decode("latin-1" if locale == "latin-1" else "ascii")
        if words[0] == "status":
            assert ("José ????" if locale == "latin-1" else "Jose ????") in text
            assert "+ cooked" in text
        if words[0] == "list":
            lines = dict(zip(("delivered", "cooked"), text.splitlines()[1:], strict=True))
            assert len({line.index(status) for status, line in lines.items()}) == 1


@pytest.mark.parametrize("locale", NOT_UTF8)
def test_json_is_whole_in_every_encoding(start: Command, locale: str) -> None:
    for words in (("status", "1"), ("list",)):
        code, out, err = said(start(*words, "--json", env=NOT_UTF8[locale]))
        assert (code, err) == (0, "")
        found = json.loads(out.decode("ascii"))
        assert (found if words[0] == "status" else found["orders"][0])["customer"] == {"name": NAME}
    for line in said(start("watch", "1", "--json", env=NOT_UTF8[locale]))[1].splitlines():
        assert json.loads(line)["order_id"] == "1"


def test_json_is_readable_in_utf8(start: Command) -> None:
    assert NAME in said(start("status", "1", "--json", env={"LC_ALL": "C.UTF-8"}))[1].decode()


def test_a_replacement_is_as_wide_as_what_it_replaces() -> None:
    for text, expected in {"✓": "+", "é": "e", "漢": "??", "e\u0301": "e", "\udce9": "?", "x\u200dy": "xy"}.items():
        assert "".join(each if each.isascii() else degrade(_lacking(each))[0] for each in text) == expected


def _lacking(character: str) -> UnicodeEncodeError:
    return UnicodeEncodeError("ascii", character, 0, 1, "ordinal not in range")


@pytest.mark.parametrize(
    "words",
    [
        ("order", "funghi", "--name", b"Jos\xe9"),
        ("order", b"fungh\xed"),
        ("approve", "1", "--note", b"cos\xec"),
        ("approve", "1", "--by", b"Jos\xe9"),
        ("status", b"\xe9"),
        ("list", "--after", b"\xe9"),
        ("events", "drop", "--yes", b"\xe9"),
        ("staff", "add", b"Jos\xe9", "--role", "kitchen"),
    ],
)
@pytest.mark.parametrize("env", [{"LC_ALL": "C.UTF-8"}, NOT_UTF8["ascii"]])
def test_bytes_that_are_no_text_are_said_to_be_so(
    start: Command, shop: FakeShop, words: tuple[str | bytes, ...], env: dict[str, str]
) -> None:
    code, _, err = said(start(*words, env=env))
    typed = next(each for each in words if isinstance(each, bytes)).decode(errors="backslashreplace")
    assert code == 2
    assert err.endswith(f"{typed}: these bytes are not UTF-8.\n")
    assert shop.sent == []


def test_text_arrives_though_the_locale_is_not_utf8(start: Command, shop: FakeShop) -> None:
    assert said(start("order", "funghi", "--name", NAME.encode(), env=NOT_UTF8["ascii"]))[0] == 0
    assert shop.sent[-1][1]["customer"] == {"name": NAME}


@pytest.mark.parametrize(("login", "name"), [(b"Jos\xe9", "Jos\ufffd"), ("José".encode(), "José")])
@pytest.mark.parametrize("env", [{"LC_ALL": "C.UTF-8"}, NOT_UTF8["ascii"]])
def test_a_login_name_that_is_no_text_decides_all_the_same(
    start: Command, shop: FakeShop, login: bytes, name: str, env: dict[str, str]
) -> None:
    assert said(start("approve", "1", env={**env, "LOGNAME": login}))[0::2] == (0, "")
    assert shop.sent[-1][1]["by"] == name


def test_an_answer_that_is_no_text(start: Command, shop: FakeShop) -> None:
    shop.films["2"] = [at("cooked", order_id="2")]
    terminal = Terminal(start, "cancel", "2", env={"PYTHONIOENCODING": "utf-8:strict"})
    terminal.type(b"\xe9\nn", "Cancel order 2")
    assert terminal.end() == 1
    assert "Not cancelled" in terminal.shown
