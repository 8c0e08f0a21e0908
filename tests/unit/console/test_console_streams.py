"""What the commands do with a reader that has gone, a full disk, a stream that is closed or slow, and a hang-up."""

import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_shop import FakeShop
from processes import START, Command, fill, no_reader, said
from story import at, delivered

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


@pytest.fixture(autouse=True)
def _filled(shop: FakeShop) -> None:
    fill(shop)


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


def test_ctrl_c_ends_with_its_code(start: Command) -> None:
    process = start("demo", "--no-approve")
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    code, out, err = said(process)
    assert (code, err) == (130, "\n")
    assert out.endswith(b" placed, 0 approved, 0 sent back.\n")


def test_a_closed_terminal_ends_it_quietly_where_no_hang_up_comes(start: Command, shop: FakeShop) -> None:
    ours, its = pty.openpty()
    shop.films["1"] = [at("cooked", order_id="1"), lambda: os.close(ours), {**delivered(), "order_id": "1"}]
    process = start("watch", "1", stdin=its, stdout=its, start_new_session=True)
    os.close(its)
    assert said(process)[0::2] == (READERS_CODE, "")
