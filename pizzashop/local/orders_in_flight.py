"""Orders in flight that are stuck: what `up` and `doctor` say of them.

The scheduler's data holds the timers and reminders that orders wait for; the store holds the orders. Each opening
writes the same mark into the directories `scheduler/` and `valkey/`. If the marks differ at the next opening, the
scheduler's data was lost, or restored from an older copy.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import valkey

from pizzashop.console.client import Client
from pizzashop.errors import ShopError
from pizzashop.local import redis
from pizzashop.local.findings import Finding
from pizzashop.local.redis import Connection
from pizzashop.roles import ORDER, WORKFLOW
from pizzashop.settings import Settings

_METADATA = f"*dapr.internal.*.{WORKFLOW.app_id}.workflow||*||metadata"
"""The keys of the shop's own workflows: other applications may use the same server."""
_AT_ONCE = 1000
_INBOX, _HISTORY = 1, 2
"""The numbers of the fields of the metadata, a protobuf message, that say how many events there are."""


def forget_torn_workflows(connection: Connection) -> list[str]:
    """Delete the half-written workflows; return their ids. Raises valkey.ValkeyError if the server does not answer."""
    with redis.client(connection, texts=False) as client:
        return [key.split(b"||")[-2].decode() for key in _candidates(client) if _forget_torn(client, key)]


def _candidates(client: Any) -> Iterator[bytes]:
    """The metadata of the workflows that have unread events: no other is torn."""
    keys = client.scan_iter(match=_METADATA, count=_AT_ONCE)
    while batch := list(islice(keys, _AT_ONCE)):
        pipeline = client.pipeline(transaction=False)
        for key in batch:
            pipeline.hget(key, "data")
        for key, data in zip(batch, pipeline.execute(), strict=True):
            if _numbers(data).get(_INBOX):
                yield key


def _forget_torn(client: Any, key: bytes) -> bool:
    prefix = key.removesuffix(b"metadata")
    with client.pipeline() as transaction:
        # The engine may write meanwhile: then this one is not torn.
        transaction.watch(key)
        counts = _numbers(transaction.hget(key, "data"))
        names = [b"inbox-%06d" % number for number in range(counts.get(_INBOX, 0))]
        names += [b"history-%06d" % number for number in range(counts.get(_HISTORY, 0))]
        if not names or transaction.exists(*(prefix + name for name in names)) == len(names):
            return False
        transaction.multi()
        transaction.delete(key, prefix + b"customStatus", *(prefix + name for name in names))
        try:
            transaction.execute()
        except valkey.WatchError:
            return False
    return True


def _numbers(data: bytes | None) -> dict[int, int]:
    """The numbers in a protobuf message, by field, up to the first field that is none."""
    found, left = dict[int, int](), iter(data or b"")
    for tag in left:
        if tag & 7:
            break
        shift = value = 0
        for byte in left:
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found[tag >> 3] = value
    return found


MARK = "opened-as"
DIFFER = "the scheduler's data is missing, or older than the orders in flight"
GO_ON = "Orders in flight are stuck at first, and go on by themselves within two minutes after the opening."


def write_marks(state_dir: Path) -> bool:
    """Write a new mark to the data of scheduler and store; answers whether they had different ones."""
    differed = marks_differ(state_dir)
    word = uuid4().hex
    for path in _marks(state_dir):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(word)
    return differed


def marks_differ(state_dir: Path) -> bool:
    """Whether the scheduler's data is not that of the last opening; False where nothing was marked yet."""
    of_store, of_scheduler = (_read(path) for path in _marks(state_dir))
    return of_store is not None and of_scheduler != of_store


def findings(settings: Settings, *, is_open: bool) -> Iterator[Finding]:
    """What `doctor` says: while the shop is open by asking it, else by the marks."""
    if not is_open:
        if marks_differ(settings.state_dir.expanduser().absolute()):
            yield Finding("Orders", "note", DIFFER, GO_ON)
        return
    # Where the staff signs in and PIZZASHOP_STAFF_TOKEN is not set, the shop refuses to answer.
    with suppress(ShopError), Client(read=5.0, token=settings.staff_token) as client:
        stuck = client.get(f"http://127.0.0.1:{ORDER.port}/unsettled")["stuck"]
        named = ", ".join(stuck[:3]) + (" …" if len(stuck) > 3 else "")
        mend = "the shop goes on with them by itself; if one stays so, see the log of role workflow, or cancel it"
        if stuck:
            yield Finding("Orders", "note", f"{len(stuck)} made no progress for a minute or longer: {named}", mend)
        else:
            yield Finding("Orders", "ok", "none in flight is stuck")


def _marks(state_dir: Path) -> tuple[Path, Path]:
    return state_dir / "valkey" / MARK, state_dir / "scheduler" / MARK


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
