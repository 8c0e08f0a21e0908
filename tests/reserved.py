"""Ports that are kept from outgoing connections."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

RESERVED = Path("/proc/sys/net/ipv4/ip_local_reserved_ports")


@contextmanager
def reserved(ports: Iterable[int]) -> Iterator[None]:
    """Where we may, keep outgoing connections from these ports: a load makes thousands, and each may take any."""
    before = RESERVED.read_text().strip() if os.access(RESERVED, os.W_OK) else None
    if before is None:
        yield
        return
    RESERVED.write_text(",".join([*filter(None, [before]), *map(str, ports)]))
    try:
        yield
    finally:
        RESERVED.write_text(before or "\n")
