"""Which orders have not ended: a set of their ids, so that what is to be seen to is found without reading all."""

from collections.abc import Sequence
from zlib import crc32

from pizzashop.order.cell import Cell
from pizzashop.sidecar import Sidecar

SHARDS = 8


class OpenOrders:
    """The ids of the orders that have not ended, in shards, so that writers rarely meet."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._shards: Sequence[Cell] = [Cell(sidecar, f"open_{number}") for number in range(SHARDS)]

    def add(self, order_id: str) -> None:
        """An order is about to be accepted."""
        self._shard(order_id).update(lambda ids: ids if order_id in ids else [*ids, order_id])

    def remove(self, order_id: str) -> None:
        """An order has ended."""
        self._shard(order_id).update(lambda ids: [each for each in ids if each != order_id])

    def ids(self) -> list[str]:
        """All of them, in no order."""
        return [order_id for shard in self._shards for order_id in shard.read()]

    def _shard(self, order_id: str) -> Cell:
        return self._shards[crc32(order_id.encode()) % SHARDS]
