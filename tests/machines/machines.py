"""A shop on three machines: hosts in network namespaces that follow `docs/how-to/run-on-several-machines.md`.

The store and the broker are on the address of the bridge, which is never cut off.
"""

import random
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
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
GUIDE = ROOT / "docs" / "how-to" / "run-on-several-machines.md"
RUN = ROOT / "deploy" / "machines" / "run"
# The addresses of the guide.
SERVERS = "10.0.0.10"
ADDRESSES = ("10.0.0.11", "10.0.0.12", "10.0.0.13")
# Two processes of each role, on different machines.
ROLES_OF_MACHINE = (
    (ORDER, KITCHEN, DELIVERY),
    (ORDER, STOREFRONT, DELIVERY, WORKFLOW),
    (STOREFRONT, KITCHEN, WORKFLOW),
)
TOKEN = "a-token-of-32-characters-or-more"
# What a supervisor does.
RESTART = 'while :; do "$@"; sleep 1; done'
_BRIDGE = "machines"


def guide_block(text: str) -> str:
    """Return the block of code in the guide that contains the text, without the prompts of a shell."""
    blocks = re.findall(r"```\w*\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    (block,) = (block for block in blocks if text in block)
    return re.sub(r"^ *(\$ )?", "", block, flags=re.MULTILINE)


def shop_env(**values: str) -> dict[str, str]:
    """Return the variables of `deploy/machines/shop.env` with these values."""
    lines = (RUN.parent / "shop.env").read_text().splitlines()
    names = [line.partition("=")[0] for line in lines if not line.startswith("#")]
    assert sorted(names) == sorted(values)
    return values


class Machine:
    """One of the machines: its host, its address, its roles, and the directory of its files and logs."""

    def __init__(self, number: int, lan_host: Host, directory: Path) -> None:
        self.host, self.directory = lan_host, directory
        self.address, self.roles = ADDRESSES[number], ROLES_OF_MACHINE[number]
        self.is_alive = True

    @property
    def certificates(self) -> Path:
        return self.directory / "ca"

    def log(self, name: str) -> str:
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""


class Machines:
    """The three machines with all their processes; `call` asks a role on any of them, as a proxy would.

    `names` is how the sidecars find each other: `mdns` or `consul`.
    """

    def __init__(self, directory: Path, dapr: Dapr, pace: float, names: str) -> None:
        self._directory, self._dapr, self._pace, self.names = directory, dapr, pace, names
        self._stack = ExitStack()
        # A role answers within 20 s, if its machine can be reached.
        self._client = ShopClient(timeout_seconds=20)
        self.machines: list[Machine] = []

    @contextmanager
    def running(self) -> Iterator["Machines"]:
        """Run everything within the block; at its end no process and no namespace is left."""
        with self._stack:
            self._stack.enter_context(self._client)
            self._stack.enter_context(bridge(_BRIDGE, f"{SERVERS}/24"))
            self._start_servers()
            self._write_shared_files()
            for number in range(len(ADDRESSES)):
                self.machines.append(self._connect(number))
            self._start_control_plane()
            for machine in self.machines:
                if self.names == "consul":
                    self._start_consul(machine)
                for role in machine.roles:
                    self._start(machine, f"sidecar-{role.name}")
                    self._start(machine, role.name)
            yield self

    def kill(self, machine: Machine) -> None:
        """Kill all processes of a machine and take it from the network: its peers get no answer, not even a refusal."""
        machine.host.cut_off()
        machine.is_alive = False
        machine.host.kill_all()

    def placement_leader(self) -> Machine:
        """Return the machine whose placement leads."""
        leaders = [
            (times[-1], machine)
            for machine in self.machines
            if machine.is_alive and (times := re.findall(r'time="(\S+)".* acquired lead', machine.log("placement")))
        ]
        return max(leaders, key=lambda each: each[0])[1]

    def call(self, role: Role, method: str, path: str, content: Any = None) -> tuple[int, Any]:
        """Ask the role on one machine, and on the other one if the first does not answer; return 503 if none does."""
        machines = [machine for machine in self.machines if role in machine.roles]
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

    def _start_servers(self) -> None:
        directory = self._directory / "postgresql"
        self._url = self._stack.enter_context(own_postgresql(directory, listen_addresses=SERVERS))
        with psycopg.connect(self._url, autocommit=True) as server:
            server.execute(guide_block("ALTER ROLE shop").encode())
        options = ("--bind", "127.0.0.1", SERVERS, "--protected-mode", "no", "--save", "", "--dir", self._directory)
        self._stack.enter_context(running([valkey_binary(), *options], self._directory / "valkey.log"))
        wait_until(lambda: is_listening(6379, SERVERS), "valkey")

    def _write_shared_files(self) -> None:
        for text in ("cp resources/config/mdns.yaml", "cp resources/config/consul.yaml"):
            commands = guide_block(text).replace("/etc/pizzashop", shlex.quote(str(self._directory)))
            subprocess.run(["sh", "-ec", commands], cwd=ROOT, check=True)
        (self._directory / "hosts").write_text("127.0.0.1 localhost\n" + guide_block("10.0.0.11 dapr-scheduler"))
        binaries = self._directory / "bin"
        binaries.mkdir()
        for name, path in [*((name, getattr(self._dapr, name)) for name in NAMES), ("sentry", sentry())]:
            (binaries / name).symlink_to(path)

    def _connect(self, number: int) -> Machine:
        name, hosts_file = f"pizzashop-{uuid4().hex[:8]}-{number}", self._directory / "hosts"
        lan_host = host(name, f"machine{number}", _BRIDGE, f"{ADDRESSES[number]}/24", SERVERS, hosts_file)
        machine = Machine(number, self._stack.enter_context(lan_host), self._directory / f"machine{number}")
        machine.certificates.mkdir(parents=True)
        for line in guide_block("net.ipv4").splitlines():
            key, _, value = line.partition(" = ")
            machine.host.run("sh", "-c", f"echo {value} > /proc/sys/{key.replace('.', '/')}")
        return machine

    def _start_control_plane(self) -> None:
        first, *others = self.machines
        self._start(first, "sentry")
        files = [first.certificates / name for name in ("ca.crt", "issuer.crt", "issuer.key")]
        wait_until(lambda: all(file.exists() for file in files), "the certificates of Sentry")
        for machine in others:
            shutil.copytree(first.certificates, machine.certificates, dirs_exist_ok=True)
            self._start(machine, "sentry")
        for machine in self.machines:
            self._start(machine, "placement")
            self._start(machine, "scheduler")

    def _start_consul(self, machine: Machine) -> None:
        definitions = machine.directory / "consul.d"
        definitions.mkdir()
        for role in machine.roles:
            # The ports of roles differ in their last digit.
            text = re.sub(r"\b(8|35)(\d*)1\b", rf"\g<1>\g<2>{role.port % 10}", guide_block('"service"'))
            (definitions / f"{role.name}.json").write_text(text.replace(ORDER.app_id, role.app_id))
        command = guide_block("consul agent").replace("/etc/consul.d", str(definitions))
        command = command.replace("/var/lib/consul", str(machine.directory / "consul"))
        self._run(machine, "consul", "sh", "-c", command)

    def _start(self, machine: Machine, name: str) -> None:
        """Start a process of `run` on a machine."""
        self._run(machine, name, str(RUN), name)

    def _run(self, machine: Machine, name: str, *command: str) -> None:
        env = shop_env(
            MACHINE=machine.address,
            MACHINES=" ".join(ADDRESSES),
            DAPR=str(self._directory / "bin"),
            CREDENTIALS=str(machine.certificates),
            RESOURCES=str(self._directory / "resources"),
            CONFIG=str(self._directory / f"{self.names}.yaml"),
            DATA=str(machine.directory),
            PIZZASHOP_POSTGRES_URL=self._url,
            PIZZASHOP_STAFF_TOKEN=TOKEN,
            PIZZASHOP_SECRET=TOKEN,
            APP_API_TOKEN=TOKEN[::-1],
            DAPR_API_TOKEN=TOKEN.upper(),
        )
        # Thirty processes share the cores of this machine.
        env |= {"PATH": command_path(), "PIZZASHOP_PACE": str(self._pace), "GOMAXPROCS": "1"}
        supervised = machine.host.command("sh", "-c", RESTART, "sh", *command)
        self._stack.enter_context(running(supervised, machine.directory / f"{name}.log", env))
