"""The one shop of a state directory: who has it open, and which processes belong to it."""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from pizzashop.domain.errors import LocalError
from pizzashop.local import disk, family
from pizzashop.local.closing import Closing


class Register:
    """Held while the shop is open; it survives a killed `pizzashop up`, so that the next one can tidy up."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "open.json"
        self._lock = state_dir / "open.lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it; raises LocalError where the shop is open already or the directory cannot be written."""
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            lock = self._lock.open("a+")
        except OSError as error:
            raise LocalError(f"{self._lock.parent} cannot be written: {error.strerror}.") from None
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise LocalError(f"The shop is already open (pid {lock.read().strip()}).") from None
            os.ftruncate(lock.fileno(), 0)
            # Past the buffer, which would try to write once more at the end.
            os.write(lock.fileno(), str(os.getpid()).encode())
            yield

    def note(self, processes: Iterable[psutil.Process]) -> None:
        """Write down which processes belong to the open shop. A pid alone may be another's tomorrow."""
        noted = []
        for each in processes:
            with suppress(psutil.NoSuchProcess):
                noted.append([each.pid, each.create_time()])
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            new.write_text(json.dumps(noted))
            new.replace(self.path)
        except OSError as error:
            new.unlink(missing_ok=True)
            # An open shop goes on with what was written down before.
            if not disk.is_full(error) or not self.path.exists():
                raise

    def left(self) -> list[psutil.Process]:
        """Those of them that still live."""
        found: list[psutil.Process] = []
        with suppress(OSError, ValueError):
            for pid, began in json.loads(self.path.read_text()):
                with suppress(psutil.NoSuchProcess):
                    process = psutil.Process(pid)
                    if process.create_time() == began and not family.gone(process):
                        found += [process, *family.children(pid)]
        return list(dict.fromkeys(found))

    def tidy(self, closing: Closing) -> int | None:
        """End what a shop that was not closed has left; returns how many processes, None where it was closed."""
        if not self.path.exists():
            return None
        left = self.left()
        family.end(left, 5, closing)
        self.path.unlink(missing_ok=True)
        return len(left)
