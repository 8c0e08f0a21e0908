"""`deploy/machines/run` starts each process with the shop's ports, and knows the same three machines as its peers."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from pizzashop.local.dapr_binaries import NAMES
from pizzashop.local.programs import SERVICE_PORTS
from pizzashop.local.project import Project, flag_name
from pizzashop.roles import ROLES, Role

ROOT = Path(__file__).parents[2]
RUN = ROOT / "deploy" / "machines" / "run"
SECOND = "10.0.0.12"


def run(directory: Path, name: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the script on the second machine, with programs that print their arguments or, as a role, the environment."""
    for program in (*NAMES, "sentry"):
        (directory / program).write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n')
        (directory / program).chmod(0o755)
    (directory / "pizzashop").write_text('#!/bin/sh\necho "$@"\nenv\n')
    (directory / "pizzashop").chmod(0o755)
    (directory / "ca.crt").write_text("the CA")
    names = re.findall(r"^([A-Z_]+)=", (RUN.parent / "shop.env").read_text(), re.MULTILINE)
    env = {each: str(directory) for each in names} | {"MACHINES": "10.0.0.11 10.0.0.12 10.0.0.13", "MACHINE": SECOND}
    path = f"{directory}:{os.environ['PATH']}"
    return subprocess.run(
        [RUN, name], env={**env, "PATH": path, **variables}, capture_output=True, text=True, check=False
    )


def options(result: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    """Return the options of the started program; its path is that of `program`."""
    assert result.returncode == 0, result.stderr
    path, *words = result.stdout.splitlines()
    return {"program": Path(path).name} | {word.partition("=")[0][2:]: word.partition("=")[2] for word in words}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_sidecar_has_the_ports_of_the_run_file_and_knows_all_machines(role: Role, tmp_path: Path) -> None:
    found = options(run(tmp_path, f"sidecar-{role.name}"))
    app = Project.read(ROOT / "dapr.yaml").app(role.app_id)
    assert (found["program"], found["app-id"]) == ("daprd", role.app_id)
    assert {flag_name(key): str(port) for key, port in app.ports.items()}.items() <= found.items()
    placement, scheduler = SERVICE_PORTS["placement"][0], SERVICE_PORTS["scheduler"][0]
    assert found["placement-host-address"] == addresses(placement)
    assert found["scheduler-host-address"] == addresses(scheduler)


def test_a_sidecar_shows_other_machines_nothing_but_what_needs_a_certificate(tmp_path: Path) -> None:
    found = options(run(tmp_path, "sidecar-order"))
    listening = {name: address for name, address in found.items() if name.endswith(("-addresses", "listen-address"))}
    assert listening.pop("dapr-internal-grpc-listen-address") == SECOND
    assert set(listening.values()) == {"127.0.0.1"}
    assert "enable-mtls" in found


@pytest.mark.parametrize("name", ["placement", "scheduler"])
def test_a_service_has_the_ports_of_a_local_shop_and_requires_certificates(name: str, tmp_path: Path) -> None:
    found = options(run(tmp_path, name))
    port, health, *others = SERVICE_PORTS[name]
    assert (found["port"], found["healthz-port"], found["listen-address"]) == (str(port), str(health), SECOND)
    assert {str(each) for each in others} <= set(re.findall(r"\d+", " ".join(found.values())))
    assert "tls-enabled" in found


def test_the_peers_of_a_machine_are_the_machines_in_their_order(tmp_path: Path) -> None:
    placement, scheduler = options(run(tmp_path, "placement")), options(run(tmp_path, "scheduler"))
    assert (placement["id"], scheduler["id"]) == ("dapr-placement-1", "dapr-scheduler-server-1")
    peers = [f"dapr-placement-{number}=10.0.0.1{number + 1}:3532" for number in range(3)]
    assert placement["initial-cluster"].split(",") == peers
    peers = [f"dapr-scheduler-server-{number}=https://10.0.0.1{number + 1}:3543" for number in range(3)]
    assert scheduler["etcd-initial-cluster"].split(",") == peers


def test_sentry_cannot_be_reached_from_other_machines(tmp_path: Path) -> None:
    assert options(run(tmp_path, "sentry"))["listen-address"] == "127.0.0.1"


def test_a_role_listens_on_the_address_of_its_machine(tmp_path: Path) -> None:
    command, *env = run(tmp_path, "kitchen").stdout.splitlines()
    assert command == "serve --role kitchen"
    assert f"PIZZASHOP_HOST={SECOND}" in env


def test_a_machine_that_is_none_of_the_machines_is_refused_in_one_sentence(tmp_path: Path) -> None:
    result = run(tmp_path, "order", MACHINE="10.0.0.14")
    assert result.returncode != 0
    assert result.stderr.splitlines() == ["run: MACHINE=10.0.0.14 is none of MACHINES=10.0.0.11 10.0.0.12 10.0.0.13"]
    assert result.stdout == ""


@pytest.mark.parametrize("name", ["oven", "sidecar-oven"])
def test_a_name_that_no_process_has_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    result = run(tmp_path, name)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines() == [f"run: there is no process {name}"]


def addresses(port: int) -> str:
    return ",".join(f"10.0.0.1{number}:{port}" for number in (1, 2, 3))
