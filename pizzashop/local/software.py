"""The software that the shop needs: is it there, and does it fit together."""

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pizzashop.local import dapr, toolchain
from pizzashop.local.finding import Finding
from pizzashop.local.health import listening, localhost_is_ipv6_alone, this_machine
from pizzashop.local.provide import present
from pizzashop.local.services import PORTS

_LINE = ".".join(map(str, dapr.LINE))


def findings(cache_dir: Path) -> Iterator[Finding]:
    """Python, the SDK, Dapr or what builds it, placement and scheduler."""
    yield python()
    yield sdk()
    yield from environment()
    yield from runtime(cache_dir)
    for name in ("placement", "scheduler"):
        port = PORTS[name][0]
        yield Finding(name, "ok", f"runs, port {port}" if listening(port) else "starts with the shop")


def environment() -> Iterator[Finding]:
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
    if not all(dapr.fits(each) for each in found.values()):
        mend = "pip install 'dapr>=1.18.3,<1.19' 'dapr-ext-workflow>=1.18.3,<1.19'"
        return Finding("Dapr SDK", "wrong", f"{text}: both must be {_LINE}", mend)
    return Finding("Dapr SDK", "ok", text)


def runtime(cache_dir: Path) -> Iterator[Finding]:
    """Dapr's binaries; where there are none, the Go that builds them."""
    found = present(cache_dir)
    if found is None:
        yield Finding("Dapr", "note", "none: it is built once, about 4 minutes", "or, quicker: dapr init")
        go = toolchain.installed()
        text = f"{go} {'.'.join(map(str, toolchain.version(go)))}" if go else "none: a wheel brings it for the build"
        yield Finding("Go", "ok", text)
        return
    text = f"{found.version}, {found.origin}: {found.daprd.parent}"
    if dapr.is_safe(found.version):
        yield Finding("Dapr runtime", "ok", text)
    else:
        safe, unsafe = ".".join(map(str, dapr.SAFE)), "an event whose trace fields are not strings can end its sidecar"
        yield Finding("Dapr runtime", "note", f"{text}: {unsafe}", f"dapr init --runtime-version {safe}")
    cli = dapr.cli(cache_dir)
    said = f"{dapr.version_of(cli) or 'unknown'}: {cli}" if cli else "none: only `dapr run` needs it"
    yield Finding("Dapr CLI", "ok", said)
    yield Finding("Go", "ok", "not needed, Dapr is there")
