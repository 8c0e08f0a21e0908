"""Commands whose streams are closed, full, slow or without a reader, and text in locales without UTF-8."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command_processes import (
    LOCALES_WITHOUT_UTF8,
    NAME,
    SCRIPT,
    StartCommand,
    Terminal,
    add_example_orders,
    pipe_without_reader,
    wait_for,
)
from example_records import delivered, record_at
from fake_shop import FakeShop

from pizzashop.console.output import replace_unencodable

DISK_FULL = "pizzashop: The output cannot be written: No space left on device.\n"
READER_GONE = 141
COMMANDS_WITH_OUTPUT = [
    ("status", "1"),
    ("list",),
    ("list", "--json"),
    ("watch", "1"),
    ("demo",),
    ("--help",),
    ("approve", "--help"),
]
LOCALES = [{"LC_ALL": "C.UTF-8"}, LOCALES_WITHOUT_UTF8["ascii"]]


@pytest.fixture(autouse=True)
def _orders(shop: FakeShop) -> None:
    add_example_orders(shop)


@pytest.mark.parametrize("words", COMMANDS_WITH_OUTPUT)
def test_a_full_disk_is_reported_in_one_sentence(start: StartCommand, words: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        code, _, err = wait_for(start(*words, stdout=full))
    assert (code, err) == (1, DISK_FULL)


@pytest.mark.parametrize("words", COMMANDS_WITH_OUTPUT)
def test_a_closed_pipe_ends_a_command_quietly(start: StartCommand, words: tuple[str, ...]) -> None:
    with pipe_without_reader() as writer:
        code, _, err = wait_for(start(*words, stdout=writer))
    assert (code, err) == (READER_GONE, "")


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_a_command_for_several_orders_finishes_without_output(
    start: StartCommand, shop: FakeShop, more: tuple[str, ...]
) -> None:
    shop.records["2"] = shop.records["1"]
    with pipe_without_reader() as writer, open("/dev/full", "wb") as full:
        assert wait_for(start("approve", "1", "2", *more, stdout=writer))[0::2] == (0, "")
        assert wait_for(start("approve", "1", "2", *more, stdout=full))[0::2] == (1, DISK_FULL)
    assert [body["order_id"] for path, body in shop.requests if path == "/validate-pizza"] == ["1", "2"] * 2


def test_a_standard_error_that_cannot_be_written_leaves_the_exit_code(start: StartCommand) -> None:
    with pipe_without_reader() as writer, open("/dev/full", "wb") as full:
        for stderr in (writer, full):
            assert wait_for(start("status", "unknown", stderr=stderr))[0] == 3


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["status 1", "approve 1"])
def test_closed_streams_do_not_disturb_a_command(shop: FakeShop, tmp_path: Path, closed: str, words: str) -> None:
    command = ["sh", "-c", f'exec "$@" {words} {closed}', "sh", sys.executable, "-c", SCRIPT, shop.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_slow_reader_gets_all_output(start: StartCommand, shop: FakeShop) -> None:
    orders = [record_at("cooked", order_id=f"order-{number}") for number in range(100)]
    shop.answers["/orders"] = {"orders": orders, "next": None}
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with open(reader, "rb") as output:
        process = start("list", "--json", stdout=writer)
        os.close(writer)
        assert len(json.loads(output.read())["orders"]) == 100
    assert wait_for(process)[0::2] == (0, "")


def test_ctrl_c_ends_a_command_with_130(start: StartCommand) -> None:
    process = start("demo", "--no-approve")
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    code, out, err = wait_for(process)
    assert (code, err) == (130, "\n")
    assert out.endswith(b" placed, 0 approved, 0 sent back.\n")


def test_a_closed_terminal_ends_a_command_quietly(start: StartCommand, shop: FakeShop) -> None:
    # The process has its own session, so it gets no hang-up signal.
    terminal, command_side = pty.openpty()
    shop.records["1"] = [
        record_at("cooked", order_id="1"),
        lambda: os.close(terminal),
        {**delivered(), "order_id": "1"},
    ]
    process = start("watch", "1", stdin=command_side, stdout=command_side, start_new_session=True)
    os.close(command_side)
    assert wait_for(process)[0::2] == (READER_GONE, "")


@pytest.mark.parametrize("locale", LOCALES_WITHOUT_UTF8)
def test_characters_that_the_encoding_lacks_are_replaced(start: StartCommand, locale: str) -> None:
    for words in (("status", "1"), ("list",), ("watch", "1"), ("approve", "1")):
        code, out, err = wait_for(start(*words, env=LOCALES_WITHOUT_UTF8[locale]))
        assert (code, err) == (0, "")
        text = out.decode("latin-1" if locale == "latin-1" else "ascii")
        if words[0] == "status":
            assert ("José ????" if locale == "latin-1" else "Jose ????") in text
            assert "+ cooked" in text
        if words[0] == "list":
            lines = dict(zip(("delivered", "cooked"), text.splitlines()[1:], strict=True))
            assert len({line.index(status) for status, line in lines.items()}) == 1


@pytest.mark.parametrize("locale", LOCALES_WITHOUT_UTF8)
def test_json_keeps_every_character_in_any_encoding(start: StartCommand, locale: str) -> None:
    for words in (("status", "1"), ("list",)):
        code, out, err = wait_for(start(*words, "--json", env=LOCALES_WITHOUT_UTF8[locale]))
        assert (code, err) == (0, "")
        content = json.loads(out.decode("ascii"))
        assert (content if words[0] == "status" else content["orders"][0])["customer"] == {"name": NAME}
    for line in wait_for(start("watch", "1", "--json", env=LOCALES_WITHOUT_UTF8[locale]))[1].splitlines():
        assert json.loads(line)["order_id"] == "1"


def test_json_is_readable_in_utf8(start: StartCommand) -> None:
    assert NAME in wait_for(start("status", "1", "--json", env={"LC_ALL": "C.UTF-8"}))[1].decode()


def test_a_replacement_is_as_wide_as_its_character() -> None:
    for text, expected in {"✓": "+", "é": "e", "漢": "??", "e\u0301": "e", "\udce9": "?", "x\u200dy": "xy"}.items():
        assert "".join(each if each.isascii() else _replacement(each) for each in text) == expected


def _replacement(character: str) -> str:
    return replace_unencodable(UnicodeEncodeError("ascii", character, 0, 1, "ordinal not in range"))[0]


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
@pytest.mark.parametrize("env", LOCALES)
def test_arguments_that_are_not_utf8_are_refused(
    start: StartCommand, shop: FakeShop, words: tuple[str | bytes, ...], env: dict[str, str]
) -> None:
    code, _, err = wait_for(start(*words, env=env))
    wrong = next(each for each in words if isinstance(each, bytes)).decode(errors="backslashreplace")
    assert code == 2
    assert err.endswith(f"{wrong}: these bytes are not UTF-8.\n")
    assert shop.requests == []


def test_arguments_in_utf8_are_accepted_in_any_locale(start: StartCommand, shop: FakeShop) -> None:
    env = LOCALES_WITHOUT_UTF8["ascii"]
    assert wait_for(start("order", "funghi", "--name", NAME.encode(), env=env))[0] == 0
    assert shop.requests[-1][1]["customer"] == {"name": NAME}


@pytest.mark.parametrize(("login", "name"), [(b"Jos\xe9", "Jos\ufffd"), ("José".encode(), "José")])
@pytest.mark.parametrize("env", LOCALES)
def test_a_login_name_that_is_not_utf8_is_replaced(
    start: StartCommand, shop: FakeShop, login: bytes, name: str, env: dict[str, str]
) -> None:
    assert wait_for(start("approve", "1", env={**env, "LOGNAME": login}))[0::2] == (0, "")
    assert shop.requests[-1][1]["by"] == name


def test_an_answer_that_is_not_utf8_is_no_confirmation(start: StartCommand, shop: FakeShop) -> None:
    shop.records["2"] = [record_at("cooked", order_id="2")]
    terminal = Terminal(start, "cancel", "2", env={"PYTHONIOENCODING": "utf-8:strict"})
    terminal.type(b"\xe9\nn", "Cancel order 2")
    assert terminal.wait() == 1
    assert "Not cancelled" in terminal.shown
