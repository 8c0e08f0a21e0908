"""Reserve ports in the kernel, so that no outgoing connection takes one between two tests."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")


@contextmanager
def reserved(ports: Iterable[int]) -> Iterator[None]:
    """Reserve the ports within the block if this user may; a load test makes thousands of connections."""
    before = RESERVED.read_text().strip() if os.access(RESERVED, os.W_OK) else None
    if before is None:
        yield
        return
    RESERVED.write_text(",".join([*filter(None, [before]), *map(str, ports)]))
    try:
        yield
    finally:
        RESERVED.write_text(before or "\n")
