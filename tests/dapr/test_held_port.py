"""Another program holds a port of the shop for a moment while the shop opens."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from shop_client import ShopClient, eventually

from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop


def test_the_shop_opens_when_a_port_becomes_free(
    client: ShopClient, project: Project, dapr: Dapr, tmp_path: Path
) -> None:
    with (
        socket.socket() as held,
        Shop(tmp_path, project, dapr, env={"PIZZASHOP_PACE": "0"}) as shop,
        ThreadPoolExecutor(1) as pool,
    ):
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 50013))
        held.listen()
        opening = pool.submit(shop.open)
        eventually(shop["sidecar-kitchen"].log_text, lambda log: "address already in use" in log)
        held.close()
        opening.result(timeout=60)
        client.wait_for_status(client.place_order(), "pending_validation")
