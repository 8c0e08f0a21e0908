"""`pizzashop events`: list, replay and drop events that could not be applied."""

import click
import pytest
from click.testing import CliRunner
from fake_shop import problem

from pizzashop.cli import main
from pizzashop.console.events import events

ID = "20261123T213343120456-1a2b3c4d5e6f"
EVENT = {"id": ID, "at": "2026-11-23T21:33:43Z", "reason": "no status\x1b[31m", "order_id": "1"}
APPLIED = {**EVENT, "reason": None, "replayed": True}
NOT_APPLIED = {**EVENT, "reason": "still no status", "replayed": False}


class TestList:
    def test_shows_each_event_with_its_order_and_reason(self, run, shop) -> None:
        shop.answers["/events"] = {"events": [EVENT, {**EVENT, "id": "b-2", "order_id": None}], "next": None}
        lines = run("events").output.splitlines()
        assert [line.split()[:2] for line in lines] == [["EVENT", "ORDER"], [ID, "1"], ["b-2", "-"]]
        assert "no status" in lines[1]
        assert "\x1b" not in lines[1]
        assert shop.requests == [("/events", {"limit": "20"})]

    def test_shows_the_command_for_the_next_page(self, run, shop) -> None:
        shop.answers["/events"] = {"events": [EVENT], "next": ID}
        assert f"pizzashop events --limit 1 --after {ID}" in run("events", "--limit", "1").output

    def test_without_events_says_so(self, run, shop) -> None:
        shop.answers["/events"] = {"events": [], "next": None}
        assert run("events").output == "There are no dead letters.\n"

    def test_as_json_is_the_answer_of_the_shop(self, run_json, shop) -> None:
        shop.answers["/events"] = {"events": [EVENT], "next": None}
        assert run_json("events") == {"events": [EVENT], "next": None}


class TestReplay:
    def test_of_an_event_that_can_be_applied(self, run, shop) -> None:
        shop.answers[f"/events/{ID}/replay"] = APPLIED
        result = run("events", "replay", ID)
        assert (result.exit_code, result.output) == (0, f"Event {ID}, of order 1, is applied.\n")

    def test_of_an_event_that_cannot_be_applied(self, run, shop) -> None:
        shop.answers[f"/events/{ID}/replay"] = NOT_APPLIED
        result = run("events", "replay", ID)
        assert result.exit_code == 4
        assert result.stderr == f"pizzashop: {ID}: It still cannot be applied: still no status\n"

    def test_of_an_unknown_event(self, run, shop) -> None:
        shop.answers[f"/events/{ID}/replay"] = problem(404, "Event not found")
        result = run("events", "replay", ID)
        assert (result.exit_code, result.stderr) == (3, f"pizzashop: There is no dead letter {ID}.\n")

    def test_of_all_events(self, run, shop) -> None:
        shop.answers["/events/replay"] = {"events": [APPLIED, {**NOT_APPLIED, "id": "b-2"}], "next": None}
        result = run("events", "replay", "--all")
        assert (result.exit_code, result.stdout) == (4, f"Event {ID}, of order 1, is applied.\n")
        assert result.stderr == "pizzashop: b-2: It still cannot be applied: still no status\n"
        assert shop.requests == [("/events/replay", {})]

    def test_of_all_events_when_there_are_none(self, run_json, shop) -> None:
        shop.answers["/events/replay"] = {"events": [], "next": None}
        assert run_json("events", "replay", "--all") == []

    def test_as_json_is_the_answer_of_the_shop(self, run_json, shop) -> None:
        shop.answers[f"/events/{ID}/replay"] = APPLIED
        assert run_json("events", "replay", ID) == [APPLIED]

    @pytest.mark.parametrize("arguments", [(), ("--all", ID), ("../etc",), ("a b",)])
    def test_refuses_invalid_arguments_without_a_request(self, run, shop, arguments) -> None:
        assert run("events", "replay", *arguments).exit_code == 2
        assert shop.requests == []


def paths(shop) -> list[str]:
    return [path for path, _ in shop.requests]


class TestDrop:
    @pytest.fixture(autouse=True)
    def _one_event(self, shop) -> None:
        shop.answers[f"/events/{ID}"] = EVENT

    def test_needs_yes_without_a_terminal(self, run, shop) -> None:
        result = run("events", "drop", ID)
        assert (result.exit_code, shop.requests) == (2, [])
        assert "--yes" in result.stderr

    def test_with_yes_does_not_ask(self, run, shop) -> None:
        assert run("events", "drop", ID, "--yes").output == f"Event {ID} is dropped.\n"
        assert paths(shop) == [f"/events/{ID}"] * 2

    def test_shows_the_reason_when_it_asks(self, run, context) -> None:
        context.is_interactive = True
        result = run("events", "drop", ID, typed="y\n")
        assert f"Drop event {ID} (no status [31m)? [y/N]" in result.stderr
        assert result.stdout.endswith(f"Event {ID} is dropped.\n")

    def test_does_nothing_after_a_no(self, run, context, shop) -> None:
        context.is_interactive = True
        assert run("events", "drop", ID, typed="\n").exit_code == 1
        assert paths(shop) == [f"/events/{ID}"]

    def test_of_an_unknown_event_fails(self, run) -> None:
        assert run("events", "drop", "b-2", "--yes").exit_code == 3


@pytest.mark.parametrize("command", events.commands.values(), ids=lambda command: command.name)
def test_each_subcommand_shows_an_example_and_explains_its_options(command: click.Command) -> None:
    result = CliRunner().invoke(main, ["events", str(command.name), "--help"])
    assert f"\n  pizzashop events {command.name} " in result.output
    assert [each.name for each in command.params if isinstance(each, click.Option) and not each.help] == []
