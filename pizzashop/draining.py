"""What a client still sends when its answer is there: most clients read no answer before they have sent everything."""

import time
from contextlib import suppress
from typing import Any

MOST_BYTES = 16 * 1024 * 1024
MOST_SECONDS = 5.0
CHUNK_BYTES = 64 * 1024


def drain(environ: dict[str, Any]) -> None:
    """Read the rest of a request's body and forget it, within bounds: beyond them the connection is closed on it."""
    body, sock = environ["wsgi.input"], environ.get("gunicorn.socket")
    end, left = time.monotonic() + MOST_SECONDS, MOST_BYTES
    before = sock.gettimeout() if sock else None
    with suppress(OSError):
        while left > 0 and (seconds := end - time.monotonic()) > 0:
            if sock:
                sock.settimeout(seconds)
            read = len(body.read(CHUNK_BYTES))
            left -= read or left
    if sock:
        sock.settimeout(before)
