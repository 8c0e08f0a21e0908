"""What the commands do with a terminal, a pipe, a disk and a locale that are not as one would wish: as processes."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_shop import FakeShop, open_shop
from story import at, delivered

from pizzashop.streams import degrade

START = """
import sys
from pizzashop.cli import main
from pizzashop.console.client import Client
from pizzashop.console.desk import Desk
from pizzashop.console.shop import Shop
url = sys.argv.pop(1)
asks = bool(sys.stdin and sys.stdin.isatty())
main(obj=Desk(Shop(Client(), url, url), asks=asks, interval=0), prog_name="pizzashop")
"""
FULL = "pizzashop: The output cannot be written: No space left on device.\n"
READERS_CODE = 141
SHOWING = [
    ("status", "1"),
    ("list",),
    ("list", "--json"),
    ("watch", "1"),
    ("demo",),
    ("--help",),
    ("approve", "--help"),
]
NOT_UTF8 = {
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "posix": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
}
NAME = "José 漢字 👩‍🍳"
Command = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def shop() -> Iterator[FakeShop]:
    """A shop with one order, of a customer with a name of many kinds of letters."""
    with open_shop() as shop:
        order = {**delivered(), "order_id": "1", "customer": {"name": NAME}, "pizza_type": "Müsli ✓"}
        shop.films["1"] = [order]
        shop.answers["/orders"] = {"orders": [order, at("cooked", order_id="22")], "next": None}
        shop.answers["/events"] = {"events": [], "next": None}
        shop.answers["/get-status/1"] = "COMPLETED"
        shop.answers["/validate-pizza"] = {"order_id": "1", "validation_status": "approved"}
        yield shop


@pytest.fixture
def start(shop: FakeShop, tmp_path: Path) -> Iterator[Command]:
    """Starts a command as a process of its own; it ends with the test at the latest."""
    started: list[subprocess.Popen[bytes]] = []
    ours = {key: value for key, value in os.environ.items() if not key.startswith(("PIZZASHOP_", "PYTHON", "LC_"))}

    def start(*words: str | bytes, env: Mapping[str, str | bytes] | None = None, **streams: Any) -> Any:
        command = [sys.executable, "-c", START, shop.url, *words]
        known = {**ours, "PIZZASHOP_STATE_DIR": str(tmp_path), **(env or {})}
        pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE) | {"stdin": subprocess.DEVNULL}
        started.append(subprocess.Popen(command, env=known, **pipes | streams))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def said(process: "subprocess.Popen[bytes]") -> tuple[int, bytes, str]:
    """Wait for its end: the exit code, what it has put out, and what it has said on standard error."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out, (err or b"").decode()


@contextmanager
def no_reader() -> Iterator[int]:
    """The end of a pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("words", SHOWING)
def test_a_full_disk_is_one_sentence(start: Command, words: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:
        code, _, err = said(start(*words, stdout=full))
    assert (code, err) == (1, FULL)


@pytest.mark.parametrize("words", SHOWING)
def test_a_reader_that_has_gone_ends_it_quietly(start: Command, words: tuple[str, ...]) -> None:
    with no_reader() as writer:
        code, _, err = said(start(*words, stdout=writer))
    assert (code, err) == (READERS_CODE, "")


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_all_orders_are_seen_to_though_nobody_reads_the_outcome(
    start: Command, shop: FakeShop, more: tuple[str, ...]
) -> None:
    shop.films["2"] = shop.films["1"]
    with no_reader() as writer, open("/dev/full", "wb") as full:
        assert said(start("approve", "1", "2", *more, stdout=writer))[0::2] == (0, "")
        assert said(start("approve", "1", "2", *more, stdout=full))[0::2] == (1, FULL)
    assert [body["order_id"] for path, body in shop.sent if path == "/validate-pizza"] == ["1", "2"] * 2


def test_nobody_hears_what_is_wrong_with_standard_error(start: Command) -> None:
    with no_reader() as writer, open("/dev/full", "wb") as full:
        for stderr in (writer, full):
            assert said(start("status", "unknown", stderr=stderr))[0] == 3


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("words", ["status 1", "approve 1"])
def test_a_stream_that_is_closed(shop: FakeShop, tmp_path: Path, closed: str, words: str) -> None:
    command = ["sh", "-c", f'exec "$@" {words} {closed}', "sh", sys.executable, "-c", START, shop.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_is_slow_gets_all_of_it(start: Command, shop: FakeShop) -> None:
    shop.answers["/orders"] = {"orders": [at("cooked", order_id=f"order-{n}") for n in range(100)], "next": None}
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with open(reader, "rb") as output:
        process = start("list", "--json", stdout=writer)
        os.close(writer)
        assert len(json.loads(output.read())["orders"]) == 100
    assert said(process)[0::2] == (0, "")


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
    assert unicodedata.east_asian_width("漢") == "W"


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


def test_ctrl_c_ends_with_its_code(start: Command) -> None:
    process = start("demo", "--no-approve")
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    code, out, err = said(process)
    assert (code, err) == (130, "\n")
    assert out.endswith(b" placed, 0 approved, 0 sent back.\n")


def test_a_closed_terminal_ends_it_quietly_where_the_hang_up_is_ignored(start: Command, shop: FakeShop) -> None:
    ours, its = pty.openpty()
    shop.films["1"] = [at("cooked", order_id="1"), lambda: os.close(ours), {**delivered(), "order_id": "1"}]
    process = start("watch", "1", stdin=its, stdout=its, preexec_fn=_ignore_hang_up)
    os.close(its)
    assert said(process)[0::2] == (READERS_CODE, "")


def _ignore_hang_up() -> None:
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


class Terminal:
    """A command in a terminal of its own."""

    def __init__(self, start: Command, *words: str, **streams: Any) -> None:
        self._ours, its = pty.openpty()
        self.shown = ""

        def control() -> None:
            os.setsid()
            fcntl.ioctl(its, 0x540E, 0)  # TIOCSCTTY: `/dev/tty` is this one

        every = dict.fromkeys(("stdin", "stdout", "stderr"), its) | streams
        self.process = start(*words, preexec_fn=control, **every)
        os.close(its)

    def type(self, text: str | bytes, after: str) -> None:
        """Read on until it shows `after`, then type a line."""
        while after not in self.shown:
            self.shown += os.read(self._ours, 1024).decode()
        self.shown = self.shown.partition(after)[2]
        typed = text.encode() if isinstance(text, str) else text
        os.write(self._ours, typed + b"\n")

    def end(self) -> int:
        """Read on to its end; returns the exit code."""
        try:
            while part := os.read(self._ours, 1024):
                self.shown += part.decode(errors="replace")
        except OSError:  # the terminal of a process that has ended
            pass
        os.close(self._ours)
        return self.process.wait(timeout=60)


ADD = ("staff", "add", "ana", "--role", "manager")
PASSWORD = "contraseña"


def test_a_password_is_typed_twice_in_a_terminal(start: Command, tmp_path: Path) -> None:
    terminal = Terminal(start, *ADD, env={"LC_ALL": "C.UTF-8"})
    terminal.type(PASSWORD, "Password: ")
    terminal.type("another one", "Repeat for confirmation: ")
    terminal.type(PASSWORD, "Password: ")
    terminal.type(PASSWORD, "Repeat for confirmation: ")
    assert terminal.end() == 0
    assert PASSWORD not in terminal.shown
    assert _may_sign_in(tmp_path)


@pytest.mark.parametrize("piped", [f"{PASSWORD}\n", PASSWORD, f"{PASSWORD}\r\n", f"{PASSWORD}\n{PASSWORD}\n"])
def test_a_password_that_is_piped_in_is_taken_in_a_terminal_too(start: Command, tmp_path: Path, piped: str) -> None:
    (tmp_path / "password").write_text(piped, encoding="utf-8")
    with (tmp_path / "password").open() as given:
        terminal = Terminal(start, *ADD, stdin=given)
        assert terminal.end() == 0
    assert "assword" not in terminal.shown
    assert _may_sign_in(tmp_path)


def test_a_password_that_is_piped_in_warns_of_nothing(start: Command, tmp_path: Path) -> None:
    process = start(*ADD, stdin=subprocess.PIPE, preexec_fn=os.setsid)
    process.stdin.write(f"{PASSWORD}\n".encode())
    assert said(process)[0::2] == (0, "")
    assert _may_sign_in(tmp_path)


@pytest.mark.parametrize(
    ("piped", "reason"),
    [(b"", "pipe it in"), (b"short\n", "at least 8"), (b"not utf8 \xe9\n", "these bytes are not UTF-8")],
)
def test_a_password_that_is_none(start: Command, tmp_path: Path, piped: bytes, reason: str) -> None:
    (tmp_path / "password").write_bytes(piped)
    with (tmp_path / "password").open() as given:
        code, _, err = said(start(*ADD, stdin=given))
    assert code == 2
    assert reason in err
    assert not (tmp_path / "staff.json").exists()


def _may_sign_in(state_dir: Path) -> bool:
    from pizzashop.access.accounts import Accounts

    return Accounts(state_dir / "staff.json").by_password("ana", PASSWORD) is not None


def test_an_answer_that_is_no_text(start: Command, shop: FakeShop) -> None:
    shop.films["2"] = [at("cooked", order_id="2")]
    terminal = Terminal(start, "cancel", "2", env={"PYTHONIOENCODING": "utf-8:strict"})
    terminal.type(b"\xe9\nn", "Cancel order 2")
    assert terminal.end() == 1
    assert "Not cancelled" in terminal.shown
