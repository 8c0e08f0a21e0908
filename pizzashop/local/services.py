"""What must run beside the roles: Valkey, placement and scheduler, all on loopback.

    with Services(state_dir, dapr) as services:     # starts what is not running yet; each is ready
        services["scheduler"].kill()                # as a crash would
        services["scheduler"].start()               # and again: returns when it is ready
        services["valkey"].stop()

Each keeps what must survive under `state_dir`: the next `Services` of the same directory goes on with it.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

import psutil

from pizzashop.errors import LocalError
from pizzashop.local import disk, redis, repairs
from pizzashop.local.dapr_binaries import Dapr, inherited_environment
from pizzashop.local.ports import http_ok, listening, wait_for_closing_connections, wait_until
from pizzashop.local.processes import Process, Shutdown
from pizzashop.local.redis import EMBEDDED, Connection

MAX_RESTARTS, RESTART_WINDOW_SECONDS = 3, 60.0
"""So often in so long: what ends more often does not mend by that."""


class RestartLimit:
    """Counts how often something has ended of late; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._at: deque[float] = deque(maxlen=MAX_RESTARTS)

    def over(self) -> bool:
        """It has ended once more: whether that is too often."""
        now = self._clock()
        is_over = len(self._at) == MAX_RESTARTS and now - self._at[0] < RESTART_WINDOW_SECONDS
        self._at.append(now)
        return is_over

    def start_again(self, process: Process, ports: Iterable[int], closing: Shutdown) -> psutil.Process:
        """Start what has ended once more; raises LocalError, with the end of its log, where that is too often."""
        if self.over():
            raise LocalError(f"{process.name} ends again and again. {process.tail()}")
        wait_for_closing_connections(ports, closing)
        return process.start()


@dataclass
class Service:
    """A process and what it is for: `ports` are those it opens, the first is the one it serves on."""

    process: Process
    ports: tuple[int, ...]
    ready: Callable[[], bool]
    closing: Shutdown = field(default_factory=Shutdown)
    theirs: bool = False
    """Someone else runs it: it is used, and never stopped."""
    _patience: RestartLimit = field(default_factory=RestartLimit, repr=False)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.process.name

    def launch(self) -> None:
        """Start it, and leave it to become ready."""
        wait_for_closing_connections(self.ports, self.closing)
        self.process.start()

    def start(self, seconds: float = 30.0) -> None:
        """Start it and wait until it is ready; raises LocalError with the end of its log."""
        self.launch()
        wait_until(self.ready, self.name, seconds=seconds, closing=self.closing, check=self.check)

    @property
    def ended(self) -> bool:
        """Whether it has ended though nobody stopped it."""
        return not self.theirs and not self.process.running

    def start_again(self) -> Process:
        """Start it once more, and leave it to become ready; raises LocalError where it ended too often of late."""
        self._patience.start_again(self.process, self.ports, self.closing)
        return self.process

    def check(self) -> None:
        """Raise LocalError, with the end of its log, where it has ended."""
        if self.ended:
            raise LocalError(f"{self.name} has ended. {self.process.tail()}")

    def stop(self, seconds: float = 10.0) -> None:
        """Ask it to end and wait for it: what it holds is written first, and there is no hurrying that."""
        self.process.stop(seconds)

    def kill(self) -> None:
        """Kill it as a crash would."""
        self.process.kill()


PORTS = {
    "valkey": (redis.PORT,),
    "placement": (50005, 3531, 3532),
    "scheduler": (50006, 3541, 3542, 3543),
}
"""What each opens; the first is the one that it serves on. The others lie below those that outgoing calls use."""

ETCD_BOUNDS = {
    "etcd-compaction-mode": "revision",
    "etcd-compaction-retention": 100_000,
    "etcd-snapshot-count": 10_000,
    "etcd-max-snapshots": 2,
    "etcd-max-wals": 2,
}
"""What the scheduler keeps of its past: by default gigabytes, of use to nobody on one machine."""


class Services:
    """The three services by name, in the order in which they start: `valkey`, `placement`, `scheduler`."""

    def __init__(
        self,
        state_dir: Path,
        dapr: Dapr,
        closing: Shutdown | None = None,
        needed: Sequence[Connection] = (EMBEDDED,),
    ) -> None:
        self.state_dir = state_dir
        self.repairs: list[str] = []
        """What was damaged and has been mended, in words."""
        self._is_embedded = any(each.embedded for each in needed)
        made = (_valkey(state_dir), _placement(state_dir, dapr), _scheduler(state_dir, dapr))
        for each in made:
            each.closing = closing or Shutdown()
        self._by_name = {each.name: each for each in made}
        self._started = ExitStack()

    def __getitem__(self, name: str) -> Service:
        return self._by_name[name]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Service]:
        return iter(self._by_name.values())

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for service in self:
                service.theirs = listening(service.ports[0]) or not self._is_ours(service)
                if not service.theirs:
                    stack.callback(service.stop)
                    self._start(service)
                elif self._is_ours(service) and not service.ready():
                    raise LocalError(f"Port {service.ports[0]} is taken, and not by {service.name}.")
            self._started = stack.pop_all()
        return self

    def _is_ours(self, service: Service) -> bool:
        # The components may name a server elsewhere.
        return self._is_embedded or service.name != "valkey"

    def _start(self, service: Service) -> None:
        if service.name == "valkey":
            self.repairs += repairs.repair(self.state_dir / "valkey")
        try:
            service.start()
        except LocalError:
            damaged = not service.process.running and repairs.ended_by_damage(service.process.text())
            if service.name != "scheduler" or not damaged:
                raise
            aside = repairs.move_away(self.state_dir / "scheduler")
            self.repairs.append(
                f"scheduler: its database was damaged, it begins with a new one; the old one is {aside}"
            )
            service.start()

    def restart_ended(self) -> Iterator[Process]:
        """Start again what has ended of what was started here, one after another; raises LocalError where it cannot."""
        yield from (service.start_again() for service in self if service.ended and self._has_room(service))

    def _has_room(self, service: Service) -> bool:
        """Whether the disk has room for it: one that ended because it is full would end again and again."""
        is_short = service.name == "scheduler" and "no space left" in service.process.text()
        return disk.free(self.state_dir) >= (disk.LOG_BYTES if is_short else disk.ROOM_BYTES)

    def __exit__(self, *_: object) -> None:
        self._started.close()


def _process(state_dir: Path, name: str, argv: list[str]) -> Process:
    return Process(name, argv, state_dir / "logs" / f"{name}.log", inherited_environment())


def _valkey(state_dir: Path) -> Service:
    directory = state_dir / "valkey"
    directory.mkdir(parents=True, exist_ok=True)
    process = _process(state_dir, "valkey", repairs.argv(redis.PORT, directory))
    return Service(process, PORTS["valkey"], redis.ready)


def _placement(state_dir: Path, dapr: Dapr) -> Service:
    port, health, peer = PORTS["placement"]
    options: dict[str, object] = {
        "port": port,
        "healthz-port": health,
        "initial-cluster": f"dapr-placement-0=127.0.0.1:{peer}",
    }
    process = _process(state_dir, "placement", _argv(dapr.placement, options))
    return Service(process, PORTS["placement"], partial(_healthy, process, port, health))


def _scheduler(state_dir: Path, dapr: Dapr) -> Service:
    port, health, etcd, peer = PORTS["scheduler"]
    options: dict[str, object] = {
        "port": port,
        "healthz-port": health,
        "etcd-data-dir": state_dir / "scheduler",
        "etcd-client-port": etcd,
        # Given a name, it would listen on every address.
        "etcd-initial-cluster": f"dapr-scheduler-server-0=http://127.0.0.1:{peer}",
        **ETCD_BOUNDS,
    }
    process = _process(state_dir, "scheduler", _argv(dapr.scheduler, options))
    return Service(process, PORTS["scheduler"], partial(_healthy, process, port, health))


def _argv(binary: Path | None, options: dict[str, object]) -> list[str]:
    # The metrics would listen on every address, on a port that all of Dapr's services share.
    words = {**options, "listen-address": "127.0.0.1", "enable-metrics": "false", "healthz-listen-address": "127.0.0.1"}
    return [str(binary or "missing"), *(f"--{key}={value}" for key, value in words.items())]


def _healthy(process: Process, port: int, health: int) -> bool:
    # It says that it is healthy before it listens; and one that someone else runs says so elsewhere.
    return listening(port) and (http_ok(health, "/healthz") or not process.running)
