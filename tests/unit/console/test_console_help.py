"""Every command says what it is for, and those of the console show how."""

import click
import pytest
from click.testing import CliRunner

from pizzashop.cli import main
from pizzashop.console.commands import COMMANDS


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert main.commands[name].help


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_option_has_help(name: str) -> None:
    options = [each for each in main.commands[name].params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_console_shows_examples_and_speaks_json(command: click.Command) -> None:
    result = CliRunner().invoke(main, [str(command.name), "--help"])
    assert f"\n  pizzashop {command.name} " in result.output
    assert "--json" in result.output
