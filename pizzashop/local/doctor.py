"""`pizzashop doctor`: what this machine has, what is wrong with it, and what mends it."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pizzashop.domain.errors import LocalError
from pizzashop.local import components, in_flight, ports, software, storage
from pizzashop.local.finding import Finding
from pizzashop.local.preflight import wanted
from pizzashop.local.project import RUN_FILE, Project
from pizzashop.local.register import Register
from pizzashop.settings import Settings

_LOOKS = {"ok": "green", "note": "yellow", "wrong": "bold red"}


def examine(settings: Settings) -> Iterator[Finding]:
    """Every part, one after another."""
    state_dir = settings.state_dir.expanduser().absolute()
    yield from software.findings(settings.cache_dir.expanduser().absolute())
    yield directory(state_dir)
    try:
        project = Project.find()
    except LocalError as error:
        yield Finding("Project", "wrong", str(error), "cd to the project's directory")
        return
    register = Register(state_dir)
    yield whose(project)
    yield from storage.findings(project, state_dir)
    yield shop_ports(project, register)
    yield from components.findings(project)
    yield from in_flight.findings(settings, is_open=bool(register.left()))


def whose(project: Project) -> Finding:
    """Which project the shop is opened from, and whether another one was passed over for it."""
    ours, here = project.run_file.parent, Path.cwd() / RUN_FILE
    if here.is_file() and here.parent != ours:
        return Finding("Project", "note", f"{ours}: {here} starts none of the shop's roles, and is passed over")
    return Finding("Project", "ok", str(ours))


def directory(path: Path) -> Finding:
    """Where the shop keeps what must survive."""
    nearest = next(each for each in (path, *path.parents) if each.exists())
    if os.access(nearest, os.W_OK):
        return Finding("State", "ok", str(path))
    return Finding("State", "wrong", f"{nearest} cannot be written", "set PIZZASHOP_STATE_DIR to a directory of yours")


def shop_ports(project: Project, register: Register) -> Finding:
    """The ports of the roles, of their sidecars and of the services that do not run yet."""
    needed = wanted(project)
    if not (held := ports.held(needed)):
        return Finding("Ports", "ok", f"all {len(needed)} are free")
    if register.left():
        return Finding("Ports", "ok", "held by the shop, which is open")
    if passing := ports.passing(needed):
        found = f"{', '.join(map(str, passing))}: held by connections that are closing"
        return Finding("Ports", "note", found, "`up` waits up to a minute for that")
    return Finding("Ports", "wrong", f"held: {held}", "stop what holds them")


def show(findings: list[Finding], console: Console) -> None:
    """As a table in a terminal, as plain lines elsewhere."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for each in findings:
        mend = f"  → {each.mend}" if each.mend else ""
        table.add_row(Text(each.state, _LOOKS[each.state]), Text(each.part, "bold"), f"{each.found}{mend}")
        if not console.is_terminal:
            console.print(f"{each.state:<6} {each.part:<13} {each.found}{mend}", soft_wrap=True, markup=False)
    if console.is_terminal:
        console.print(table, markup=False)
    fit = all(each.state != "wrong" for each in findings)
    console.print("\nThe shop can open: pizzashop up" if fit else "\nThe shop cannot open like this.")


def as_json(findings: list[Finding]) -> str:
    """For programs."""
    return json.dumps([asdict(each) for each in findings], indent=2)
