"""Describe the machine and the versions that were measured, without the machine's name."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import psutil

from pizzashop import __version__
from pizzashop.local.dapr_binaries import Dapr, version_of
from pizzashop.local.programs import valkey_binary

# A figure may be wrong if other processes have kept more than half a core busy.
MAX_LOAD = 0.5


def describe_machine(dapr: Dapr) -> dict[str, str]:
    """Return the facts about the machine and the software by their names."""
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": f"{os.cpu_count()} of {_processor()}",
        "memory": f"{psutil.virtual_memory().total / (1 << 30):.0f} GiB",
        "system": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}, {platform.machine()}",
        "Python": platform.python_version(),
        "Dapr": dapr.version,
        "Valkey": version_of(valkey_binary()),
        "pizzashop": __version__,
    }


def load_warning() -> str:
    """Return a warning if the machine was busy just before the measurement; else an empty text."""
    load = psutil.getloadavg()[0]
    return f"The machine was busy before the measurement began (load {load:.1f})." if load > MAX_LOAD else ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
