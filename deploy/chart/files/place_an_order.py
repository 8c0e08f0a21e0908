"""Place an order in a running shop, approve its pizza, and wait until it is delivered.

Usage: place_an_order.py ORDER_URL WORKFLOW_URL, with a manager's token in PIZZASHOP_STAFF_TOKEN.
"""

import os
import sys
import time

from pizzashop.console.shop import ShopApi
from pizzashop.domain.ids import generate_order_id
from pizzashop.errors import ShopError

TIMEOUT_SECONDS = 240


def main(order_url: str, workflow_url: str) -> None:
    shop = ShopApi(order_url, workflow_url, token=os.environ["PIZZASHOP_STAFF_TOKEN"])
    order_id = generate_order_id()
    shop.place_order({"order_id": order_id, "pizza_type": "margherita", "size": "small"})
    status = "placed"
    print(f"order {order_id} is {status}", flush=True)
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while status != "delivered":
        if time.monotonic() > deadline:
            raise ShopError(f"order {order_id} is still {status} after {TIMEOUT_SECONDS} s")
        time.sleep(0.5)
        record = shop.get_order(order_id)
        if record.error:
            raise ShopError(f"order {order_id} has failed: {record.error}")
        if record.status == status:
            continue
        status = record.status
        print(f"order {order_id} is {status}", flush=True)
        if status == "pending_validation":
            shop.send_decision({"order_id": order_id, "approved": True})


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ShopError as error:
        sys.exit(f"The test has failed: {error}")
