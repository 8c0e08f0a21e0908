"""The systemd units, started without systemd: each command, with the environment of its unit and no other."""

from contextlib import ExitStack
from pathlib import Path

from shop_client import ShopClient, stages
from written_units import WrittenUnit, in_order

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.local.dapr_binaries import Dapr
from pizzashop.local.ports import http_ok
from pizzashop.local.processes import Process
from pizzashop.local.project import Project
from pizzashop.local.shutdown import wait_until
from pizzashop.local.units import render_units
from pizzashop.roles import ROLES


def test_an_order_is_delivered_by_the_commands_of_the_units(
    project: Project, dapr: Dapr, tmp_path: Path, client: ShopClient
) -> None:
    env_file = tmp_path / "pizzashop.env"
    texts = render_units(project, dapr, {}, env_file, "nobody", tmp_path)
    units = {name: WrittenUnit.parse(text) for name, text in texts.items() if name.endswith(".service")}
    # systemd makes this directory.
    (tmp_path / "valkey").mkdir()
    with ExitStack() as stack:
        for name in in_order(units):
            unit = units[name]
            env = {**unit.env, "PIZZASHOP_PACE": "0"}
            process = Process(name, unit.command, tmp_path / f"{name}.log", env, unit.directory)
            stack.callback(process.stop)
            process.start()
        for role in ROLES:
            wait_until(lambda role=role: http_ok(role.dapr_http_port, "/v1.0/healthz"), role.name, seconds=60)
        order_id = client.place_order()
        client.decide(order_id, approved=True)
        assert stages(client.wait_for_status(order_id, "delivered", seconds=60)) == list(HAPPY_PATH)
