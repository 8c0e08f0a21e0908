"""A disk that can be filled."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest


class SmallDisk:
    """Mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Write until there is room for no byte and no file."""
        self._filler.mkdir()
        for size in (1024**2, 4096):
            with (self._filler / str(size)).open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(size))
        with suppress(OSError):
            for number in count():
                (self._filler / f"empty-{number}").touch()

    def clear(self) -> None:
        """Make room again."""
        shutil.rmtree(self._filler)


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one in a new directory; skips the test where that is not allowed."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,nr_inodes=200", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk that can be filled")
    try:
        yield SmallDisk(directory)
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
