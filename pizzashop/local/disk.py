"""The disk under the state directory: how much room it has, and what happens where it has none."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pizzashop.errors import LocalError

FULL = (errno.ENOSPC, errno.EDQUOT)
FIRST_BYTES = 200 * 1024**2
"""What the first opening takes: the scheduler makes two logs of 64 MB."""
LOG_BYTES = 80 * 1024**2
"""What one of them takes, and some."""
ROOM_BYTES = 16 * 1024**2
"""Below that the disk counts as full: nothing is started."""


def free(directory: Path) -> int:
    """How many bytes may still be written below `directory`, which need not be there yet."""
    nearest = next(each for each in (directory, *directory.parents) if each.exists())
    return shutil.disk_usage(nearest).free


def is_full(error: OSError) -> bool:
    """Whether something could not be written for lack of room."""
    return error.errno in FULL


@contextmanager
def report_full(directory: Path) -> Iterator[None]:
    """Raise LocalError where something below `directory` cannot be written for lack of room."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise LocalError(f"The disk of {directory} is full: make room, and open the shop again.") from None
