"""A shop on three machines: hosts in network namespaces, whose processes are those of `deploy/machines/run`.

The store and the broker are on the address of the bridge, which is never cut off.
"""

import os
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from go_programs import sentry
from network_namespaces import Host, bridge, host, running
from own_postgresql import own_postgresql
from shop_client import ShopClient

from pizzashop.errors import Unavailable
from pizzashop.local.dapr_binaries import NAMES, Dapr
from pizzashop.local.ports import is_listening
from pizzashop.local.programs import command_path, valkey_binary
from pizzashop.local.shutdown import wait_until
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, STOREFRONT, WORKFLOW, Role

ROOT = Path(__file__).parents[2]
RUN = ROOT / "deploy" / "machines" / "run"
GATEWAY = "10.77.0.1"
ADDRESSES = ("10.77.0.11", "10.77.0.12", "10.77.0.13")
CONTROL_PLANE = ("sentry", "placement", "scheduler")
# Two processes of each role, on different machines.
ROLES_OF_MACHINE = (
    (ORDER, KITCHEN, DELIVERY),
    (ORDER, STOREFRONT, DELIVERY, WORKFLOW),
    (STOREFRONT, KITCHEN, WORKFLOW),
)
TOKEN = "a-token-of-32-characters-or-more"
# As a supervisor does.
RESTART = 'while :; do "$@"; sleep 1; done'
_BRIDGE = "machines"


class Machine:
    """One of the machines: its host, its address, its roles, and the directory of its files and logs."""

    def __init__(self, number: int, lan_host: Host, directory: Path) -> None:
        self.number, self.host, self.directory = number, lan_host, directory
        self.address, self.roles = ADDRESSES[number], ROLES_OF_MACHINE[number]
        self.is_alive = True

    def log(self, name: str) -> str:
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


class Machines:
    """The three machines with all their processes; `call` asks a role on any of them, as a proxy would."""

    def __init__(self, directory: Path, dapr: Dapr, env: Mapping[str, str], config: Path) -> None:
        self._directory, self._dapr, self._env, self._config = directory, dapr, env, config
        self._stack = ExitStack()
        self._client = ShopClient()
        self.machines: list[Machine] = []

    @contextmanager
    def running(self) -> Iterator["Machines"]:
        """Run everything within the block; at its end no process and no namespace is left."""
        with self._stack as stack:
            stack.enter_context(self._client)
            stack.enter_context(bridge(_BRIDGE, f"{GATEWAY}/24"))
            settings = {"listen_addresses": GATEWAY, "idle_in_transaction_session_timeout": "10s"}
            url = stack.enter_context(own_postgresql(self._directory / "postgresql", **settings))
            self._env = {**self._env, "PIZZASHOP_POSTGRES_URL": url}
            stack.enter_context(self._valkey())
            self._write_shared_files()
            for number, address in enumerate(ADDRESSES):
                name = f"pizzashop-{os.getpid()}-{number}"
                lan_host = stack.enter_context(host(name, f"machine{number}", _BRIDGE, f"{address}/24", GATEWAY))
                directory = self._directory / f"machine{number}"
                directory.mkdir()
                self.machines.append(Machine(number, lan_host, directory))
            self._start_control_plane()
            for machine in self.machines:
                for role in machine.roles:
                    self.start(machine, f"sidecar-{role.name}")
                    self.start(machine, role.name)
            yield self

    def start(self, machine: Machine, name: str) -> None:
        """Start a process of `run` on a machine; it is started again when it ends."""
        command = machine.host.command("sh", "-c", RESTART, "sh", RUN, name)
        self._stack.enter_context(running(command, machine.directory / f"{name}.log", self._environment(machine)))

    def kill(self, machine: Machine) -> None:
        """Kill all processes of a machine and take it from the network: its peers get no answer, not even a refusal."""
        machine.host.cut_off()
        machine.is_alive = False
        machine.host.kill_all()

    def placement_leader(self) -> Machine:
        """Return the machine on which the placement is that leads, as far as the logs say."""
        leaders = [
            (found[-1], machine)
            for machine in self.machines
            if machine.is_alive
            and (found := re.findall(r'time="([^"]+)".*has acquired leadership', machine.log("placement")))
        ]
        return max(leaders, key=lambda each: each[0])[1]

    def call(self, role: Role, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """Ask the role on one machine after another until one answers; return 503 if none does."""
        machines = [machine for machine in self.machines if role in machine.roles and machine.is_alive]
        answer: tuple[int, Any] = (503, None)
        for machine in random.sample(machines, len(machines)):
            url = f"http://{machine.address}:{role.port}{path}"
            try:
                answer = self._client.call(method, url, content, Authorization=f"Bearer {TOKEN}")
            except Unavailable:
                continue
            if answer[0] < 500:
                break
        return answer

    def _environment(self, machine: Machine) -> dict[str, str]:
        # The variables of deploy/machines/shop.env.
        return {
            "PATH": command_path(),
            "MACHINE": machine.address,
            "MACHINES": " ".join(ADDRESSES),
            "DAPR": str(self._directory / "bin"),
            "CREDENTIALS": str(machine.directory / "ca"),
            "RESOURCES": str(self._directory / "resources"),
            "CONFIG": str(self._config),
            "DATA": str(machine.directory),
            "PIZZASHOP_STAFF_TOKEN": TOKEN,
            "PIZZASHOP_SECRET": TOKEN,
            "APP_API_TOKEN": TOKEN[::-1],
            "DAPR_API_TOKEN": TOKEN.upper(),
            # Thirty processes share the cores of this one machine.
            "GOMAXPROCS": "1",
            **self._env,
        }

    def _start_control_plane(self) -> None:
        """Start Sentry on the first machine, copy its certificates to the others, and start the rest."""
        first, *others = self.machines
        for machine in self.machines:
            (machine.directory / "ca").mkdir()
        self.start(first, "sentry")
        wait_until(lambda: self._has_ca(first), "the certificates")
        for machine in others:
            shutil.copytree(first.directory / "ca", machine.directory / "ca", dirs_exist_ok=True)
        for machine in self.machines:
            for name in CONTROL_PLANE[machine is first :]:
                self.start(machine, name)

    @staticmethod
    def _has_ca(machine: Machine) -> bool:
        return all((machine.directory / "ca" / name).exists() for name in ("ca.crt", "issuer.crt", "issuer.key"))

    def _write_shared_files(self) -> None:
        binaries = self._directory / "bin"
        binaries.mkdir()
        for name, path in [*((name, getattr(self._dapr, name)) for name in NAMES), ("sentry", sentry())]:
            (binaries / name).symlink_to(path)
        resources = self._directory / "resources"
        resources.mkdir()
        for path in [*(ROOT / "resources").glob("*.yaml"), ROOT / "resources" / "postgresql" / "statestore.yaml"]:
            (resources / path.name).write_text(path.read_text().replace("localhost:6379", f"{GATEWAY}:6379"))

    @contextmanager
    def _valkey(self) -> Iterator[None]:
        options = ("--bind", "127.0.0.1", GATEWAY, "--protected-mode", "no", "--save", "", "--dir", self._directory)
        with running([valkey_binary(), *options], self._directory / "valkey.log"):
            wait_until(lambda: is_listening(6379, GATEWAY), "valkey")
            yield
