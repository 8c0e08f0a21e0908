"""A kubelet without containers: run the containers of a pod as processes in a network namespace of the pod's own.

The processes get the arguments, the environment and the secrets that the pod says. Their files are those of this
machine, except `/run` and `/etc/hosts`; what the image contains is for tests/image.
"""

import os
import re
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cluster import BRIDGE, HOST, Cluster
from network_namespaces import host, running

from pizzashop.local.shutdown import wait_until

READY_SECONDS = 90
# Kubernetes mounts its own data here; `/var/run` is `/run`.
_MOUNTED = "/var/run/"
# A private `/run` with the files of the pod's volumes.
_SCRIPT = 'mount -t tmpfs tmpfs /run && cp -r "$1"/. /run && shift && exec "$@"'


class Pod:
    """A pod that runs: its content as the API server has it, its address and the processes of its containers."""

    def __init__(self, content: Mapping[str, Any], address: str, network: str) -> None:
        self.content, self.address, self.network = content, address, network
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def name(self) -> str:
        return str(self.content["metadata"]["name"])

    @property
    def containers(self) -> list[dict[str, Any]]:
        """The containers in the order in which they start: sidecars first."""
        spec = self.content["spec"]
        return [*spec.get("initContainers", []), *spec["containers"]]

    def run(self, *command: str) -> str:
        """Run a command in the network of the pod; return its output."""
        result = subprocess.run(["ip", "netns", "exec", self.network, *command], capture_output=True, text=True)
        return result.stdout

    def is_ready(self) -> bool:
        return all(self._answers(each["readinessProbe"]) for each in self.containers if "readinessProbe" in each)

    def _answers(self, probe: Mapping[str, Any]) -> bool:
        get = probe["httpGet"]
        ports = {each.get("name"): each["containerPort"] for own in self.containers for each in own.get("ports", [])}
        try:
            url = f"http://{self.address}:{ports.get(get['port'], get['port'])}{get['path']}"
            with urllib.request.urlopen(url, timeout=3) as response:
                return 200 <= response.status < 400
        except OSError:
            return False


class Kubelet:
    """Run pods. `programs` has the command of each program by the first word of a container's command line."""

    def __init__(self, cluster: Cluster, programs: Mapping[str, Sequence[str | Path]], stack: ExitStack) -> None:
        self._cluster, self._programs, self._stack = cluster, programs, stack
        self._count = 0

    def create(self, workload: Mapping[str, Any], name: str) -> Pod:
        """Create a pod from the template of a Deployment or StatefulSet, as their controllers would."""
        namespace, template = workload["metadata"]["namespace"], workload["spec"]["template"]
        spec = {**template["spec"]}
        claims = [each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])]
        spec["volumes"] = [*spec.get("volumes", []), *({"name": claim, "emptyDir": {}} for claim in claims)]
        content = {"metadata": {**template["metadata"], "name": name}, "spec": spec}
        return self.admit(self._cluster.call("POST", f"/api/v1/namespaces/{namespace}/pods", content))

    def admit(self, content: dict[str, Any]) -> Pod:
        """Give a pod its address and its names; its containers do not run yet."""
        self._count += 1
        pod = Pod(content, f"10.244.1.{self._count}", f"pizzashop-{os.getpid()}-{self._count}")
        network = host(pod.network, f"pod{self._count}", BRIDGE, f"{pod.address}/16", HOST, self._cluster.hosts_file)
        self._stack.enter_context(network)
        meta = content["metadata"]
        self._cluster.addresses[meta["namespace"], meta["name"]] = pod.address
        self._set_status(content, {"phase": "Running", "podIP": pod.address})
        self._cluster.refresh_services()
        return pod

    def start(self, pod: Pod) -> None:
        """Start the containers of a pod, in its order."""
        volumes, state = self._directory(pod, "volumes"), self._directory(pod, "state")
        state.mkdir()
        for container in pod.containers:
            self._write_volumes(pod, container, volumes)
            program = ["env", "-i", *self._environment(pod, container), *self._command(pod, container)]
            command = ["ip", "netns", "exec", pod.network, "sh", "-c", _SCRIPT, "sh", volumes, *program]
            log = self._directory(pod, f"{container['name']}.log")
            pod.processes[container["name"]] = self._stack.enter_context(running(command, log))

    def wait_until_ready(self, pod: Pod) -> None:
        wait_until(pod.is_ready, pod.name, seconds=READY_SECONDS, check=lambda: self._check(pod))

    def finish(self, pod: Pod) -> int:
        """Wait until the only container of a pod has ended; tell the API server, and return its exit code."""
        (process,) = pod.processes.values()
        code = process.wait(300)
        self._set_status(pod.content, {"phase": "Failed" if code else "Succeeded"})
        return code

    def log(self, pod: Pod, container: str) -> str:
        return self._directory(pod, f"{container}.log").read_text(errors="replace")

    def _directory(self, pod: Pod, suffix: str) -> Path:
        return self._cluster.directory / f"{pod.name}-{suffix}"

    def _check(self, pod: Pod) -> None:
        for name, process in pod.processes.items():
            assert process.poll() is None, f"{pod.name}: {name} has ended\n{self.log(pod, name)[-3000:]}"

    def _set_status(self, content: Mapping[str, Any], status: Mapping[str, str]) -> None:
        path = f"/api/v1/namespaces/{content['metadata']['namespace']}/pods/{content['metadata']['name']}/status"
        ips = {"podIPs": [{"ip": status["podIP"]}]} if "podIP" in status else {}
        self._cluster.call("PATCH", path, {"status": {**status, **ips}}, "application/merge-patch+json")

    def _command(self, pod: Pod, container: Mapping[str, Any]) -> list[str | Path]:
        words = [*container.get("command", []), *container.get("args", [])]
        if words[0] not in self._programs:
            # The entry point of the shop's image.
            words.insert(0, "pizzashop")
        # `$(NAME)` stands for the value of a variable.
        variables = dict(each.split("=", 1) for each in self._environment(pod, container))
        expanded = [re.sub(r"\$\((\w+)\)", lambda match: variables[match[1]], word) for word in words[1:]]
        return [*self._programs[words[0]], *expanded]

    def _environment(self, pod: Pod, container: Mapping[str, Any]) -> list[str]:
        state = str(self._directory(pod, "state"))
        variables = {
            "KUBERNETES_SERVICE_HOST": "10.96.0.1",
            "KUBERNETES_SERVICE_PORT": "443",
            "TMPDIR": state,
            # The processes belong to root here.
            "DAPR_UNSAFE_SKIP_CONTAINER_UID_GID_CHECK": "true",
            # What the image sets.
            "PIZZASHOP_STATE_DIR": state,
            "PIZZASHOP_CACHE_DIR": state,
        }
        for each in container.get("env", []):
            value = each.get("value", "") if "valueFrom" not in each else self._value_from(pod, each["valueFrom"])
            if value is not None:
                variables[each["name"]] = value
        return [f"{name}={value}" for name, value in variables.items()]

    def _value_from(self, pod: Pod, source: Mapping[str, Any]) -> str | None:
        meta = pod.content["metadata"]
        if "fieldRef" in source:
            fields = {"metadata.name": meta["name"], "metadata.namespace": meta["namespace"]}
            return {**fields, "status.podIP": pod.address}[source["fieldRef"]["fieldPath"]]
        reference = source["secretKeyRef"]
        secret = self._cluster.read_secret(meta["namespace"], reference["name"])
        return secret.get(reference["key"]) if reference.get("optional") else secret[reference["key"]]

    def _write_volumes(self, pod: Pod, container: Mapping[str, Any], directory: Path) -> None:
        """Write what the container has mounted below `/var/run`; the rest of its volumes starts empty anyway."""
        directory.mkdir(exist_ok=True)
        volumes = {each["name"]: each for each in pod.content["spec"].get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            if not mount["mountPath"].startswith(_MOUNTED):
                continue
            target = directory / mount["mountPath"].removeprefix(_MOUNTED)
            target.mkdir(parents=True, exist_ok=True)
            volume = volumes[mount["name"]]
            for source in volume.get("projected", {"sources": [volume]})["sources"]:
                for name, text in self._files(pod, source).items():
                    (target / name).write_text(text)

    def _files(self, pod: Pod, source: Mapping[str, Any]) -> dict[str, str]:
        namespace = pod.content["metadata"]["namespace"]
        if "serviceAccountToken" in source:
            token = source["serviceAccountToken"]
            return {token["path"]: self._token(pod, token)}
        if "configMap" in source:
            content = self._cluster.call(
                "GET", f"/api/v1/namespaces/{namespace}/configmaps/{source['configMap']['name']}"
            )
            return dict(content.get("data", {}))
        if "secret" in source:
            return self._cluster.read_secret(namespace, source["secret"]["secretName"])
        return {"namespace": namespace} if "downwardAPI" in source else {}

    def _token(self, pod: Pod, projection: Mapping[str, Any]) -> str:
        meta, account = pod.content["metadata"], pod.content["spec"]["serviceAccountName"]
        bound = {"kind": "Pod", "apiVersion": "v1", "name": meta["name"], "uid": meta["uid"]}
        audiences = [projection["audience"]] if projection.get("audience") else []
        spec = {"audiences": audiences, "expirationSeconds": 3600, "boundObjectRef": bound}
        path = f"/api/v1/namespaces/{meta['namespace']}/serviceaccounts/{account}/token"
        return str(self._cluster.call("POST", path, {"spec": spec})["status"]["token"])
