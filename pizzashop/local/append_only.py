"""The embedded server's append-only files: what a crash or a loss of power left damaged, and how that is mended.

Valkey keeps a base file, incremental files with the writes since, and a manifest that names them. It can start when the
last command is cut off. It refuses to start when a file ends in zeros (which a file system can leave after a loss of
power), or when the manifest is damaged. Without a manifest it starts empty, as if there had never been an order.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pizzashop.domain.errors import LocalError
from pizzashop.local import valkey_server

_NAME = "appendonly.aof"
_MANIFEST = f"{_NAME}.manifest"
_LINE = re.compile(r"file (\S+) seq (\d+) type ([bih])\b.*")
_ANALYZED = re.compile(r"size=(\d+), ok_up_to=(\d+)")


@dataclass(frozen=True)
class Damage:
    """A damaged file: keep its first `whole_bytes`, or, for a manifest, replace its content by `manifest`."""

    file: Path
    text: str
    whole_bytes: int = 0
    manifest: str = ""


def damages(directory: Path) -> Iterator[Damage]:
    """What is damaged under Valkey's `directory`; raises LocalError where what is left cannot be opened at all."""
    files = directory / "appendonlydir"
    if not any(files.glob(f"{_NAME}.*")):
        return
    named = _named(files / _MANIFEST)
    if named is None or not all((files / name).exists() for name in named):
        named = _found(files)
        lines = (f"file {name} seq {_sequence(name)} type {'b' if '.base.' in name else 'i'}\n" for name in named)
        yield Damage(files / _MANIFEST, "does not name the files that are there", manifest="".join(lines))
    for name in named:
        path = files / name
        if ".base." in name:
            _require_base(path)
        elif damage := _cut(path):
            yield damage


def mend(directory: Path) -> Iterator[str]:
    """Mend what is damaged, after a copy of each file as it was; says what was done."""
    found = list(damages(directory))
    if not found:
        return
    copies = directory / f"damaged-{datetime.now():%Y%m%dT%H%M%S}"
    copies.mkdir(parents=True)
    for each in found:
        if each.file.exists():
            shutil.copy2(each.file, copies)
        if each.manifest:
            whole = each.file.with_name(f"{each.file.name}.whole")
            whole.write_text(each.manifest)
            whole.replace(each.file)
        else:
            os.truncate(each.file, each.whole_bytes)
        yield f"{each.file.name} {each.text}: mended, and the damaged file, if there was one, is copied to {copies}"


def _named(manifest: Path) -> list[str] | None:
    """The files that it names, of those in use; None where it is missing or makes no sense."""
    try:
        lines = [_LINE.fullmatch(line) for line in manifest.read_text().splitlines()]
    except (FileNotFoundError, UnicodeDecodeError):
        return None
    if not lines or not all(lines):
        return None
    return [each[1] for each in lines if each and each[3] != "h"]


def _found(files: Path) -> list[str]:
    """The files that a manifest would name, the base first; raises LocalError where there is none."""
    bases, writes = (
        sorted((each.name for each in files.glob(f"{_NAME}.*{suffix}")), key=_sequence)
        for suffix in (".base.rdb", ".incr.aof")
    )
    if not bases:
        raise LocalError(f"{files} has lost its base file: put back a copy, or move it away to begin anew.")
    # Two base files: a rewrite has just finished the newer one, and only the newest incremental file belongs to it.
    return [bases[-1], *(writes if len(bases) == 1 else writes[-1:])]


def _sequence(name: str) -> int:
    return int(name.removeprefix(f"{_NAME}.").split(".")[0])


def _require_base(path: Path) -> None:
    # An empty one is none: Valkey takes it as such.
    if path.stat().st_size and _check("valkey-check-rdb", path).returncode:
        raise LocalError(f"{path} is damaged, and cannot be mended: put back a copy of it, or move {path.parent} away.")


def _cut(path: Path) -> Damage | None:
    checked = _check("valkey-check-aof", path)
    if checked.returncode == 0:
        return None
    analyzed = _ANALYZED.search(checked.stdout)
    if analyzed is None:
        raise LocalError(f"{path} cannot be read: {(checked.stdout + checked.stderr).strip()[-300:]}")
    size, whole = int(analyzed[1]), int(analyzed[2])
    return Damage(path, f"is damaged after {whole} of its {size} bytes", whole)


def _check(program: str, path: Path) -> "subprocess.CompletedProcess[str]":
    # The server is these two programs as well, by the name that it is called with.
    argv = [program, str(path)]
    return subprocess.run(
        argv, executable=valkey_server.binary(), capture_output=True, text=True, errors="replace", check=False
    )
