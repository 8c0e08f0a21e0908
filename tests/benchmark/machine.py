"""What the measurements were taken on: the machine and the versions, without its name."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil

from pizzashop import __version__
from pizzashop.local.dapr_binaries import Dapr, version_of
from pizzashop.local.services import valkey_binary


def describe(dapr: Dapr) -> dict[str, str]:
    """What it is, in words."""
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": f"{os.cpu_count()} of {_processor()}",
        "memory": f"{psutil.virtual_memory().total / (1 << 30):.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}",
        "Python": platform.python_version(),
        "Dapr": dapr.version,
        "Valkey": version_of(valkey_binary()),
        "pizzashop": __version__,
    }


def busy() -> str:
    """How much else the machine was doing just before, where that may spoil a figure; else nothing."""
    load = psutil.getloadavg()[0]
    return f"The machine was busy before the measurement began (load {load:.1f})." if load > 0.5 else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
