"""The commands that talk to a running shop."""

import click

COMMANDS: tuple[click.Command, ...] = ()
