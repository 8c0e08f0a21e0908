"""Other ways to run the shop: all roles in one process, `dapr run -f .`, and five times `dapr run`."""

import shlex
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from shop_client import PIZZASHOP, ShopClient, stages

from pizzashop.domain.lifecycle import HAPPY_PATH
from pizzashop.errors import LocalError
from pizzashop.local.dapr_binaries import Dapr, bin_dir
from pizzashop.local.ports import http_ok
from pizzashop.local.processes import Process
from pizzashop.local.programs import daprd_command, role_environment
from pizzashop.local.project import Project
from pizzashop.local.shop import Shop
from pizzashop.local.shutdown import wait_until
from pizzashop.roles import ROLES, Role


@pytest.fixture
def environment(tmp_path: Path, project: Project, dapr: Dapr) -> Iterator[dict[str, str]]:
    """Run the services, and yield the environment of sidecars, roles and `dapr run`."""
    runtime_path = tmp_path / "runtime"
    _write_launcher(runtime_path, dapr)
    # `dapr init` writes such a file.
    (runtime_path / ".dapr" / "config.yaml").write_bytes(project.config.with_name("mdns.yaml").read_bytes())
    # Without `open`, the shop runs its services only.
    with Shop(tmp_path, project, dapr):
        yield role_environment({"PIZZASHOP_PACE": "0", "DAPR_RUNTIME_PATH": str(runtime_path)})


def _write_launcher(runtime_path: Path, dapr: Dapr) -> None:
    """Write a script that starts daprd on loopback only: `dapr run` has no option for two of its addresses."""
    flags = "--dapr-internal-grpc-listen-address 127.0.0.1 --metrics-listen-address 127.0.0.1"
    script = bin_dir(runtime_path) / "daprd"
    script.parent.mkdir(parents=True)
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(str(dapr.daprd))} {flags} "$@"\n')
    script.chmod(0o755)


def _healthy(role: Role) -> bool:
    return http_ok(role.port, "/healthz") and http_ok(role.dapr_http_port, "/v1.0/healthz")


def _stop(process: Process, signal_number: int) -> None:
    process.send_signal(signal_number)
    with suppress(LocalError):
        wait_until(lambda: not process.is_running, process.name, seconds=10)
    process.stop(0)


def _deliver_an_order(client: ShopClient, processes: list[Process], signal_number: int = signal.SIGTERM) -> None:
    with ExitStack() as stack:
        for process in processes:
            stack.callback(_stop, process, signal_number)
            process.start()
        for role in ROLES:
            wait_until(lambda role=role: _healthy(role), role.name, seconds=60)
        order_id = client.place_order()
        client.decide(order_id, approved=True)
        assert stages(client.wait_for_status(order_id, "delivered")) == list(HAPPY_PATH)


def test_one_process_behind_five_sidecars(
    client: ShopClient, project: Project, dapr: Dapr, tmp_path: Path, environment: dict[str, str]
) -> None:
    every = [
        Process(app.app_id, daprd_command(dapr, project, app), tmp_path / app.name, environment) for app in project.apps
    ]
    roles = Process("all", [PIZZASHOP, "serve", "--role", "all"], tmp_path / "all", environment)
    _deliver_an_order(client, [roles, *every])


def test_dapr_run_with_the_run_file(
    client: ShopClient, project: Project, dapr_cli: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    run = Process("dapr run", [str(dapr_cli), "run", "-f", "."], tmp_path / "run", environment, project.run_file.parent)
    _deliver_an_order(client, [run], signal.SIGINT)


def test_five_separate_dapr_runs(
    client: ShopClient, project: Project, dapr_cli: Path, tmp_path: Path, environment: dict[str, str]
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
        return [str(dapr_cli), "run", *words, "--", PIZZASHOP, "serve", "--role", role.name]

    _deliver_an_order(client, [Process(r.app_id, run(r), tmp_path / r.name, environment) for r in ROLES])
