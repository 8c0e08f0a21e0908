"""Where an order stands, in a few words: what role `order` says of it."""

from typing import Any

from pizzashop.roles import ORDER
from pizzashop.sidecar import Sidecar

Summary = dict[str, Any]


def summary(sidecar: Sidecar, order_id: str) -> Summary:
    """The order's summary as its record has it now; raises NotFound or Unavailable."""
    found: Summary = sidecar.invoke(ORDER, "GET", f"/order/{order_id}/summary")
    return found
