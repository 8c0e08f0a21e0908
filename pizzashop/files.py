"""Open files: each connection is one, and a process that may open no more cannot work."""

import resource

MAX_CONNECTIONS = 8192
FOR_A_THREAD = 4
"""Files that a thread may need beside its connection: to sidecars, and some to spare."""
LEAST_SHARE = 4
"""Where the system allows too few files for that, one in so many is for a connection."""


def connections(threads: int) -> int:
    """How many connections to accept beside so many threads; raises the limit of open files as far as that goes."""
    for_threads = FOR_A_THREAD * threads
    wanted = MAX_CONNECTIONS + for_threads
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MAX_CONNECTIONS, max(soft - for_threads, soft // LEAST_SHARE))
