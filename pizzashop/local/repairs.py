"""Damaged data files after a crash: find and repair those of the embedded Valkey, replace those of the scheduler.

A damaged file is copied before it is changed. The scheduler's database (etcd) may be replaced as a whole: the records
of the orders are in the store, and the shop schedules their timers again.
"""

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from mmap import PAGESIZE
from pathlib import Path

from pizzashop.errors import LocalError
from pizzashop.local.programs import valkey_binary

_AOF = "appendonly.aof"
_MANIFEST = f"{_AOF}.manifest"
_MANIFEST_LINE = re.compile(r"file (\S+) seq (\d+) type ([bih])\b.*")
_CHECK_RESULT = re.compile(r"size=(\d+), ok_up_to=(\d+)")

# etcd keeps its data in a bolt database. Bolt has no tool in Python, and its Go tool is not in the build, so the shop
# reads the two meta pages itself. A meta page has a header of 16 bytes, then: magic, version, page size, flags, the
# root and the free list (skipped), and the number of pages in use.
_BOLT_HEADER_BYTES = 16
_BOLT_META = struct.Struct("<III4x16x8xQ")
_BOLT_MAGIC = 0xED0CDAED

_CRASH = re.compile(r"^(panic|fatal error|unexpected fault address)\b", re.MULTILINE)
_ETCD_DAMAGE = re.compile(r"failed to start embedded etcd: (wal|walpb|snap|raft)\b", re.MULTILINE)
_OTHER_CAUSE = re.compile(r"no space left|permission denied|address already in use|too many open files|out of memory")


@dataclass(frozen=True)
class Damage:
    """A damaged file of Valkey. The repair keeps its first `valid_bytes`, or writes a new `manifest`."""

    file: Path
    text: str
    valid_bytes: int = 0
    manifest: str = ""


def find_valkey_damage(directory: Path) -> Iterator[Damage]:
    """Yield the damaged files in the data directory of Valkey; raise LocalError if the data cannot be repaired."""
    aof_dir = directory / "appendonlydir"
    if not any(aof_dir.glob(f"{_AOF}.*")):
        return
    names = _read_manifest(aof_dir / _MANIFEST)
    if names is None or not all((aof_dir / name).exists() for name in names):
        names = _usable_files(aof_dir)
        lines = (f"file {name} seq {_sequence(name)} type {'b' if '.base.' in name else 'i'}\n" for name in names)
        yield Damage(aof_dir / _MANIFEST, "does not name the files that exist", manifest="".join(lines))
    for name in names:
        path = aof_dir / name
        if ".base." in name:
            _require_valid_base(path)
        elif damage := _check_append_only_file(path):
            yield damage


def repair_valkey(directory: Path) -> Iterator[str]:
    """Copy and repair the damaged files of Valkey, and yield one sentence for each; LocalError as above."""
    damaged = list(find_valkey_damage(directory))
    if not damaged:
        return
    copies = directory / f"damaged-{_timestamp()}"
    copies.mkdir(parents=True)
    for each in damaged:
        if each.file.exists():
            shutil.copy2(each.file, copies)
        if each.manifest:
            new = each.file.with_name(f"{each.file.name}.new")
            new.write_text(each.manifest)
            new.replace(each.file)
        else:
            os.truncate(each.file, each.valid_bytes)
        yield f"{each.file.name} {each.text}: repaired; the damaged file, if there was one, is copied to {copies}"


def is_scheduler_damaged(directory: Path) -> bool:
    """Return whether a file of the scheduler is cut off or empty. Only etcd, when it starts, sees other damage."""
    databases = directory.glob("*/*/member/snap/db")
    logs = directory.glob("*/*/member/wal/*.wal")
    return not all(map(_is_bolt_database, databases)) or not all(map(_is_etcd_log, logs))


def ended_by_damage(log: str) -> bool:
    """Return whether the log of an ended scheduler shows that its database is damaged."""
    if _OTHER_CAUSE.search(log):
        return False
    return bool(_ETCD_DAMAGE.search(log) or (_CRASH.search(log) and "go.etcd.io/" in log))


def move_scheduler_data(directory: Path) -> Path:
    """Rename the scheduler's directory, so that the scheduler begins with an empty one; return the new path."""
    return directory.rename(directory.with_name(f"{directory.name}-damaged-{_timestamp()}"))


def _timestamp() -> str:
    return f"{datetime.now():%Y%m%dT%H%M%S}"


def _read_manifest(manifest: Path) -> list[str] | None:
    """Return the names of the files in use; None if the manifest is missing or invalid."""
    try:
        lines = [_MANIFEST_LINE.fullmatch(line) for line in manifest.read_text().splitlines()]
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if not lines or not all(lines):
        return None
    return [line[1] for line in lines if line and line[3] != "h"]


def _usable_files(aof_dir: Path) -> list[str]:
    """Return the files that a new manifest must name, the base first; raise LocalError if there is no base."""
    bases, increments = (
        sorted((path.name for path in aof_dir.glob(f"{_AOF}.*{suffix}")), key=_sequence)
        for suffix in (".base.rdb", ".incr.aof")
    )
    if not bases:
        raise LocalError(f"{aof_dir} has lost its base file: put back a copy, or move it away to start with no orders.")
    # A rewrite has just finished the newer of two bases. Only the newest incremental file belongs to it.
    return [bases[-1], *(increments if len(bases) == 1 else increments[-1:])]


def _sequence(name: str) -> int:
    return int(name.removeprefix(f"{_AOF}.").split(".")[0])


def _require_valid_base(path: Path) -> None:
    # Valkey accepts an empty base file as an empty database.
    if path.stat().st_size and _run_check("valkey-check-rdb", path).returncode:
        raise LocalError(
            f"{path} is damaged, and cannot be repaired: put back a copy of it, or move {path.parent} away."
        )


def _check_append_only_file(path: Path) -> Damage | None:
    checked = _run_check("valkey-check-aof", path)
    if checked.returncode == 0:
        return None
    result = _CHECK_RESULT.search(checked.stdout)
    if result is None:
        raise LocalError(f"{path} cannot be read: {(checked.stdout + checked.stderr).strip()[-300:]}")
    size, valid_bytes = int(result[1]), int(result[2])
    return Damage(path, f"is damaged after {valid_bytes} of its {size} bytes", valid_bytes)


def _run_check(program: str, path: Path) -> "subprocess.CompletedProcess[str]":
    # The server's binary acts as one of its check programs when it is called by that name.
    command = [program, str(path)]
    return subprocess.run(
        command, executable=valkey_binary(), capture_output=True, text=True, errors="replace", check=False
    )


def _is_bolt_database(path: Path) -> bool:
    size = path.stat().st_size
    if size == 0:
        return True  # bolt creates a new database in an empty file
    with path.open("rb") as file:
        # Bolt writes the two meta pages in turn, and needs only one that is valid.
        return any(_is_bolt_meta(file.read(PAGESIZE)[_BOLT_HEADER_BYTES:], size) for _ in range(2))


def _is_bolt_meta(meta: bytes, file_size: int) -> bool:
    if len(meta) < _BOLT_META.size:
        return False
    magic, version, page_size, pages = _BOLT_META.unpack_from(meta)
    return bool(magic == _BOLT_MAGIC and version == 2 and file_size >= pages * page_size)


def _is_etcd_log(path: Path) -> bool:
    # A log begins with the length of its first record.
    with path.open("rb") as file:
        return any(file.read(8))
