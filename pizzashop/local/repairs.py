"""Damaged data after a crash: repair Valkey's files, replace the scheduler's, and delete half-written workflows.

A damaged file is copied before it is changed. The scheduler's database (etcd) may be replaced as a whole, and so may a
workflow: the records of the orders are in the store. Orders are stuck then until the reconciler of role `workflow`
continues them from their records.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import valkey
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from pizzashop.errors import LocalError
from pizzashop.local.programs import valkey_binary
from pizzashop.local.redis import Connection
from pizzashop.roles import WORKFLOW

_AOF = "appendonly.aof"
_MANIFEST = f"{_AOF}.manifest"
_MANIFEST_LINE = re.compile(r"file (\S+) seq (\d+) type ([bih])\b.*")
_CHECK_RESULT = re.compile(r"size=(\d+), ok_up_to=(\d+)")

_CRASH = re.compile(r"^(panic|fatal error|unexpected fault address)\b", re.MULTILINE)
_ETCD_DAMAGE = re.compile(r"failed to start embedded etcd: (wal|walpb|snap|raft)\b", re.MULTILINE)
_OTHER_CAUSE = re.compile(r"no space left|permission denied|address already in use|too many open files|out of memory")

# The keys of the shop's workflows only: another application may use the same server.
_METADATA_KEYS = f"*dapr.internal.*.{WORKFLOW.app_id}.workflow||*||metadata"
_BATCH_SIZE = 1000
# The engine stores a workflow as metadata and one key for each event. The metadata is a protobuf message, for which
# Dapr publishes no Python class; these fields are the numbers of its events.
_INBOX_FIELD, _HISTORY_FIELD = 1, 2

# Each opening writes the same new id into the directories of the store and of the scheduler. Different ids at the next
# opening show that the scheduler's data was lost, or that one of the two was restored from a copy.
_OPENING_ID_FILE = "opened-as"
LOST_TIMERS = "the scheduler's data is missing, or not of the same time as the orders in flight"
LOST_TIMERS_RECOVERY = "Orders in flight are stuck at first, and continue by themselves within two minutes."


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
            # Valkey accepts an empty base file as an empty database.
            if path.stat().st_size and _run_check("valkey-check-rdb", path).returncode:
                raise LocalError(
                    f"{path} is damaged, and cannot be repaired: put back a copy of it, or move {path.parent} away."
                )
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


def delete_half_written_workflows(connection: Connection) -> list[str]:
    """Delete the workflows of which events are missing; return their ids.

    A server that is out of memory leaves such workflows, and the engine cannot read them. The reconciler starts each
    again from its order's record. Raise valkey.ValkeyError if the server does not answer.
    """
    with connection.client(decode_responses=False) as client:
        return [
            key.split(b"||")[-2].decode() for key in _keys_with_inbox(client) if _delete_if_half_written(client, key)
        ]


def write_opening_id(state_dir: Path, store: str = "redis") -> bool:
    """Write a new id of the opening to store and scheduler; return whether the scheduler had lost its data before."""
    has_lost_timers = are_timers_lost(state_dir, store)
    opening_id = uuid4().hex
    for path in _opening_id_files(state_dir, store):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(opening_id)
    return has_lost_timers


def are_timers_lost(state_dir: Path, store: str = "redis") -> bool:
    """Return whether the scheduler's data is not that of the last opening; False before the first opening."""
    store_id, scheduler_id = (_read_opening_id(path) for path in _opening_id_files(state_dir, store))
    return store_id is not None and scheduler_id != store_id


def _opening_id_files(state_dir: Path, store: str) -> tuple[Path, Path]:
    store_dir = state_dir / ("valkey" if store == "redis" else store)
    return store_dir / _OPENING_ID_FILE, state_dir / "scheduler" / _OPENING_ID_FILE


def _read_opening_id(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _keys_with_inbox(client: Any) -> Iterator[bytes]:
    """Yield the metadata keys of the workflows that have unread events; no other workflow can be half-written."""
    keys = client.scan_iter(match=_METADATA_KEYS, count=_BATCH_SIZE)
    while batch := list(islice(keys, _BATCH_SIZE)):
        pipeline = client.pipeline(transaction=False)
        for key in batch:
            pipeline.hget(key, "data")
        for key, metadata in zip(batch, pipeline.execute(), strict=True):
            if _protobuf_numbers(metadata).get(_INBOX_FIELD):
                yield key


def _delete_if_half_written(client: Any, key: bytes) -> bool:
    prefix = key.removesuffix(b"metadata")
    with client.pipeline() as transaction:
        # A workflow that the engine writes in the meantime is not half-written; then the transaction fails.
        transaction.watch(key)
        counts = _protobuf_numbers(transaction.hget(key, "data"))
        events = [b"inbox-%06d" % number for number in range(counts.get(_INBOX_FIELD, 0))]
        events += [b"history-%06d" % number for number in range(counts.get(_HISTORY_FIELD, 0))]
        if not events or transaction.exists(*(prefix + event for event in events)) == len(events):
            return False
        transaction.multi()
        transaction.delete(key, prefix + b"customStatus", *(prefix + event for event in events))
        try:
            transaction.execute()
        except valkey.WatchError:
            return False
    return True


def _protobuf_numbers(message: bytes | None) -> dict[int, int]:
    """Return the fields of a protobuf message by number; none if it cannot be read."""
    try:
        return {each.field_number: each.data for each in UnknownFieldSet(Empty.FromString(message or b""))}
    except DecodeError:
        return {}
