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
    """A small disk, mounted at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, leave: int = 0) -> None:
        """Write until `leave` megabytes are free; with 0 there is no room for the name of a new file either."""
        self._filler.mkdir()
        with (self._filler / "large").open("wb", buffering=0) as file, suppress(OSError):
            while shutil.disk_usage(self.path).free > leave * 1024**2:
                file.write(bytes(4096))
        if leave == 0:
            with suppress(OSError):
                for number in count():
                    (self._filler / f"empty-{number}").touch()

    def clear(self) -> None:
        """Make room again."""
        shutil.rmtree(self._filler)


@contextmanager
def small_disk(directory: Path, megabytes: int, files: int = 200) -> Iterator[SmallDisk]:
    """Mount a small disk in a new directory within the block; skip the test if this user may not."""
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,nr_inodes={files}", "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk that can be filled")
    try:
        yield SmallDisk(directory)
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
