"""A log line for people, or for machines."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from pizzashop import logs


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], _ = handlers, root.setLevel(level)


def record(message: str = "cooking_baking", **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "pizzashop.steps.runner", "levelname": "INFO", "msg": message, **fields})


def test_one_line_with_role_order_and_attempt() -> None:
    line = logs.TextFormatter().format(record(role="kitchen", order="123", attempt=1))
    assert line.split()[1:] == ["kitchen", "INFO", "cooking_baking", "order=123", "attempt=1"]
    assert "\n" not in line


def test_what_is_not_known_is_left_out() -> None:
    assert logs.TextFormatter().format(record()).split()[1:] == ["shop", "INFO", "cooking_baking"]


def test_one_json_object_a_line() -> None:
    line = logs.JsonFormatter().format(record("two\nlines", role="kitchen", order="123", attempt=1))
    said = json.loads(line)
    assert "\n" not in line
    assert said.pop("at").endswith("+00:00")
    assert said == {
        "level": "info",
        "role": "kitchen",
        "order": "123",
        "attempt": 1,
        "message": "two\nlines",
        "logger": "pizzashop.steps.runner",
    }


@pytest.mark.parametrize("formatter", [logs.TextFormatter(), logs.JsonFormatter()])
def test_a_defect_comes_with_its_traceback(formatter: logging.Formatter) -> None:
    try:
        raise ValueError("no oven")
    except ValueError:
        line = formatter.format(record("a defect", exc_info=sys.exc_info()))
    assert "ValueError: no oven" in line


def test_every_line_has_the_role_of_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", "info", "kitchen")
    logging.getLogger("anything").info("one")
    logging.getLogger("anything").info("two", extra={"role": "order"})
    logging.getLogger("anything").debug("three")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["role"], line["message"]) for line in lines] == [("kitchen", "one"), ("order", "two")]
