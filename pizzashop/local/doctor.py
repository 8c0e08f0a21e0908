"""`pizzashop doctor`: what this machine has, what is wrong with it, and what mends it."""

import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pizzashop.errors import LocalError
from pizzashop.local import components, dapr_binaries, go, orders_in_flight, ports, storage
from pizzashop.local.build import find_dapr
from pizzashop.local.findings import Finding
from pizzashop.local.ports import listening, localhost_is_ipv6_alone, this_machine
from pizzashop.local.project import RUN_FILE, Project
from pizzashop.local.services import PORTS
from pizzashop.local.shop import Register, required_ports
from pizzashop.settings import Settings

_LINE = ".".join(map(str, dapr_binaries.LINE))


def software_findings(cache_dir: Path) -> Iterator[Finding]:
    """Python, the SDK, Dapr or what builds it, placement and scheduler."""
    yield python()
    yield sdk()
    yield from environment_findings()
    yield from runtime(cache_dir)
    for name in ("placement", "scheduler"):
        port = PORTS[name][0]
        yield Finding(name, "ok", f"runs, port {port}" if listening(port) else "starts with the shop")


def environment_findings() -> Iterator[Finding]:
    """What the environment says that the shop's processes should not hear."""
    if os.environ.get("NAMESPACE"):
        found = "NAMESPACE is set: `up` ignores it; under `dapr run` another one hides all orders in flight"
        yield Finding("Environment", "note", found, "unset NAMESPACE")
    if this_machine() != "localhost" or localhost_is_ipv6_alone():
        found = "`localhost` is not 127.0.0.1 here: a Redis of your own must listen on ::1 too"
        yield Finding("Environment", "note", found, "have /etc/hosts say: 127.0.0.1 localhost")


def python() -> Finding:
    """The interpreter that runs the shop."""
    return Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}")


def sdk() -> Finding:
    """The two wheels of Dapr's SDK: both of one line, which is the runtime's."""
    try:
        found = {name: version(name) for name in ("dapr", "dapr-ext-workflow")}
    except PackageNotFoundError as error:
        return Finding("Dapr SDK", "wrong", f"{error.name} is not installed", "pip install -e .")
    text = ", ".join(f"{name} {each}" for name, each in found.items())
    if not all(dapr_binaries.is_supported(each) for each in found.values()):
        mend = "pip install 'dapr>=1.18.3,<1.19' 'dapr-ext-workflow>=1.18.3,<1.19'"
        return Finding("Dapr SDK", "wrong", f"{text}: both must be {_LINE}", mend)
    return Finding("Dapr SDK", "ok", text)


def runtime(cache_dir: Path) -> Iterator[Finding]:
    """Dapr's binaries; where there are none, the Go that builds them."""
    found = find_dapr(cache_dir)
    if found is None:
        yield Finding("Dapr", "note", "none: it is built once, about 4 minutes", "or, quicker: dapr init")
        binary = go.installed_go()
        text = (
            f"{binary} {'.'.join(map(str, go.go_version(binary)))}"
            if binary
            else "none: a wheel brings it for the build"
        )
        yield Finding("Go", "ok", text)
        return
    text = f"{found.version}, {found.origin}: {found.daprd.parent}"
    if dapr_binaries.is_safe(found.version):
        yield Finding("Dapr runtime", "ok", text)
    else:
        safe, unsafe = (
            ".".join(map(str, dapr_binaries.SAFE)),
            "an event whose trace fields are not strings can end its sidecar",
        )
        yield Finding("Dapr runtime", "note", f"{text}: {unsafe}", f"dapr init --runtime-version {safe}")
    cli = dapr_binaries.dapr_cli(cache_dir)
    said = f"{dapr_binaries.version_of(cli) or 'unknown'}: {cli}" if cli else "none: only `dapr run` needs it"
    yield Finding("Dapr CLI", "ok", said)
    yield Finding("Go", "ok", "not needed, Dapr is there")


_LOOKS = {"ok": "green", "note": "yellow", "wrong": "bold red"}


def examine(settings: Settings) -> Iterator[Finding]:
    """Every part, one after another."""
    state_dir = settings.state_dir.expanduser().absolute()
    yield from software_findings(settings.cache_dir.expanduser().absolute())
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
    yield from orders_in_flight.findings(settings, is_open=bool(register.left()))


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
    needed = required_ports(project)
    if not (held := ports.held(needed)):
        return Finding("Ports", "ok", f"all {len(needed)} are free")
    if register.left():
        return Finding("Ports", "ok", "held by the shop, which is open")
    if passing := ports.held_by_connections(needed):
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
