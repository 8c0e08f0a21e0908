"""Building Dapr, with a Go that only pretends: what stays on the disk, and what is said."""

import fcntl
import io
import os
import signal
import threading
from pathlib import Path

import pytest
from rich.console import Console

from pizzashop.domain.errors import LocalError
from pizzashop.local import dapr
from pizzashop.local.amend import AFTER, BEFORE, FILE, amend
from pizzashop.local.build import build, remove
from pizzashop.local.closing import Closing, Interrupted
from pizzashop.local.gobuild import MODULES
from pizzashop.local.health import wait_until
from pizzashop.local.provide import present, provide

OUR_MODULE = MODULES[0].amended
VERSION = 'echo "go version go1.26.5 linux/amd64"'
SOURCE = f"{OUR_MODULE}/pkg/healthz/server"
# It downloads the one file that the shop looks into.
FETCH = f"mkdir -p $GOMODCACHE/{SOURCE}; echo '{BEFORE}' > $GOMODCACHE/{SOURCE}/server.go; "
LIST = FETCH + 'echo "go: downloading github.com/dapr/dapr v1.18.2"; echo "fmt@"; echo "github.com/dapr/dapr@v1.18.2"'
# Go's -o is followed by the place: a directory, or the one binary.
MAKE = """
while [ "$1" != -o ]; do shift; done
case "$2" in */) names="daprd placement scheduler"; place="$2" ;; *) names=dapr; place="$(dirname "$2")/" ;; esac
for name in $names; do printf '#!/bin/sh\\necho 1.18.2\\n' > "$place$name"; chmod +x "$place$name"; done
echo github.com/dapr/dapr
"""


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("DAPR_RUNTIME_PATH", raising=False)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def console() -> Console:
    return Console(width=200, record=True, file=io.StringIO())


def go(tmp_path: Path, *, make: str = MAKE, version: str = VERSION) -> None:
    script = f'#!/bin/sh\ncase "$1" in version) {version} ;; list) {LIST} ;; build)\n{make}\n;; esac\n'
    path = tmp_path / "bin" / "go"
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


def left(cache: Path) -> list[str]:
    return sorted(each.name for each in cache.iterdir() if each.name != "build.lock")


def test_only_the_binaries_stay(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path)
    found = provide(cache, console, Closing())
    assert left(cache) == [dapr.home(cache).name]
    assert found == dapr.built(cache) == present(cache)
    assert found.daprd == cache / dapr.home(cache).name / ".dapr" / "bin" / "daprd"
    said = console.export_text()
    assert "about 8 minutes" in said
    assert "Compiling: 2 packages" in said


def test_a_build_that_fails_leaves_nothing_and_says_what_to_do(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path, make="echo 'dial tcp: no route to host'; exit 1")
    with pytest.raises(LocalError, match=r"(?s)no route to host.*Nothing is left behind.*`dapr init`"):
        build(cache, console, Closing())
    assert left(cache) == []


def test_binaries_of_another_version_are_not_taken(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path, make=MAKE.replace("1.18.2", "1.17.0"))
    with pytest.raises(LocalError, match="not those that were wanted"):
        build(cache, console, Closing())
    assert left(cache) == []


def test_an_interrupted_build_leaves_nothing(tmp_path: Path, cache: Path, console: Console) -> None:
    begun = tmp_path / "begun"
    go(tmp_path, make=f"touch {begun}; exec sleep 600")
    closing = Closing()

    def interrupt() -> None:
        wait_until(begun.exists, "the build", seconds=20, closing=Closing())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with closing.listening():
        thread.start()
        with pytest.raises(Interrupted):
            build(cache, console, closing)
    thread.join()
    assert left(cache) == []


def test_what_a_killed_build_left_goes_with_the_next(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path)
    read_only = cache / "building-old" / "modules"
    read_only.mkdir(parents=True)
    (read_only / "go.mod").touch()
    read_only.chmod(0o500)
    incomplete = dapr.bin_dir(dapr.home(cache))
    incomplete.mkdir(parents=True)
    build(cache, console, Closing())
    assert left(cache) == [dapr.home(cache).name]
    assert dapr.built(cache)


def test_two_builds_at_once_are_one(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path)
    cache.mkdir()
    with (cache / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=build, args=(cache, console, Closing()))
        waiting.start()
        wait_until(lambda: "waiting for it" in console.export_text(clear=False), "it", seconds=20, closing=Closing())
        assert left(cache) == []
    waiting.join()
    assert dapr.built(cache)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path: Path, console: Console) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be written"):
        build(tmp_path / "file" / "cache", console, Closing())


def test_removing_what_is_not_there_is_fine(tmp_path: Path) -> None:
    remove(tmp_path / "none")


def test_health_checks_are_made_to_listen_on_loopback(tmp_path: Path) -> None:
    file = tmp_path / FILE
    file.parent.mkdir(parents=True)
    file.write_text(f"ln, err := {BEFORE}\n")
    amend(tmp_path)
    assert file.read_text() == f"ln, err := {AFTER}\n"


@pytest.mark.parametrize("text", ["", f"{BEFORE} {BEFORE}", AFTER])
def test_a_source_that_is_another_is_not_changed(tmp_path: Path, text: str) -> None:
    file = tmp_path / FILE
    file.parent.mkdir(parents=True)
    file.write_text(text)
    with pytest.raises(LocalError, match="not as it should be"):
        amend(tmp_path)
    assert file.read_text() == text
