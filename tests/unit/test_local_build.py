"""The build of Dapr with a fake Go: what it leaves on the disk, and what it prints."""

import fcntl
import io
import os
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from rich.console import Console

from pizzashop.errors import LocalError
from pizzashop.local import build, dapr_binaries
from pizzashop.local.build import (
    DAPR,
    PATCHES,
    find_dapr,
    find_telemetry,
    patch_source,
    provide_cli,
    provide_dapr,
    provide_telemetry,
)
from pizzashop.local.shutdown import Interrupted, Shutdown, wait_until

ROOT = Path(__file__).parents[2]
VERSION = 'echo "go version go1.26.6 linux/amd64"'
# The fake Go downloads the files that the shop patches.
FETCH = "".join(
    f"mkdir -p $(dirname $GOMODCACHE/{DAPR.patched}/{each.file});"
    f" echo '{each.before}' > $GOMODCACHE/{DAPR.patched}/{each.file}; "
    for each in PATCHES
)
LIST = FETCH + 'echo "go: downloading github.com/dapr/dapr"; echo "fmt@"; echo "github.com/dapr/dapr@"'
# The word after -o is a directory, or the one binary.
MAKE = f"""
while [ "$1" != -o ]; do shift; done
case "$2" in
*/) names="daprd placement scheduler"; place="$2"; version={dapr_binaries.VERSION} ;;
*) names=dapr; place="$(dirname "$2")/"; version={dapr_binaries.CLI_VERSION} ;;
esac
for name in $names; do printf '#!/bin/sh\\necho %s\\n' $version > "$place$name"; chmod +x "$place$name"; done
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


def go(tmp_path: Path, *, make: str = MAKE, version: str = VERSION, env: str = "echo '{}'") -> None:
    script = f'#!/bin/sh\ncase "$1" in version) {version} ;; env) {env} ;; list) {LIST} ;; build)\n{make}\n;; esac\n'
    path = tmp_path / "bin" / "go"
    path.parent.mkdir(exist_ok=True)
    path.write_text(script)
    path.chmod(0o755)


def left_in(cache: Path) -> list[str]:
    return sorted(each.name for each in cache.iterdir() if each.name != "build.lock")


def test_a_build_leaves_only_the_binaries(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path)
    found = provide_dapr(cache, console, Shutdown())
    assert left_in(cache) == [dapr_binaries.runtime_home(cache).name]
    assert found == dapr_binaries.built_dapr(cache) == find_dapr(cache)
    assert found.daprd == cache / dapr_binaries.runtime_home(cache).name / ".dapr" / "bin" / "daprd"
    output = console.export_text()
    assert "about 4 minutes" in output
    assert "Compiling: 2 packages" in output


def test_a_failed_build_leaves_nothing_and_says_what_to_do(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path, make="echo 'dial tcp: no route to host'; exit 1")
    with pytest.raises(LocalError, match=r"(?s)no route to host.*Nothing is left behind.*`dapr init`"):
        provide_dapr(cache, console, Shutdown())
    assert left_in(cache) == []


def test_binaries_of_another_version_are_refused(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path, make=MAKE.replace(dapr_binaries.VERSION, "1.17.0"))
    with pytest.raises(LocalError, match=r"not version 1\.18\.3"):
        provide_dapr(cache, console, Shutdown())
    assert left_in(cache) == []


def test_an_interrupted_build_leaves_nothing(tmp_path: Path, cache: Path, console: Console) -> None:
    begun = tmp_path / "begun"
    go(tmp_path, make=f"touch {begun}; exec sleep 600")
    shutdown = Shutdown()

    def interrupt() -> None:
        wait_until(begun.exists, "the build", seconds=20)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with shutdown.handle_signals():
        thread.start()
        with pytest.raises(Interrupted):
            provide_dapr(cache, console, shutdown)
    thread.join()
    assert left_in(cache) == []


def test_the_next_build_removes_what_a_killed_one_has_left(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path)
    modules = cache / "building-old" / "modules"
    modules.mkdir(parents=True)
    (modules / "go.mod").touch()
    incomplete = dapr_binaries.bin_dir(dapr_binaries.runtime_home(cache))
    incomplete.mkdir(parents=True)
    provide_dapr(cache, console, Shutdown())
    assert left_in(cache) == [dapr_binaries.runtime_home(cache).name]
    assert dapr_binaries.built_dapr(cache)


def test_two_builds_at_once_are_one(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path)
    cache.mkdir()
    with (cache / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=provide_dapr, args=(cache, console, Shutdown()))
        waiting.start()
        wait_until(lambda: "waiting for it" in console.export_text(clear=False), "it", seconds=20)
        assert left_in(cache) == []
    waiting.join()
    assert dapr_binaries.built_dapr(cache)


def test_a_cache_directory_that_is_not_writable_is_an_error(tmp_path: Path, console: Console) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be written"):
        provide_dapr(tmp_path / "file" / "cache", console, Shutdown())


def test_the_cli_is_built_only_on_request(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path)
    provide_dapr(cache, console, Shutdown())
    assert dapr_binaries.dapr_cli(cache) is None
    assert (
        provide_cli(cache, console, Shutdown())
        == dapr_binaries.dapr_cli(cache)
        == dapr_binaries.cli_home(cache) / "dapr"
    )
    assert left_in(cache) == sorted([dapr_binaries.runtime_home(cache).name, dapr_binaries.cli_home(cache).name])
    assert dapr_binaries.built_dapr(cache)


# Each server of telemetry is one binary, which prints its version.
MAKE_SERVER = """
while [ "$1" != -o ]; do shift; done
case "$2" in */jaeger) version=2.13.0 ;; *) version=1.151.0 ;; esac
printf '#!/bin/sh\\necho %s\\n' $version > "$2"; chmod +x "$2"
"""


def test_the_servers_of_telemetry_are_built_once(tmp_path: Path, cache: Path, console: Console) -> None:
    go(tmp_path, make=MAKE_SERVER)
    assert find_telemetry(cache) is None
    built = provide_telemetry(cache, console, Shutdown())
    assert sorted(built) == ["jaeger", "victoriametrics"]
    go(tmp_path, make="exit 1")
    assert provide_telemetry(cache, console, Shutdown()) == built == find_telemetry(cache)


def test_where_they_cannot_be_built_the_shop_can_open_without_them(
    tmp_path: Path, cache: Path, console: Console
) -> None:
    go(tmp_path, make="echo 'dial tcp: no route to host'; exit 1")
    with pytest.raises(LocalError, match=r"(?s)no route to host.*open the shop without --telemetry"):
        provide_telemetry(cache, console, Shutdown())
    assert left_in(cache) == []


def _source(tmp_path: Path, change: dict[str, str] | None = None) -> dict[Path, str]:
    texts = {tmp_path / each.file: (change or {}).get(each.file, f"before {each.before} after") for each in PATCHES}
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return texts


def test_the_patches_change_the_source_that_is_built(tmp_path: Path) -> None:
    _source(tmp_path)
    patch_source(tmp_path)
    assert [(tmp_path / each.file).read_text() for each in PATCHES] == [
        f"before {each.after} after" for each in PATCHES
    ]


@pytest.mark.parametrize("text", ["", f"{PATCHES[0].before} {PATCHES[0].before}", PATCHES[0].after])
def test_an_unexpected_source_is_an_error_and_stays_unchanged(tmp_path: Path, text: str) -> None:
    before = _source(tmp_path, {PATCHES[0].file: text})
    with pytest.raises(LocalError, match="not as expected"):
        patch_source(tmp_path)
    assert {file: file.read_text() for file in before} == before


HARMFUL = {
    "GO111MODULE": "off",
    "GOFLAGS": "-race -mod=vendor",
    "GOOS": "plan9",
    "GOROOT": "/nowhere",
    "GOTOOLCHAIN": "go1.20",
    "GOEXPERIMENT": "none",
    "GOWORK": "/nowhere/go.work",
    "PIP_USER": "1",
    "PIP_NO_BINARY": ":all:",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_TARGET": "/nowhere",
}
NEEDED = {"GOPROXY": "https://proxy.example", "GOPRIVATE": "x.example", "PIP_INDEX_URL": "https://index.example/simple"}


def test_a_build_inherits_only_the_sources_of_modules(
    tmp_path: Path, cache: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (HARMFUL | NEEDED).items():
        monkeypatch.setenv(name, value)
    seen = tmp_path / "seen"
    go(tmp_path, make=f"env > {seen}\n{MAKE}")
    provide_dapr(cache, console, Shutdown())
    inherited = dict(line.split("=", 1) for line in seen.read_text().splitlines() if line.startswith("GO"))
    assert {name: inherited.get(name) for name in ("GOPROXY", "GOPRIVATE")} == {
        "GOPROXY": "https://proxy.example",
        "GOPRIVATE": "x.example",
    }
    assert inherited["GO111MODULE"] == "on"
    assert inherited["GOFLAGS"] == "-mod=readonly"
    assert not {"GOROOT", "GOOS", "GOEXPERIMENT"} & inherited.keys()
    assert (inherited["GOTOOLCHAIN"], inherited["GOWORK"]) == ("local", "off")


def test_a_build_uses_the_sources_that_go_env_has_written(tmp_path: Path, cache: Path, console: Console) -> None:
    seen, written = tmp_path / "seen", '{"GOPROXY": "https://written.example", "GOSUMDB": "off"}'
    go(tmp_path, make=f"env > {seen}\n{MAKE}", env=f"echo '{written}'")
    provide_dapr(cache, console, Shutdown())
    inherited = dict(line.split("=", 1) for line in seen.read_text().splitlines() if line.startswith("GO"))
    assert (inherited["GOPROXY"], inherited["GOSUMDB"]) == ("https://written.example", "off")
    # Otherwise `go env -w GOOS=windows` would build for another system.
    assert inherited["GOENV"] == "off"


def test_pip_inherits_only_the_sources_of_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (HARMFUL | NEEDED).items():
        monkeypatch.setenv(name, value)
    seen = tmp_path / "seen"
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nenv > {seen}\n")
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    build.fetch_go(tmp_path / "toolchain", Shutdown())
    inherited = {line.split("=", 1)[0] for line in seen.read_text().splitlines() if line.startswith("PIP_")}
    assert "PIP_INDEX_URL" in inherited
    assert inherited & HARMFUL.keys() == set()


def test_make_passes_only_the_sources_of_packages_to_pip() -> None:
    command = ["make", "-s", "--eval=show: ; @env", "show"]
    harmful = HARMFUL | {"PIP_NO_BUILD_ISOLATION": "0", "PIP_DRY_RUN": "1"}
    env = {**os.environ, **harmful, **NEEDED}
    output = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    inherited = {line.split("=", 1)[0] for line in output.splitlines() if line.startswith("PIP_")}
    assert "PIP_INDEX_URL" in inherited
    assert inherited & harmful.keys() == set()


def test_a_missing_pip_is_an_error_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_spec", lambda _: None)
    with pytest.raises(LocalError, match="ensurepip"):
        build.fetch_go(tmp_path, Shutdown())
