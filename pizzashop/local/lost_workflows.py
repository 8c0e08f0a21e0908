"""Find workflow data that was lost: delete half-written workflows, and notice a scheduler without its data.

The orders of both are stuck at first. The reconciler of role `workflow` then continues them from their records.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import valkey

from pizzashop.local.redis import Connection
from pizzashop.roles import WORKFLOW

# The keys of the shop's workflows only: another application may use the same server.
_METADATA_KEYS = f"*dapr.internal.*.{WORKFLOW.app_id}.workflow||*||metadata"
_BATCH_SIZE = 1000
# The engine stores a workflow as metadata and one key for each event. The metadata is a protobuf message, and these
# fields are the numbers of its events. Dapr publishes no Python class for it, so the shop reads the two numbers itself.
_INBOX_FIELD, _HISTORY_FIELD = 1, 2

# Each opening writes the same new id into the directories of the store and of the scheduler. Different ids at the next
# opening show that the scheduler's data was lost, or restored from an older copy.
_OPENING_ID_FILE = "opened-as"
LOST_TIMERS = "the scheduler's data is missing, or older than the orders in flight"
LOST_TIMERS_RECOVERY = "Orders in flight are stuck at first, and continue by themselves within two minutes."


def delete_half_written_workflows(connection: Connection) -> list[str]:
    """Delete the workflows of which events are missing; return their ids.

    A server that is out of memory leaves such workflows, and the engine cannot read them. The reconciler starts each
    again from its order's record. Raise valkey.ValkeyError if the server does not answer.
    """
    with connection.client(decode_responses=False) as client:
        return [
            key.split(b"||")[-2].decode() for key in _keys_with_inbox(client) if _delete_if_half_written(client, key)
        ]


def write_opening_id(state_dir: Path) -> bool:
    """Write a new id of the opening to store and scheduler; return whether the scheduler had lost its data before."""
    has_lost_timers = are_timers_lost(state_dir)
    opening_id = uuid4().hex
    for path in _opening_id_files(state_dir):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(opening_id)
    return has_lost_timers


def are_timers_lost(state_dir: Path) -> bool:
    """Return whether the scheduler's data is not that of the last opening; False before the first opening."""
    store_id, scheduler_id = (_read_opening_id(path) for path in _opening_id_files(state_dir))
    return store_id is not None and scheduler_id != store_id


def _opening_id_files(state_dir: Path) -> tuple[Path, Path]:
    return state_dir / "valkey" / _OPENING_ID_FILE, state_dir / "scheduler" / _OPENING_ID_FILE


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
    """Return the integers at the start of a protobuf message by field number, up to a field of another type."""
    found, stream = dict[int, int](), iter(message or b"")
    for tag in stream:
        if tag & 7:
            break
        shift = value = 0
        for byte in stream:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found[tag >> 3] = value
    return found
