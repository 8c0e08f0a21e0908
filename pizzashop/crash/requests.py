"""The files by which a command or a page asks `pizzashop up` to kill one of its processes.

Only `up` kills. It knows its own child processes, so it never kills another process that has got the same pid.

The files are in the directory `crash` of the state directory. `parts.json` exists while `up` accepts requests. A
request is one file, `request.json`, which `up` takes by renaming it. `up` answers in `crash.json`, and updates this
file until the part is ready again.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from pizzashop.domain.history import Timestamp, seconds_since, utc_timestamp
from pizzashop.errors import Conflict, InvalidRequest, Unavailable

NOT_SUPERVISED = (
    "Only in a shop that `pizzashop up` runs on this machine, and that nobody else can reach, can a part be killed"
)
# `up` looks for a request twice a second, but not while it starts another process again.
ANSWER_SECONDS = 15.0
_POLL_SECONDS = 0.1
# A request names at most so many orders.
MAX_ORDERS = 40

_PARTS = TypeAdapter(list[str])


class CrashRequest(BaseModel):
    """The part to kill, and after how many seconds.

    `orders` has the orders under way, each with the number of entries in its history.
    """

    id: str = Field(default_factory=lambda: uuid4().hex)
    part: str
    delay_seconds: float = Field(0.0, ge=0, le=5)
    orders: dict[str, int] = Field(default_factory=dict)
    at: Timestamp = Field(default_factory=utc_timestamp)


class Crash(BaseModel):
    """The answer of `up` to a request: when it killed and restarted the part, or in `refusal` why it did not.

    `pace` is that of the shop.
    """

    request: CrashRequest
    pace: float = 1.0
    refusal: str = ""
    pid: int | None = None
    killed_at: Timestamp | None = None
    restarted_at: Timestamp | None = None
    ready_at: Timestamp | None = None


class CrashFiles:
    """The files of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / "crash"
        self._parts_file, self._crash_file = self._directory / "parts.json", self._directory / "crash.json"
        self._request_file, self._taken_file = self._directory / "request.json", self._directory / "taken.json"

    # For the command and the page.

    def parts(self) -> list[str]:
        """Return the names of the parts that can be killed; none if no `up` accepts requests here."""
        try:
            return _PARTS.validate_json(self._parts_file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return []

    def last_crash(self) -> Crash | None:
        """Return the crash under way, or else the last one, since the shop was opened."""
        try:
            return Crash.model_validate_json(self._crash_file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def kill(self, part: str, orders: Mapping[str, int], delay_seconds: float = 0.0) -> Crash:
        """Have `up` kill a part, and return the crash. Raise Refused if it refuses, Unavailable without an answer."""
        if not (parts := self.parts()):
            raise Conflict(NOT_SUPERVISED)
        if part not in parts:
            raise InvalidRequest(f"{part!r} is no part that can be killed. These are: {', '.join(parts)}")
        request = CrashRequest(part=part, delay_seconds=delay_seconds, orders=dict(orders))
        self._submit(request)
        began = time.monotonic()
        while (crash := self.last_crash()) is None or crash.request.id != request.id:
            seconds = time.monotonic() - began
            if seconds > ANSWER_SECONDS and self._withdraw():
                raise Unavailable("`pizzashop up` did not answer, so nothing was killed: see whether it still runs")
            if seconds > 2 * ANSWER_SECONDS:
                raise Unavailable("`pizzashop up` has taken the request and ended: see what it printed")
            time.sleep(_POLL_SECONDS)
        if crash.refusal:
            raise Conflict(crash.refusal)
        return crash

    # For `up`.

    def open(self, parts: list[str]) -> None:
        """Accept requests from now on, for these parts."""
        self._directory.mkdir(parents=True, exist_ok=True)
        self.close()
        self._write(self._parts_file, _PARTS.dump_json(parts))

    def close(self) -> None:
        """Accept no more requests."""
        for path in (self._parts_file, self._crash_file, self._request_file, self._taken_file):
            path.unlink(missing_ok=True)

    def take(self) -> CrashRequest | None:
        """Remove the request that waits, and return it; None if there is none."""
        try:
            self._request_file.replace(self._taken_file)
            return CrashRequest.model_validate_json(self._taken_file.read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def write(self, crash: Crash) -> None:
        """Write the answer to a request."""
        self._write(self._crash_file, crash.model_dump_json().encode())

    def _submit(self, request: CrashRequest) -> None:
        """Write the request; raise Conflict if another one waits."""
        new = self._directory / f"{request.id}.json"
        new.write_text(request.model_dump_json())
        try:
            # Unlike a rename, this fails where the file exists.
            os.link(new, self._request_file)
        except FileExistsError:
            self._drop_abandoned()
            raise Conflict("Another crash is asked for at this moment: try again in some seconds") from None
        finally:
            new.unlink()

    def _drop_abandoned(self) -> None:
        """Remove the waiting request if it is so old that its sender must have ended."""
        with suppress(FileNotFoundError, ValidationError):
            waiting = CrashRequest.model_validate_json(self._request_file.read_bytes())
            if seconds_since(waiting.at) > 2 * ANSWER_SECONDS:
                self._request_file.unlink()

    def _withdraw(self) -> bool:
        """Remove the request; return False if `up` has taken it meanwhile."""
        try:
            self._request_file.unlink()
        except FileNotFoundError:
            return False
        return True

    def _write(self, path: Path, content: bytes) -> None:
        new = path.with_suffix(".new")
        new.write_bytes(content)
        new.replace(path)
