"""Events that are kept aside: list, replay, drop."""

import click
import pytest
from click.testing import CliRunner
from fake_shop import problem

from pizzashop.cli import main
from pizzashop.console.events import events

ID = "20261123T213343120456-1a2b3c4d5e6f"
ROW = {"id": ID, "at": "2026-11-23T21:33:43Z", "reason": "no status\x1b[31m", "order_id": "1"}
APPLIED = {**ROW, "reason": None, "replayed": True}
STAYS = {**ROW, "reason": "still no status", "replayed": False}


def test_each_is_listed_with_its_order_and_the_reason(run, shop) -> None:
    shop.answers["/events"] = {"events": [ROW, {**ROW, "id": "b-2", "order_id": None}], "next": None}
    lines = run("events").output.splitlines()
    assert [line.split()[:2] for line in lines] == [["EVENT", "ORDER"], [ID, "1"], ["b-2", "-"]]
    assert "no status" in lines[1]
    assert "\x1b" not in lines[1]
    assert shop.sent == [("/events", {"limit": "20"})]


def test_how_to_see_more(run, shop) -> None:
    shop.answers["/events"] = {"events": [ROW], "next": ID}
    assert f"pizzashop events --limit 1 --after {ID}" in run("events", "--limit", "1").output


def test_none(run, shop) -> None:
    shop.answers["/events"] = {"events": [], "next": None}
    assert run("events").output == "No events are kept aside.\n"


def test_as_json_it_is_the_answer_of_the_shop(run_json, shop) -> None:
    shop.answers["/events"] = {"events": [ROW], "next": None}
    assert run_json("events") == {"events": [ROW], "next": None}


class TestReplay:
    def test_one_that_can_be_applied(self, run, shop) -> None:
        shop.answers[f"/events/{ID}/replay"] = APPLIED
        result = run("events", "replay", ID)
        assert (result.exit_code, result.output) == (0, f"Event {ID}, of order 1, is applied.\n")

    def test_one_that_stays(self, run, shop) -> None:
        shop.answers[f"/events/{ID}/replay"] = STAYS
        result = run("events", "replay", ID)
        assert result.exit_code == 4
        assert result.stderr == f"pizzashop: {ID}: It stays kept: still no status\n"

    def test_one_that_is_not_there(self, run, shop) -> None:
        shop.answers[f"/events/{ID}/replay"] = problem(404, "Event not found")
        result = run("events", "replay", ID)
        assert (result.exit_code, result.stderr) == (3, f"pizzashop: There is no kept event {ID}.\n")

    def test_all(self, run, shop) -> None:
        shop.answers["/events/replay"] = {"events": [APPLIED, {**STAYS, "id": "b-2"}], "next": None}
        result = run("events", "replay", "--all")
        assert (result.exit_code, result.stdout) == (4, f"Event {ID}, of order 1, is applied.\n")
        assert result.stderr == "pizzashop: b-2: It stays kept: still no status\n"
        assert shop.sent == [("/events/replay", {})]

    def test_all_of_none(self, run_json, shop) -> None:
        shop.answers["/events/replay"] = {"events": [], "next": None}
        assert run_json("events", "replay", "--all") == []

    def test_as_json(self, run_json, shop) -> None:
        shop.answers[f"/events/{ID}/replay"] = APPLIED
        assert run_json("events", "replay", ID) == [APPLIED]

    @pytest.mark.parametrize("said", [(), ("--all", ID), ("../etc",), ("a b",)])
    def test_what_makes_no_sense(self, run, shop, said) -> None:
        assert run("events", "replay", *said).exit_code == 2
        assert shop.sent == []


@pytest.fixture
def one_event(shop) -> None:
    shop.answers[f"/events/{ID}"] = ROW


def paths(shop) -> list[str]:
    return [path for path, _ in shop.sent]


@pytest.mark.usefixtures("one_event")
class TestDrop:
    def test_needs_a_yes_where_nobody_can_be_asked(self, run, shop) -> None:
        result = run("events", "drop", ID)
        assert (result.exit_code, shop.sent) == (2, [])
        assert "--yes" in result.stderr

    def test_does_not_ask_after_a_yes(self, run, shop) -> None:
        assert run("events", "drop", ID, "--yes").output == f"Event {ID} is dropped.\n"
        assert paths(shop) == [f"/events/{ID}"] * 2

    def test_asks_and_says_what_it_is(self, run, desk) -> None:
        desk.asks = True
        result = run("events", "drop", ID, typed="y\n")
        assert f"Drop event {ID} (no status [31m)? [y/N]" in result.stderr
        assert result.stdout.endswith(f"Event {ID} is dropped.\n")

    def test_leaves_it_alone_after_a_no(self, run, desk, shop) -> None:
        desk.asks = True
        assert run("events", "drop", ID, typed="\n").exit_code == 1
        assert paths(shop) == [f"/events/{ID}"]

    def test_one_that_is_not_there(self, run) -> None:
        assert run("events", "drop", "b-2", "--yes").exit_code == 3


@pytest.mark.parametrize("command", events.commands.values(), ids=lambda command: command.name)
def test_each_shows_an_example_and_has_help_for_its_options(command: click.Command) -> None:
    result = CliRunner().invoke(main, ["events", str(command.name), "--help"])
    assert f"\n  pizzashop events {command.name} " in result.output
    assert [each.name for each in command.params if isinstance(each, click.Option) and not each.help] == []
