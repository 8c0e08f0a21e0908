"""A Kubernetes API server on this machine, with Services but without nodes: `kubelet.py` runs pods.

Everything is in the network namespace of this process: a bridge with the addresses of the API server, of the Services
and, in namespaces of their own, of the pods.
"""

import asyncio
import itertools
import json
import ssl
import subprocess
import threading
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from chart.helm import HOME as HELM_HOME
from go_programs import DAPR_MODULE, build, build_sentry, cache_dir
from network_namespaces import bridge, run_ip, running

from pizzashop.local.dapr_binaries import VERSION as DAPR_VERSION
from pizzashop.local.dapr_binaries import machine_name
from pizzashop.local.ports import is_listening
from pizzashop.local.shutdown import wait_until

KUBERNETES_VERSION = "1.36.3"
HOME = cache_dir() / f"cluster-{KUBERNETES_VERSION}-{DAPR_VERSION}-{machine_name()}"
BRIDGE = "pods"
HOST = "10.244.0.1"
API_PORT = 6443
_TOKEN = "the-token-of-the-administrator"
_CONTROL_PLANE = [f"github.com/dapr/dapr/cmd/{name}" for name in ("operator", "injector")]


def build_cluster() -> None:
    """Build the API server, etcd and the parts of Dapr's control plane that a local shop does not have."""
    build_sentry()
    kubernetes = Path(__file__).parent / "golang"
    packages = ["k8s.io/kubernetes/cmd/kube-apiserver", "go.etcd.io/etcd/server/v3"]
    modules = {kubernetes: packages, DAPR_MODULE: _CONTROL_PLANE}
    # Helm compares the version of the API server with what a chart requires.
    variables = [f"k8s.io/component-base/version.gitVersion=v{KUBERNETES_VERSION}"]
    title = f"Kubernetes' API server {KUBERNETES_VERSION} and Dapr's control plane {DAPR_VERSION}"
    build(HOME, title, modules, variables)


class Cluster:
    """The API server and its Services. `helm` runs Helm on it, `call` sends a request to it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kubeconfig, self.hosts_file = directory / "kubeconfig", directory / "hosts"
        # The addresses of the pods, by namespace and name.
        self.addresses: dict[tuple[str, str], str] = {}
        self._proxy = ServiceProxy(self._endpoints)

    @contextmanager
    def running(self) -> Iterator["Cluster"]:
        with ExitStack() as stack:
            stack.enter_context(bridge(BRIDGE, f"{HOST}/16"))
            self.hosts_file.touch()
            stack.enter_context(running([HOME / "server", "--data-dir", self.directory / "etcd"], self._log("etcd")))
            stack.enter_context(running(self._api_server(), self._log("kube-apiserver")))
            wait_until(self._is_ready, "kube-apiserver", seconds=60)
            stack.enter_context(self._proxy)
            yield self

    def call(self, method: str, path: str, content: Any = None, content_type: str = "application/json") -> Any:
        """Send a request to the API server; return its JSON, or raise HTTPError."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"Bearer {_TOKEN}", "Content-Type": content_type}
        request = urllib.request.Request(f"https://{HOST}:{API_PORT}{path}", body, headers, method=method)
        context = ssl.create_default_context(cafile=str(self._certificate))
        try:
            with urllib.request.urlopen(request, context=context, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            error.add_note(error.read().decode(errors="replace"))
            raise

    def helm(self, *arguments: str) -> str:
        """Run Helm on the cluster; return its output."""
        command = [HELM_HOME / "helm", "--kubeconfig", self.kubeconfig, *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    def create_namespace(self, name: str, **labels: str) -> None:
        """Create a namespace, with the certificate that its pods need to trust the API server."""
        self.call("POST", "/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
        certificate = {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": self._certificate.read_text()}}
        self.call("POST", f"/api/v1/namespaces/{name}/configmaps", certificate)

    def create_secret(self, namespace: str, name: str, **data: str) -> None:
        content = {"metadata": {"name": name}, "stringData": {key.replace("_", "-"): data[key] for key in data}}
        self.call("POST", f"/api/v1/namespaces/{namespace}/secrets", content)

    def read_secret(self, namespace: str, name: str) -> dict[str, str]:
        data = self.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}").get("data", {})
        return {key: b64decode(value).decode() for key, value in data.items()}

    def refresh_services(self) -> None:
        """Give each Service an address on the bridge, and its names to all pods, as DNS and kube-proxy would."""
        lines = ["127.0.0.1 localhost"]
        for service in self.call("GET", "/api/v1/services")["items"]:
            name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
            names = f"{name}.{namespace}.svc.cluster.local {name}.{namespace}.svc {name}.{namespace} {name}"
            if service["spec"]["clusterIP"] == "None":
                for pod, address in self._pods_of(service):
                    lines += [f"{address} {names}", f"{address} {pod}.{name}.{namespace}.svc.cluster.local"]
                    lines += [f"{address} {pod}.{name}.{namespace}.svc"]
            else:
                lines.append(f"{service['spec']['clusterIP']} {names}")
                self._proxy.serve(service)
        # The pods have this very file mounted.
        self.hosts_file.write_text("\n".join([*lines, ""]))

    def _pods_of(self, service: Mapping[str, Any]) -> list[tuple[str, str]]:
        namespace, selector = service["metadata"]["namespace"], service["spec"].get("selector") or {}
        query = ",".join(f"{key}%3D{value}" for key, value in selector.items())
        pods = self.call("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector={query}")["items"] if query else []
        names = [pod["metadata"]["name"] for pod in pods]
        return [(name, self.addresses[namespace, name]) for name in names if (namespace, name) in self.addresses]

    def _endpoints(self, service: Mapping[str, Any], port: Mapping[str, Any]) -> list[tuple[str, int]]:
        if service["metadata"]["name"] == "kubernetes":
            return [(HOST, API_PORT)]
        namespace, target = service["metadata"]["namespace"], port.get("targetPort", port["port"])
        pods = self._pods_of(service)
        return [
            (address, target if isinstance(target, int) else self._port(namespace, name, target))
            for name, address in pods
        ]

    def _port(self, namespace: str, pod: str, name: str) -> int:
        containers = self.call("GET", f"/api/v1/namespaces/{namespace}/pods/{pod}")["spec"]["containers"]
        ports = [each for container in containers for each in container.get("ports", [])]
        return next(int(each["containerPort"]) for each in ports if each.get("name") == name)

    def _api_server(self) -> list[str | Path]:
        key, tokens = self.directory / "service-accounts.key", self.directory / "tokens.csv"
        subprocess.run(["openssl", "genrsa", "-out", key, "2048"], check=True, stderr=subprocess.DEVNULL)
        tokens.write_text(f'{_TOKEN},admin,1,"system:masters"\n')
        cluster = {"server": f"https://{HOST}:{API_PORT}", "certificate-authority": str(self._certificate)}
        content = {
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": _TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
            "current-context": "test",
        }
        self.kubeconfig.write_text(yaml.safe_dump(content))
        options = {
            "etcd-servers": "http://127.0.0.1:2379",
            "advertise-address": HOST,
            "secure-port": API_PORT,
            "cert-dir": self._certificate.parent,
            "token-auth-file": tokens,
            "authorization-mode": "RBAC",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": key,
            "service-account-signing-key-file": key,
            "service-cluster-ip-range": "10.96.0.0/24",
        }
        return [HOME / "kube-apiserver", *(f"--{name}={value}" for name, value in options.items())]

    @property
    def _certificate(self) -> Path:
        return self.directory / "certificates" / "apiserver.crt"

    def _is_ready(self) -> bool:
        if not is_listening(API_PORT, HOST):
            return False
        with suppress(OSError, ValueError):
            return bool(self.call("GET", "/api/v1/namespaces/default/services/kubernetes"))
        return False

    def _log(self, name: str) -> Path:
        return self.directory / f"{name}.log"


Endpoints = Callable[[Mapping[str, Any], Mapping[str, Any]], list[tuple[str, int]]]


class ServiceProxy:
    """Forward the connections to the address of each Service to its pods in turn, as kube-proxy would."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._served: set[str] = set()
        self._servers: list[asyncio.Server] = []
        self._turn = itertools.count()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> "ServiceProxy":
        self._thread.start()
        self._started.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._started.set()
        await self._end.wait()
        for server in self._servers:
            server.close()

    def serve(self, service: Mapping[str, Any]) -> None:
        """Listen on the ports of a Service, unless that is done already."""
        address = service["spec"]["clusterIP"]
        if address in self._served:
            return
        self._served.add(address)
        run_ip("address", "add", f"{address}/32", "dev", BRIDGE)
        for port in service["spec"]["ports"]:
            started = asyncio.run_coroutine_threadsafe(self._listen(service, port), self._loop)
            started.result(10)

    async def _listen(self, service: Mapping[str, Any], port: Mapping[str, Any]) -> None:
        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                targets = await asyncio.to_thread(self._endpoints, service, port)
                if targets:
                    target = targets[next(self._turn) % len(targets)]
                    other_reader, other_writer = await asyncio.open_connection(*target)
                    await asyncio.gather(_copy(reader, other_writer), _copy(other_reader, writer))
            except OSError:
                # The pod is away: its client sees a closed connection.
                pass
            finally:
                writer.close()

        address = service["spec"]["clusterIP"]
        self._servers.append(await asyncio.start_server(forward, address, port["port"]))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
    finally:
        writer.close()


if __name__ == "__main__":
    build_cluster()
