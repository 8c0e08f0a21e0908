"""An event that the shop can make nothing of, on the real topic: kept, listed, replayed and dropped."""

import json
from pathlib import Path

from shop_client import OpenShop, ShopClient, eventually, new_order, pizzashop

PUBLISH = "http://127.0.0.1:3501/v1.0/publish/pizzapubsub/orders"


def test_it_is_kept_once_until_an_operator_is_done_with_it(
    open_shop: OpenShop, client: ShopClient, tmp_path: Path
) -> None:
    with open_shop(tmp_path, pace=0):
        order = new_order()
        assert client.reply("POST", PUBLISH, {**order, "status": "eaten"}).status == 204
        (row,) = eventually(lambda: json.loads(pizzashop("events", "--json").stdout)["events"])
        assert row["order_id"] == order["order_id"]
        assert "eaten" in row["reason"]
        replayed = pizzashop("events", "replay", "--all")
        assert (replayed.returncode, "It stays kept" in replayed.stderr) == (4, True)
        assert row["id"] in pizzashop("events").stdout
        assert pizzashop("events", "drop", row["id"], "--yes").returncode == 0
        assert pizzashop("events").stdout == "No events are kept aside.\n"
        # Meanwhile the topic goes on.
        assert client.start(order)[0] == 200
        client.until(order["order_id"], "pending_validation")
