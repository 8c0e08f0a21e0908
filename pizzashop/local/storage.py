"""What keeps orders and workflows: the disk, the Redis that the components name, and the scheduler's database.

`findings` is for `doctor`, `require` for `up`: both say the same of it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import valkey

from pizzashop.errors import LocalError
from pizzashop.local import disk, orders_in_flight, ports, redis, repairs
from pizzashop.local.findings import Finding
from pizzashop.local.ports import listening, wait_until
from pizzashop.local.processes import Shutdown
from pizzashop.local.project import Project
from pizzashop.local.redis import Connection, connections
from pizzashop.local.services import PORTS

LOADING_SECONDS = 300.0
SCARCE_BYTES = 1024**3


def findings(project: Project, state_dir: Path) -> Iterator[Finding]:
    """One for each part of it."""
    yield free_space(state_dir)
    try:
        for connection in connections(project):
            yield from _redis(connection, state_dir)
    except LocalError as error:
        yield Finding("Redis", "wrong", str(error), "git checkout -- resources")
    is_running = listening(PORTS["scheduler"][0])
    if not is_running and repairs.visibly_damaged(state_dir / "scheduler"):
        text = "its database is damaged: the shop begins a new one, and keeps a copy of this one"
        yield Finding("scheduler", "note", text)


def require_storage(project: Project, state_dir: Path, closing: Shutdown) -> list[Connection]:
    """How the Redis servers are reached; raises LocalError where the shop cannot open with what is there."""
    if (found := free_space(state_dir)).state == "wrong":
        raise LocalError(_sentence(found))
    needed = connections(project)
    for connection in needed:
        _wait_for_data(connection, closing)
        for each in _redis(connection, state_dir):
            if each.state == "wrong":
                raise LocalError(_sentence(each))
    return needed


def free_space(state_dir: Path) -> Finding:
    """How much is free where the shop keeps what must survive."""
    room = disk.free(state_dir)
    text = f"{room // 1024**2} MiB are free on the disk of {state_dir}"
    least = disk.ROOM_BYTES if (state_dir / "scheduler").exists() else disk.FIRST_BYTES
    if room < least:
        return Finding("Disk", "wrong", text, f"make room, because opening takes {least // 1024**2} MiB")
    return Finding("Disk", "note", text, "make room") if room < SCARCE_BYTES else Finding("Disk", "ok", text)


def _sentence(found: Finding) -> str:
    return f"{found.found[0].upper()}{found.found[1:]}: {found.mend}."


def _known(needed: Iterable[Connection]) -> list[Connection]:
    """Those whose login is known here."""
    return [each for each in needed if not each.secret]


def _redis(connection: Connection, state_dir: Path) -> Iterator[Finding]:
    server = redis.inspect_server(connection)
    if server is None:
        yield _none(connection, state_dir)
    elif server.fault and connection.secret:
        yield Finding("Redis", "note", f"{connection.component} logs in with a secret: not looked at further")
    elif server.fault:
        text = f"{server.title} on {connection.address} cannot be used: {server.fault.text}"
        yield Finding("Redis", "wrong", text, server.fault.mend)
    else:
        about = "still reads its data" if server.loading else server.keeps
        text = ", ".join(filter(None, [f"{server.title} runs, {connection.address}", about]))
        yield Finding("Redis", "ok", text)
        yield from (Finding("Redis", "note", note.text, note.mend) for note in server.notes)


def _none(connection: Connection, state_dir: Path) -> Finding:
    if connection.listening():
        held = ports.holder(connection.port) or "another process"
        text = f"{connection.address} is held by {held}, which does not speak Redis"
        return Finding("Redis", "wrong", text, "stop it, or have the components name another port")
    if not connection.embedded:
        text = f"nothing listens on {connection.address}, where {connection.component} has its server"
        mend = "start that, or name none (redisHost localhost:6379, no redisUsername, no redisPassword)"
        return Finding("Redis", "wrong", text, mend)
    try:
        text = f"none runs: the embedded Valkey starts with the shop, {repairs.binary()}"
        damaged = [f"{each.file.name} {each.text}" for each in repairs.damages(state_dir / "valkey")]
    except LocalError as error:
        return Finding("Redis", "wrong", str(error).rstrip("."), "or start a Redis or Valkey of your own")
    if damaged:
        return Finding("Redis", "note", f"{'; '.join(damaged)}: the shop opens with what is whole, after a copy")
    return Finding("Redis", "ok", text)


def _wait_for_data(connection: Connection, closing: Shutdown) -> None:
    def has_loaded() -> bool:
        server = redis.inspect_server(connection)
        return server is None or not server.loading

    wait_until(has_loaded, f"Redis on {connection.address}", seconds=LOADING_SECONDS, closing=closing)


def forget_torn(needed: Iterable[Connection]) -> Iterator[str]:
    """Forget the workflows that a server out of memory has left half-written; says how many."""
    for connection in _known(needed):
        try:
            forgotten = orders_in_flight.forget_torn_workflows(connection)
        except valkey.ValkeyError as error:
            yield f"The workflows on {connection.address} could not be looked at: {error}"
            continue
        if forgotten:
            some = ", ".join(forgotten[:3]) + (", …" if len(forgotten) > 3 else "")
            yield f"{len(forgotten)} workflows had been left half-written, and are begun again: {some}"


class Watch:
    """Looks at the disk and the servers while the shop is open, and says what has changed."""

    def __init__(self, needed: Iterable[Connection], state_dir: Path) -> None:
        self._told = dict.fromkeys(_known(needed), "")
        self._state_dir = state_dir
        self._is_full = False

    def look(self) -> Iterator[str]:
        """Yield a sentence for each change: the disk became full or has room, a server refuses or takes writes."""
        was_full, self._is_full = self._is_full, disk.free(self._state_dir) < disk.ROOM_BYTES
        if self._is_full and not was_full:
            yield f"The disk of {self._state_dir} is full: orders wait until there is room."
        elif was_full and not self._is_full:
            yield f"There is room on the disk of {self._state_dir} again."
        for connection, before in self._told.items():
            server = redis.inspect_server(connection)
            if server is None:
                continue  # it ended, which is seen elsewhere
            now = server.fault.text if server.fault else ""
            self._told[connection] = now
            if now and now != before:
                mend = server.fault.mend if server.fault else ""
                waiting = f"Orders wait until that is mended. What to do: {mend}."
                yield f"{server.title} on {connection.address}: {now}. {waiting}"
            elif before and not now:
                yield f"{server.title} on {connection.address} takes writes again: orders go on."
                yield from forget_torn([connection])
