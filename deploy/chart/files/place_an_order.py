"""Place an order in a running shop, approve its pizza, and wait until it is delivered.

Usage: place_an_order.py ORDER_URL WORKFLOW_URL, with a manager's token in PIZZASHOP_STAFF_TOKEN.
"""

import os
import sys
import time

from pizzashop.console.shop import ShopApi
from pizzashop.domain.ids import generate_order_id

TIMEOUT_SECONDS = 240

order_url, workflow_url = sys.argv[1:]
shop = ShopApi(order_url, workflow_url, token=os.environ["PIZZASHOP_STAFF_TOKEN"])
order_id = generate_order_id()
shop.place_order({"order_id": order_id, "pizza_type": "margherita", "size": "small"})
print(f"order {order_id} is placed")
deadline = time.monotonic() + TIMEOUT_SECONDS
status = ""
while status != "delivered":
    if time.monotonic() > deadline:
        sys.exit(f"order {order_id} is not delivered after {TIMEOUT_SECONDS} s: it is {status}")
    time.sleep(1)
    record = shop.get_order(order_id)
    if record.status == status:
        continue
    status = record.status
    print(f"order {order_id} is {status}")
    if status == "pending_validation":
        shop.send_decision({"order_id": order_id, "approved": True, "by": "helm test"})
    elif record.error:
        sys.exit(f"order {order_id} has failed: {record.error}")
