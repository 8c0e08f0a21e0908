"""Reading what all parts of a shop have logged: the formats, the order of time, and which lines concern an order."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pizzashop.errors import ShopError
from pizzashop.logs import JsonFormatter, TextFormatter
from pizzashop.logs.reading import EARLIER_LOGS, LogLine, LogReader, parse_lines, read_log_lines

AT = datetime(2026, 11, 23, 17, 20, 31, 42000, UTC)
SIDECAR = 'time="{at}" level={level} msg={text} app_id=pizza-kitchen instance=vm scope=dapr.runtime type=log ver=1.18.3'


def own(text: str, seconds: float = 0, **fields: object) -> str:
    """Return a line as the roles write it, `seconds` after `AT`."""
    created = (AT + timedelta(seconds=seconds)).timestamp()
    content = {"created": created, "levelname": "INFO", "msg": text, "role": "kitchen", **fields}
    return TextFormatter().format(logging.makeLogRecord(content)) + "\n"


def sidecar(text: str, seconds: float = 0, level: str = "info") -> str:
    at = (AT + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")
    return SIDECAR.format(at=at, level=level, text=text) + "\n"


def parse(text: str) -> list[LogLine]:
    return list(parse_lines("kitchen", text, AT))


def test_a_line_of_a_role_is_read_as_it_was_logged() -> None:
    expected = LogLine(AT, "kitchen", "info", "cooking_baking", "123", 2)
    assert parse(own("cooking_baking", order="123", attempt=2)) == [expected]


def test_a_json_line_of_a_role_is_read_as_it_was_logged() -> None:
    content = {"created": AT.timestamp(), "levelname": "ERROR", "msg": "a\ndefect", "order": "123", "attempt": 1}
    text = JsonFormatter().format(logging.makeLogRecord(content))
    assert parse(text) == [LogLine(AT, "kitchen", "error", "a defect", "123", 1)]


@pytest.mark.parametrize(
    ("raw", "level", "text"),
    [
        (sidecar('"actor \\"x\\" \\u00e9"', level="warning"), "warning", 'actor "x" é'),
        (sidecar("hello", level="fatal"), "error", "hello"),
        ("22256:M {local:%d %b %Y %H:%M:%S}.042 # Memory overcommit", "warning", "Memory overcommit"),
        ("2026-11-23 17:20:31.042 UTC [77] ERROR:  deadlock detected", "error", "deadlock detected"),
        ('{{"time": "2026-11-23T17:20:31.042Z", "level": "warning", "msg": "as JSON"}}', "warning", "as JSON"),
        ('{{"level": "info", "ts": "2026-11-23T17:20:31.042Z", "msg": "etcd"}}', "info", "etcd"),
    ],
    ids=["daprd quoted", "daprd bare", "valkey", "postgresql", "daprd JSON", "etcd"],
)
def test_the_formats_of_the_other_programs_are_read(raw: str, level: str, text: str) -> None:
    assert parse(raw.format(local=AT.astimezone())) == [LogLine(AT, "kitchen", level, text)]


def test_a_line_of_go_has_no_fraction_of_a_second() -> None:
    expected = LogLine(AT.replace(microsecond=0), "kitchen", "info", "stream shutdown")
    assert parse(f"{AT.astimezone():%Y/%m/%d %H:%M:%S} stream shutdown\n") == [expected]


def test_a_traceback_belongs_to_the_line_before_it() -> None:
    [line] = parse(own("a defect", order="123") + "  Traceback:\n  ValueError: no oven\n")
    assert (line.order, line.text) == ("123", "a defect\n  Traceback:\n  ValueError: no oven")


def test_a_text_without_a_time_takes_that_of_the_next_line() -> None:
    first, second = parse("Traceback: died at once\n" + own("began again", 3))
    assert (first.at, first.level, first.text) == (second.at, "error", "Traceback: died at once")
    assert parse("Traceback: died at once\n")[0].at == AT


def test_what_only_looks_like_a_time_is_no_time() -> None:
    assert [line.text for line in parse("2026/02/31 25:61:00 not a time\n{not json\n")] == [
        "2026/02/31 25:61:00 not a time\n{not json"
    ]


@pytest.mark.parametrize("character", ["\x1b", "\x07", "\r", "\x0b", "\u2028", "\u202e", "\x9b"])
def test_no_control_character_of_a_log_reaches_the_reader(character: str) -> None:
    escaped = character.encode("unicode_escape").decode()
    raw = sidecar(f'"a{escaped}b"') + sidecar(f'"a{character}b"') + f"untimed {character} text\n" + own(f"a{character}")
    texts = [line.text for line in parse(raw)]
    assert len(texts) == 3
    assert not any(character in text for text in texts)


def test_no_control_character_of_an_id_reaches_the_reader() -> None:
    text = JsonFormatter().format(logging.makeLogRecord({"created": AT.timestamp(), "order": "1\x1b[2J"}))
    raw = f"2026-11-23 17:20:31.042+00:00 kitchen    INFO    text order=1\x1b[2J\n{text}\n"
    assert [("\x1b" in (line.order or "") + line.text) for line in parse(raw)] == [False, False]


def test_a_log_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "kitchen.log").mkdir()
    with pytest.raises(ShopError, match=r"kitchen\.log cannot be read: Is a directory"):
        read_log_lines(tmp_path)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The logs of a kitchen that died once, of its sidecar and of role workflow."""
    (tmp_path / "kitchen.log.1").write_text(own("cooking_baking", order="123", attempt=1))
    (tmp_path / "kitchen.log").write_text(own("cooking_baking", 4, order="123", attempt=1) + own("other", order="1234"))
    (tmp_path / "sidecar-workflow.log").write_text(
        sidecar("\"Workflow actor 'pizza-order-123': retried\"", 2, "warning") + sidecar('"port 123"', 1)
    )
    (tmp_path / "workflow.log").write_text(own("stuck", 3, order="12") + own("pizza-order-1234: stale", 3))
    return tmp_path


def test_the_lines_of_an_order_come_from_all_parts_and_processes_in_order_of_time(directory: Path) -> None:
    lines = read_log_lines(directory, "123")
    assert [(line.part, line.text) for line in lines] == [
        ("kitchen", "cooking_baking"),
        ("sidecar-workflow", "Workflow actor 'pizza-order-123': retried"),
        ("kitchen", "cooking_baking"),
    ]


def test_a_long_id_counts_wherever_it_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "order.log").write_text(
        own("unknown orders, such as 7Q4K-M2XD-9ZRT") + own("7Q4K-M2XD-9ZRT-2") + own("x7Q4K-M2XD-9ZRT")
    )
    assert len(read_log_lines(tmp_path, "7Q4K-M2XD-9ZRT")) == 1


def test_a_line_of_an_order_comes_with_its_whole_traceback_and_without_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "order.log").write_text(
        own("before")
        + own("a defect")
        + "  Traceback:\n  KeyError: 'pizza-order-123'\n  in the oven\n"
        + own("between")
        + own("cooked", order="123")
        + sidecar("after")
        + "  of another line\n"
    )
    assert [line.text for line in read_log_lines(tmp_path, "123")] == [
        "a defect\n  Traceback:\n  KeyError: 'pizza-order-123'\n  in the oven",
        "cooked",
    ]


def test_without_an_order_all_lines_of_the_chosen_parts_are_read(directory: Path) -> None:
    assert len(read_log_lines(directory)) == 7
    assert {line.part for line in read_log_lines(directory, parts=["workflow"])} == {"workflow"}


def test_lines_below_a_level_are_left_out(directory: Path) -> None:
    lines = read_log_lines(directory, "123", min_level="warning")
    assert [(line.part, line.level) for line in lines] == [("sidecar-workflow", "warning")]


def test_a_warning_is_found_in_a_long_log(tmp_path: Path) -> None:
    noise = "".join(own(f"line {number}", number) for number in range(5000))
    (tmp_path / "order.log").write_text(own("no oven", levelname="ERROR") + noise)
    assert [line.text for line in read_log_lines(tmp_path, min_level="warning")] == ["no oven"]


def test_without_an_order_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    (tmp_path / "order.log").write_text("".join(own(f"line {number}", number) for number in range(5000)))
    lines = read_log_lines(tmp_path)
    assert len(lines) < 2000
    assert lines[-1].text == "line 4999"
    assert all(line.text.startswith("line ") for line in lines)


def test_a_reader_follows_a_part_across_its_restart(tmp_path: Path) -> None:
    log = tmp_path / "kitchen.log"
    log.write_text(own("first", order="123"))
    with LogReader(tmp_path, "123") as reader:
        assert [line.text for line in reader.read()] == ["first"]
        assert reader.read() == []
        with log.open("a") as file:
            file.write(own("last words", 1, order="123"))
        log.rename(log.with_name("kitchen.log.1"))
        log.write_text(own("again", 2, order="123"))
        (tmp_path / "delivery.log").write_text(own("a new part", 3, order="123"))
        assert [line.text for line in reader.read()] == ["last words", "again", "a new part"]


def test_no_logs_are_no_lines(tmp_path: Path) -> None:
    assert read_log_lines(tmp_path / "absent", "123") == []


def test_as_many_earlier_logs_are_read_as_the_shop_keeps(tmp_path: Path) -> None:
    for number in range(1, EARLIER_LOGS + 2):
        (tmp_path / f"kitchen.log.{number}").write_text(own(f"process {number}", -number))
    (tmp_path / "kitchen.log").write_text(own("now"))
    texts = [line.text for line in read_log_lines(tmp_path)]
    assert texts == [*(f"process {number}" for number in range(EARLIER_LOGS, 0, -1)), "now"]
