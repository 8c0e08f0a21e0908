"""The scheduler's own database (etcd): whether it is damaged, and a new one in its place.

Orders do not depend on it: their records are in the store, and what an order still waits for is scheduled again.
"""

import re
import struct
from datetime import datetime
from mmap import PAGESIZE
from pathlib import Path

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
