"""The commands that run the shop on this machine."""

import click

COMMANDS: tuple[click.Command, ...] = ()
