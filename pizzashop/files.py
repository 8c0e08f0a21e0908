"""Open files: each connection is one at least, and a process that may open no more ends."""

import resource

EACH = 4
"""Files for a connection: its own, one to wait for its first byte, its thread's to a sidecar, and one to spare."""


def connections(threads: int) -> int:
    """How many connections to accept for so many threads: four each, but fewer where the system allows too few files.

    The limit is raised as far as that goes.
    """
    wanted = 4 * threads * EACH
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(4 * threads, soft // EACH)
