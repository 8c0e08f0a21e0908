"""`pizzashop logs`."""

import json
from pathlib import Path

import pytest
from example_records import record_at

LINE = "2026-11-23 17:20:3{}.042+00:00 {:<10} {:<7} {}\n"


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIZZASHOP_STATE_DIR", str(tmp_path))
    directory = tmp_path / "logs"
    directory.mkdir()
    (directory / "kitchen.log").write_text(
        LINE.format(1, "kitchen", "INFO", "cooking_baking order=7Q4K-M2XD-9ZRT attempt=1")
        + LINE.format(3, "kitchen", "ERROR", "no oven order=7Q4K-M2XD-9ZRT")
        + LINE.format(4, "kitchen", "INFO", "cooking_baking order=42 attempt=1")
    )
    (directory / "workflow.log").write_text(LINE.format(2, "workflow", "WARNING", "stuck order=7Q4K-M2XD-9ZRT"))
    return directory


def lines_of(output: str) -> list[list[str]]:
    return [line.split(maxsplit=1)[1].split() for line in output.splitlines()[1:]]


@pytest.mark.parametrize("spelling", ["7Q4K-M2XD-9ZRT", "7q4k m2xd 9zrt", "7q4km2xd9zrt"])
def test_shows_what_all_parts_said_of_an_order_however_its_id_is_spelled(run, spelling: str) -> None:
    result = run("logs", spelling)
    assert result.exit_code == 0
    assert lines_of(result.stdout) == [
        ["kitchen", "info", "cooking_baking", "attempt", "1"],
        ["workflow", "warning", "stuck"],
        ["kitchen", "error", "no", "oven"],
    ]


def test_without_an_id_shows_the_last_lines_and_their_orders(run) -> None:
    assert lines_of(run("logs", "--lines", "2").stdout) == [
        ["kitchen", "error", "no", "oven", "order", "7Q4K-M2XD-9ZRT"],
        ["kitchen", "info", "cooking_baking", "order", "42,", "attempt", "1"],
    ]


def test_a_role_can_be_chosen(run) -> None:
    assert lines_of(run("logs", "7Q4K-M2XD-9ZRT", "--role", "workflow").stdout) == [["workflow", "warning", "stuck"]]


def test_a_level_can_be_chosen(run) -> None:
    assert [line[:2] for line in lines_of(run("logs", "--level", "warning").stdout)] == [
        ["workflow", "warning"],
        ["kitchen", "error"],
    ]


def test_a_part_without_a_log_is_refused_with_those_that_there_are(run) -> None:
    result = run("logs", "--role", "oven")
    assert result.exit_code == 2
    assert "No part of the shop is called oven. These are: kitchen, workflow." in result.stderr


def test_as_json_prints_an_object_for_each_line(run) -> None:
    objects = [json.loads(line) for line in run("logs", "42", "--json").stdout.splitlines()]
    assert objects == [
        {
            "at": "2026-11-23T17:20:34.042+00:00",
            "part": "kitchen",
            "level": "info",
            "order": "42",
            "attempt": 1,
            "text": "cooking_baking",
        }
    ]


def test_an_unknown_order_is_an_error(run) -> None:
    result = run("logs", "43")
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", "pizzashop: There is no order 43.\n")


def test_an_order_that_no_log_mentions_has_a_history(run, shop) -> None:
    shop.records["43"] = [record_at("accepted")]
    result = run("logs", "43")
    assert result.exit_code == 1
    assert result.stderr.endswith("the logs of its time are gone. See its history: pizzashop status 43\n")


def test_a_machine_without_logs_says_so(run, directory: Path) -> None:
    for each in directory.iterdir():
        each.unlink()
    result = run("logs", "42")
    assert result.exit_code == 1
    assert result.stderr == f"pizzashop: There are no logs in {directory}: `pizzashop up` writes them there.\n"


def test_follow_shows_new_lines_until_ctrl_c(start, directory: Path) -> None:
    child = start("logs", "42", "--follow")
    assert child.stdout is not None
    shown = [child.stdout.readline().decode() for _ in range(2)]
    with (directory / "workflow.log").open("a") as log:
        log.write(LINE.format(5, "workflow", "INFO", "\x1b[2Jpurged order=42"))
    shown.append(child.stdout.readline().decode())
    assert lines_of("".join(shown))[-1] == ["workflow", "info", "[2Jpurged"]
