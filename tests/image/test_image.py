"""The image: build the Dockerfile without a container engine, and run each role as the chart's Deployment says.

It needs root, buildah and mmdebstrap, and 4 GB of disk under pytest's `--basetemp`; at the end nothing of it stays.
"""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chart.helm import of_kind, render

from pizzashop import __version__
from pizzashop.local.processes import end_processes, process_trees
from pizzashop.local.shutdown import Shutdown
from pizzashop.roles import ROLES, Role

ROOT = Path(__file__).parents[2]
PACKAGES = "python3,python3-venv,ca-certificates"
FREE_GIGABYTES = 4
# The certificates of this machine: a package index may need one that the base does not have.
CERTIFICATES = Path("/etc/ssl/certs")
TOKEN = "a-token-of-32-characters-or-more"

pytestmark = pytest.mark.timeout(900)


class Container:
    """The file system of the image, mounted read-only as Kubernetes does, with the given writable directories."""

    def __init__(self, root: Path, config: dict[str, Any], writable: list[str]) -> None:
        self.root, self.user, self.entrypoint = root, config["User"], config["Entrypoint"]
        self._env: list[str] = config["Env"]
        self._writable = writable

    def command(
        self, *arguments: str, env: dict[str, str] | None = None, entrypoint: list[str] | None = None
    ) -> list[str]:
        """Return the command that runs the image with these arguments in a mount namespace of its own."""
        variables = [*self._env, *(f"{name}={value}" for name, value in (env or {}).items())]
        mounts = [f"mount --rbind {self.root} {self.root}", f"mount -o remount,bind,ro {self.root}"]
        mounts += [f"mount -t proc proc {self.root}/proc", f"mount -t tmpfs -o mode=1777 shm {self.root}/dev"]
        mounts += [f"mkdir -m 1777 {self.root}/dev/shm", f"mknod -m 666 {self.root}/dev/null c 1 3"]
        mounts += [f"mknod -m 666 {self.root}/dev/urandom c 1 9"]
        mounts += [f"mount -t tmpfs -o mode=1777 tmpfs {self.root}{path}" for path in self._writable]
        script = " && ".join([*mounts, f'exec chroot --userspec={self.user} {self.root} "$@"'])
        program = ["env", "-i", *variables, *(self.entrypoint if entrypoint is None else entrypoint), *arguments]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", *program]

    def run(self, *arguments: str, entrypoint: list[str] | None = None) -> "subprocess.CompletedProcess[str]":
        command = self.command(*arguments, entrypoint=entrypoint)
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def buildah(storage: Path, *arguments: str) -> str:
    options = ["--root", str(storage / "root"), "--runroot", str(storage / "run"), "--storage-driver", "vfs"]
    result = subprocess.run(["buildah", *options, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout.strip()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Build the image on a base of this machine's Debian; yield its file system and its configuration."""
    missing = [program for program in ("buildah", "mmdebstrap") if shutil.which(program) is None]
    if os.getuid() or missing:
        pytest.skip(f"root, buildah and mmdebstrap are needed (apt install buildah mmdebstrap); missing: {missing}")
    directory = tmp_path_factory.mktemp("image")
    if shutil.disk_usage(directory).free / 1e9 < FREE_GIGABYTES:
        pytest.skip(f"{directory} has less than {FREE_GIGABYTES} GB")
    base = directory / "base.tar"
    subprocess.run(["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(base)], check=True)
    storage = directory / "storage"
    try:
        scratch = buildah(storage, "from", "scratch")
        buildah(storage, "add", "--quiet", scratch, str(base), "/")
        buildah(storage, "commit", "--quiet", "--rm", scratch, "localhost/base")
        base.unlink()
        arguments = ["BASE=localhost/base", f"PIP_CERT={CERTIFICATES}/ca-certificates.crt"]
        options = ["--isolation", "chroot", "--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro", "--tag", "pizzashop"]
        options += [option for each in arguments for option in ("--build-arg", each)]
        buildah(storage, "bud", *options, str(ROOT))
        container = buildah(storage, "from", "localhost/pizzashop")
        config = json.loads(buildah(storage, "inspect", container))["OCIv1"]["config"]
        yield Path(buildah(storage, "mount", container)), config
    finally:
        for command in (["umount", "--all"], ["rm", "--all"], ["rmi", "--all", "--force"]):
            buildah(storage, *command)
        shutil.rmtree(directory)


def pod_of(role: Role) -> dict[str, Any]:
    deployment = of_kind(render("redis"), "Deployment")[f"shop-{role.name}"]
    return dict(deployment["spec"]["template"]["spec"])


def container_of(image: tuple[Path, dict[str, Any]], role: Role) -> Container:
    """Return the image as the chart runs it: with its user, and only its volumes writable."""
    root, config = image
    pod = pod_of(role)
    security = pod["securityContext"]
    assert config["User"] == f"{security['runAsUser']}:{security['runAsGroup']}"
    (spec,) = pod["containers"]
    return Container(root, config, [each["mountPath"] for each in spec["volumeMounts"] if not each.get("readOnly")])


@contextmanager
def serving(container: Container, role: Role) -> Iterator["subprocess.Popen[str]"]:
    """Run a role with the arguments and the variables of its Deployment."""
    (spec,) = pod_of(role)["containers"]
    env = {each["name"]: each.get("value", TOKEN) for each in spec["env"]}
    command = container.command(*spec["args"], env=env)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            yield process
        finally:
            # The role is a child of the programs that set it up as a container would.
            end_processes(process_trees([process.pid]), 5, Shutdown())


def get(port: int, path: str, host: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_until_healthy(process: "subprocess.Popen[str]", role: Role) -> str:
    """Return what `/healthz` answers under the address of a pod, as a probe asks."""
    deadline = time.monotonic() + 30
    while True:
        try:
            status, body = get(role.port, "/healthz", f"10.244.1.7:{role.port}")
            assert status == 200
            return body
        except OSError:
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_image_runs_the_program_as_a_user_without_rights(image: tuple[Path, dict[str, Any]]) -> None:
    container = container_of(image, ROLES[0])
    version = container.run("--version")
    assert version.stdout == f"pizzashop, version {__version__}\n", version.stderr
    who = container.run("-u", entrypoint=["id"])
    assert who.stdout == "10001\n"
    write = container.run("/opt/pizzashop/new", entrypoint=["touch"])
    assert "Read-only file system" in write.stderr


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_serves_as_its_deployment_says(image: tuple[Path, dict[str, Any]], role: Role) -> None:
    with serving(container_of(image, role), role) as process:
        assert json.loads(wait_until_healthy(process, role)) == {"status": "ok", "role": role.name}
        assert get(role.port, "/openapi.json", "shop-workflow.pizza.svc")[0] == 200
        assert get(role.port, "/openapi.json", "elsewhere.example")[0] == 421


def test_the_image_contains_no_tools_to_build_or_install(image: tuple[Path, dict[str, Any]]) -> None:
    root, _ = image
    assert not (root / "opt/build").exists()
    assert not (root / "source").exists()
    assert not list((root / "opt/pizzashop/bin").glob("pip*"))
