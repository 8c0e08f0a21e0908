"""Find workflows that a Redis out of memory left half-written, and delete them from the store.

Out of memory, Redis still runs the deletes of a transaction but refuses its writes. The engine then lacks events that
its own metadata names. It retries every second without end, and can neither end nor purge such a workflow. Once
deleted, the workflow is started again from the order's record.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import valkey

from pizzashop.local import redis
from pizzashop.local.connection import Connection
from pizzashop.roles import WORKFLOW

_METADATA = f"*dapr.internal.*.{WORKFLOW.app_id}.workflow||*||metadata"
"""The keys of the shop's own workflows: other applications may use the same server."""
_AT_ONCE = 1000
_INBOX, _HISTORY = 1, 2
"""The numbers of the fields of the metadata, a protobuf message, that say how many events there are."""


def forget(connection: Connection) -> list[str]:
    """Delete the half-written workflows; return their ids. Raises valkey.ValkeyError if the server does not answer."""
    with redis.client(connection, texts=False) as client:
        return [key.split(b"||")[-2].decode() for key in _candidates(client) if _forget(client, key)]


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


def _forget(client: Any, key: bytes) -> bool:
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
