"""Log lines, as text for people and as JSON."""

import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest

from pizzashop import logs


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], _ = handlers, root.setLevel(level)


def record(message: str = "cooking_baking", **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "pizzashop.steps.runner", "levelname": "INFO", "msg": message, **fields})


def test_a_text_line_shows_role_order_and_attempt() -> None:
    line = logs.TextFormatter().format(record(role="kitchen", order="123", attempt=1))
    assert line.split()[2:] == ["kitchen", "INFO", "cooking_baking", "order=123", "attempt=1"]
    assert "\n" not in line


def test_a_text_line_leaves_out_unknown_fields() -> None:
    assert logs.TextFormatter().format(record()).split()[2:] == ["shop", "INFO", "cooking_baking"]


def test_a_text_line_has_its_date_and_its_offset_from_utc() -> None:
    line = logs.TextFormatter().format(record(created=1764000000.25))
    assert datetime.fromisoformat(" ".join(line.split()[:2])).timestamp() == 1764000000.25


def test_a_text_from_outside_makes_no_line_of_its_own() -> None:
    forged = "no oven\n2026-11-23 18:20:31.042+00:00 kitchen    INFO    delivered order=123\x1b[2J"
    try:
        raise ValueError(forged)
    except ValueError:
        line = logs.TextFormatter().format(record(forged, exc_info=sys.exc_info()))
    assert "\x1b" not in line
    assert [each[:2] for each in line.split("\n")[1:]] == ["  "] * line.count("\n")


def test_a_json_line_is_one_object() -> None:
    line = logs.JsonFormatter().format(record("two\nlines", role="kitchen", order="123", attempt=1))
    content = json.loads(line)
    assert "\n" not in line
    assert content.pop("at").endswith("+00:00")
    assert content == {
        "level": "info",
        "role": "kitchen",
        "order": "123",
        "attempt": 1,
        "message": "two\nlines",
        "logger": "pizzashop.steps.runner",
    }


@pytest.mark.parametrize("formatter", [logs.TextFormatter(), logs.JsonFormatter()])
def test_an_exception_is_logged_with_its_traceback(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("no oven")
    except ValueError:
        line = formatter.format(record("a defect", exc_info=sys.exc_info()))
    assert "ValueError: no oven" in line


def test_every_line_shows_the_role_of_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_logging("json", "info", "kitchen")
    logging.getLogger("anything").info("one")
    logging.getLogger("anything").info("two", extra={"role": "order"})
    logging.getLogger("anything").debug("three")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["role"], line["message"]) for line in lines] == [("kitchen", "one"), ("order", "two")]
