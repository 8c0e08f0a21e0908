"""The help of every command."""

import click
import pytest
from click.testing import CliRunner

from pizzashop.cli import CONSOLE_COMMANDS, main

CONTEXT = click.Context(main)
NAMES = main.list_commands(CONTEXT)


def command(name: str) -> click.Command:
    found = main.get_command(CONTEXT, name)
    assert found is not None
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_its_name_and_help(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert result.exit_code == 0
    assert command(name).name == name
    assert command(name).help


@pytest.mark.parametrize("name", NAMES)
def test_every_option_has_help(name: str) -> None:
    options = [each for each in command(name).params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []


@pytest.mark.parametrize("name", CONSOLE_COMMANDS)
def test_operator_commands_show_examples_and_can_print_json(name: str) -> None:
    result = CliRunner().invoke(main, [name, "--help"])
    assert f"\n  pizzashop {name} " in result.output
    assert "--json" in result.output
