"""A supervisor that answers requests to kill a part, as `pizzashop up` does, without a process to kill."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pizzashop.crash.requests import Crash, CrashFiles, CrashRequest
from pizzashop.domain.history import utc_timestamp

PARTS = ["valkey", "kitchen", "sidecar-kitchen", "storefront"]


@contextmanager
def supervised(state_dir: Path, refusal: str = "") -> Iterator[list[CrashRequest]]:
    """Answer each request within the block, and yield the list of those that came. The part is ready at once."""
    files, requests, ended = CrashFiles(state_dir), list[CrashRequest](), threading.Event()
    files.open(PARTS)

    def answer() -> None:
        while not ended.wait(0.01):
            if request := files.take():
                requests.append(request)
                times = {} if refusal else dict.fromkeys(("killed_at", "restarted_at", "ready_at"), utc_timestamp())
                files.write(Crash(request=request, refusal=refusal, pid=7, **times))

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield requests
    finally:
        ended.set()
        thread.join()
        files.close()
