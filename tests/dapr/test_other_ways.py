"""Other ways to run the shop: all roles in one process, and the workshop's five separate `dapr run`."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from shop_client import PIZZASHOP, ShopClient, stages

from pizzashop.domain.order import WAY
from pizzashop.local import sidecars
from pizzashop.local.closing import Closing
from pizzashop.local.dapr import Dapr
from pizzashop.local.health import http_ok, wait_until
from pizzashop.local.process import Process
from pizzashop.local.project import Project
from pizzashop.local.services import Services
from pizzashop.roles import ROLES, Role


@pytest.fixture
def environment(tmp_path: Path, project: Project, dapr: Dapr) -> Iterator[dict[str, str]]:
    """The services run; what a sidecar and a role need in their environment."""
    runtime_path = sidecars.launcher(tmp_path, dapr)
    # As `dapr init` leaves one.
    shutil.copy(project.config.with_name("mdns.yaml"), runtime_path / ".dapr" / "config.yaml")
    with Services(tmp_path, dapr):
        yield sidecars.environment(runtime_path, {"PIZZASHOP_PACE": "0"})


def _healthy(role: Role) -> bool:
    return http_ok(role.port, "/healthz") and http_ok(role.dapr_http_port, "/v1.0/healthz")


def _goes_all_the_way(client: ShopClient, processes: list[Process]) -> None:
    with ExitStack() as stack:
        for process in processes:
            stack.callback(process.stop)
            process.start()
        for role in ROLES:
            wait_until(lambda role=role: _healthy(role), role.name, seconds=60, closing=Closing())
        order_id = client.placed()
        client.decide(order_id, approved=True)
        assert stages(client.until(order_id, "delivered")) == list(WAY)


def test_one_process_behind_five_sidecars(
    client: ShopClient, project: Project, tmp_path: Path, environment: dict[str, str]
) -> None:
    runtime_path = Path(environment["DAPR_RUNTIME_PATH"])
    every = [
        Process(role.app_id, sidecars.daprd(runtime_path, project, role.app_id), tmp_path / role.name, environment)
        for role in ROLES
    ]
    roles = Process("all", [PIZZASHOP, "serve", "--role", "all"], tmp_path / "all", environment)
    _goes_all_the_way(client, [roles, *every])


def test_five_separate_dapr_runs(
    client: ShopClient, project: Project, dapr: Dapr, tmp_path: Path, environment: dict[str, str]
) -> None:
    def run(role: Role) -> list[str]:
        options = {
            "--app-id": role.app_id,
            "--app-protocol": "http",
            "--app-port": role.port,
            "--dapr-http-port": role.dapr_http_port,
            "--resources-path": project.resources,
        }
        words = [str(word) for pair in options.items() for word in pair]
        return [str(dapr.cli), "run", *words, "--", PIZZASHOP, "serve", "--role", role.name]

    _goes_all_the_way(client, [Process(r.app_id, run(r), tmp_path / r.name, environment) for r in ROLES])
