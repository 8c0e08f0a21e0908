"""A real Valkey with a replica, and three sentinels that make the replica the primary when that dies."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import valkey
from free_ports import free_ports
from shop_client import eventually

from pizzashop.local.programs import valkey_binary

PRIMARY = "shop"
# Sentinel takes a server for dead when it has not answered for so long.
DOWN_SECONDS = 1


class ReplicatedValkey:
    """The servers by port. `primary` and `replica` are what they were at the start."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.primary, self.replica, *self.sentinels = free_ports(5)
        self._directory, self._settings = directory, settings
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def sentinel_addresses(self) -> str:
        """The value of `redisHost`."""
        return ",".join(f"127.0.0.1:{port}" for port in self.sentinels)

    @contextmanager
    def running(self) -> Iterator["ReplicatedValkey"]:
        """Run them within the block."""
        with ExitStack() as stack:
            stack.callback(self._kill_all)
            self._start(self.primary)
            self._start(self.replica, replicaof=f"127.0.0.1 {self.primary}")
            eventually(lambda: self._info(self.replica).get("master_link_status") == "up")
            for port in self.sentinels:
                self._start_sentinel(port)
            for port in self.sentinels:
                eventually(lambda port=port: self._knows_all(port))
            yield self

    def ask(self, port: int, *command: object) -> Any:
        """Return what a server answers."""
        with valkey.Valkey(port=port, decode_responses=True, socket_timeout=5) as client:
            return client.execute_command(*command)

    def present_primary(self) -> int:
        """Return the port of the primary, as the sentinels know it."""
        return int(self.ask(self.sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", PRIMARY)[1])

    def wait_until_replicated(self) -> None:
        """Wait until the replica has all that was written before."""
        assert self.ask(self.primary, "WAIT", 1, 4000) == 1

    def kill(self, port: int) -> None:
        """Kill a server."""
        self._children[port].kill()
        self._children[port].wait()

    def freeze(self, port: int) -> None:
        """Suspend a server: its connections stay open without any answer."""
        self._children[port].send_signal(signal.SIGSTOP)

    def thaw(self, port: int) -> None:
        """Continue a frozen server."""
        self._children[port].send_signal(signal.SIGCONT)

    def _start(self, port: int, **more: str) -> None:
        settings = {"port": str(port), "bind": "127.0.0.1", "appendonly": "yes", **self._settings, **more}
        words = [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", *value.split())]
        self._run(port, *words, "--save", "")

    def _start_sentinel(self, port: int) -> None:
        config = self._own_directory(port) / "sentinel.conf"
        watch = [
            f"monitor {PRIMARY} 127.0.0.1 {self.primary} 2",
            f"down-after-milliseconds {PRIMARY} {DOWN_SECONDS}000",
        ]
        watch += [f"failover-timeout {PRIMARY} 5000"]
        config.write_text("\n".join([f"port {port}", "bind 127.0.0.1", *(f"sentinel {line}" for line in watch), ""]))
        self._run(port, str(config), "--sentinel")

    def _run(self, port: int, *words: str) -> None:
        directory = self._own_directory(port)
        with (directory / "log").open("wb") as log:
            self._children[port] = subprocess.Popen([valkey_binary(), *words], stdout=log, stderr=log, cwd=directory)
        eventually(lambda: self._info(port))

    def _own_directory(self, port: int) -> Path:
        directory = self._directory / str(port)
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _info(self, port: int) -> dict[str, Any]:
        with suppress(valkey.ConnectionError), valkey.Valkey(port=port, socket_timeout=5) as client:
            return dict(client.info())
        return {}

    def _knows_all(self, port: int) -> bool:
        answer = self.ask(port, "SENTINEL", "MASTER", PRIMARY)
        known = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
        return (int(known["num-slaves"]), int(known["num-other-sentinels"])) == (1, 2)

    def _kill_all(self) -> None:
        for child in self._children.values():
            child.kill()
            child.wait()
