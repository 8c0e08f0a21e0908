"""Which orders have not ended: a set of their ids, so that what is to be seen to is found without reading all."""

import json
from collections.abc import Sequence
from zlib import crc32

from pizzashop.order.cell import Cell
from pizzashop.sidecar import Sidecar

SHARDS = 8


class OpenOrders:
    """The ids of the orders that have not ended, in shards, so that writers rarely meet."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._keys = [f"open_{number}" for number in range(SHARDS)]
        self._shards: Sequence[Cell] = [Cell(sidecar, key) for key in self._keys]

    def add(self, order_id: str) -> None:
        """An order is about to be accepted."""
        self._shard(order_id).update(lambda ids: ids if order_id in ids else [*ids, order_id])

    def remove(self, order_ids: Sequence[str]) -> None:
        """Orders have ended."""
        ended = set(order_ids)
        for shard in {self._shard(order_id) for order_id in ended}:
            shard.update(lambda ids: [each for each in ids if each not in ended])

    def ids(self) -> list[str]:
        """All of them, in no order."""
        shards = self._sidecar.load_many(self._keys)
        return [order_id for shard in shards if shard.value for order_id in json.loads(shard.value)]

    def _shard(self, order_id: str) -> Cell:
        return self._shards[crc32(order_id.encode()) % SHARDS]
