"""The chart on a real API server, with Dapr's own chart, operator, injector and Sentry.

Pods run as processes (`kubelet.py`). Nothing stands in for a network plugin: the network policies are not enforced.
It needs root, for network namespaces. `make test-cluster` builds the programs and runs this file in one of its own.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import pytest
from chart.helm import CHART
from chart.helm import HOME as HELM_HOME
from cluster import HOME, HOST, Cluster
from go_programs import sentry
from kubelet import Kubelet, Pod
from network_namespaces import reason_without_namespaces, running
from shop_client import PIZZASHOP

from pizzashop.local.build import find_dapr
from pizzashop.local.ports import is_listening
from pizzashop.local.programs import valkey_binary
from pizzashop.local.shutdown import wait_until
from pizzashop.roles import DELIVERY, KITCHEN, ORDER, ROLES, Role
from pizzashop.settings import Settings

SYSTEM, SHOP = "dapr-system", "pizza"
TOKEN = "a-token-of-32-characters-or-more"
PASSWORD = "the-password-of-the-store"
SCHEDULERS = [f"dapr-scheduler-server-{number}" for number in range(3)]

# The pod of each role.
Shop = dict[Role, Pod]

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    if reason := reason_without_namespaces():
        pytest.skip(reason)
    with Cluster(tmp_path_factory.mktemp("cluster")).running() as running_cluster:
        yield running_cluster


@pytest.fixture(scope="module")
def kubelet(cluster: Cluster) -> Iterator[Kubelet]:
    dapr = find_dapr(Settings.from_env().cache_dir.expanduser())
    assert dapr is not None
    programs = {f"/{name}": [HOME / name] for name in ("operator", "injector")} | {"/sentry": [sentry()]}
    programs |= {"/daprd": [dapr.daprd], "/placement": [dapr.placement], "/scheduler": [dapr.scheduler]}
    programs |= {"pizzashop": [PIZZASHOP], "python": [sys.executable]}
    with ExitStack() as stack:
        yield Kubelet(cluster, programs, stack)


@pytest.fixture(scope="module")
def control_plane(cluster: Cluster, kubelet: Kubelet) -> None:
    """Install Dapr's own chart, and run its pods."""
    cluster.create_namespace(SYSTEM)
    values = ["--set", "dapr_sidecar_injector.sidecarDropALLCapabilities=true"]
    cluster.helm("install", "dapr", str(HELM_HOME / "dapr"), "--namespace", SYSTEM, *values)
    workloads = {kind: workloads_of(cluster, SYSTEM, kind) for kind in ("deployments", "statefulsets")}
    deployments, sets = workloads["deployments"], workloads["statefulsets"]
    # All others need the certificates that Sentry makes.
    sentry = kubelet.create(deployments["dapr-sentry"], "dapr-sentry-0")
    kubelet.start(sentry)
    kubelet.wait_until_ready(sentry)
    pods = [kubelet.create(sets["dapr-scheduler-server"], name) for name in SCHEDULERS]
    pods.append(kubelet.create(sets["dapr-placement-server"], "dapr-placement-server-0"))
    pods += [kubelet.create(deployments[f"dapr-{name}"], f"dapr-{name}-0") for name in CONTROLLERS]
    for pod in pods:
        kubelet.start(pod)
    for pod in pods:
        wait_until(lambda pod=pod: answers(pod), pod.name, seconds=90)


CONTROLLERS = ("operator", "sidecar-injector")


def answers(pod: Pod) -> bool:
    """Return whether a part of the control plane serves; the health checks of two of them listen on loopback."""
    ports = {"operator": 6500, "sidecar-injector": 4000, "placement-server": 50005, "scheduler-server": 50006}
    name = pod.name.removeprefix("dapr-").rpartition("-")[0]
    return is_listening(ports[name], pod.address)


def workloads_of(cluster: Cluster, namespace: str, kind: str) -> dict[str, dict[str, Any]]:
    items = cluster.call("GET", f"/apis/apps/v1/namespaces/{namespace}/{kind}")["items"]
    return {each["metadata"]["name"]: each for each in items}


@pytest.fixture(scope="module")
def shop(cluster: Cluster, kubelet: Kubelet, control_plane: None) -> Iterator[Shop]:  # noqa: ARG001
    """Install the chart with Redis into a restricted namespace, and run a pod of each Deployment."""
    cluster.create_namespace(SHOP, **{"pod-security.kubernetes.io/enforce": "restricted"})
    cluster.create_secret(SHOP, "pizzashop-sign-in", session_key=TOKEN, staff_token=TOKEN)
    cluster.create_secret(SHOP, "pizzashop-app-token", token=TOKEN[::-1])
    cluster.create_secret(SHOP, "pizzashop-dapr-token", token=TOKEN.upper())
    cluster.create_secret(SHOP, "pizzashop-redis", password=PASSWORD)
    server = [valkey_binary(), "--bind", HOST, "--requirepass", PASSWORD, "--save", "", "--dir", str(cluster.directory)]
    with running(server, cluster.directory / "valkey.log"):
        wait_until(lambda: is_listening(6379, HOST), "valkey")
        store = f'{{"type": "redis", "metadata": [{{"name": "redisHost", "value": "{HOST}:6379"}}, {PASSWORD_ENTRY}]}}'
        values = [word for key in ("store", "broker") for word in ("--set-json", f"{key}={store}")]
        notes = cluster.helm(
            "install", "shop", str(CHART), "--namespace", SHOP, *values, "--set", "env.PIZZASHOP_PACE=0"
        )
        assert "helm test shop" in notes
        deployments = workloads_of(cluster, SHOP, "deployments")
        wait_until(lambda: has_sidecar_services(cluster), "the Services of the sidecars", seconds=30)
        pods = {role: kubelet.create(deployments[f"shop-{role.name}"], f"shop-{role.name}-0") for role in ROLES}
        # As on a cluster, where all pods start at once: a sidecar waits for its role, and a role for others.
        for pod in pods.values():
            kubelet.start(pod)
        for pod in pods.values():
            kubelet.wait_until_ready(pod)
        yield pods


PASSWORD_ENTRY = '{"name": "redisPassword", "secretKeyRef": {"name": "pizzashop-redis", "key": "password"}}'


def has_sidecar_services(cluster: Cluster) -> bool:
    services = cluster.call("GET", f"/api/v1/namespaces/{SHOP}/services")["items"]
    return {f"{role.app_id}-dapr" for role in ROLES} <= {each["metadata"]["name"] for each in services}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_injector_adds_the_sidecar_that_the_annotations_describe(shop: Shop, role: Role) -> None:
    pod = shop[role]
    (sidecar,) = pod.content["spec"]["initContainers"]
    assert sidecar["name"] == "daprd"
    # A native sidecar: it starts before the role, and stops after it.
    assert sidecar["restartPolicy"] == "Always"
    words = sidecar["args"]
    options = dict(pairwise(words))
    assert options["--app-id"] == role.app_id
    assert options["--app-port"] == str(role.port)
    assert options["--config"] == f"shop-{role.name}"
    assert int(options["--dapr-graceful-shutdown-seconds"]) > 0
    assert {"--enable-mtls", "--disable-builtin-k8s-secret-store"} <= set(words)
    secrets = {each["name"]: each["valueFrom"]["secretKeyRef"]["name"] for each in sidecar["env"] if is_secret(each)}
    assert secrets == {"DAPR_API_TOKEN": "pizzashop-dapr-token", "APP_API_TOKEN": "pizzashop-app-token"}
    assert sidecar["resources"]["requests"]
    (own,) = pod.content["spec"]["containers"]
    ports = {each["name"]: each.get("value") for each in own["env"]}
    assert (ports["DAPR_HTTP_PORT"], ports["DAPR_GRPC_PORT"]) == ("3500", "50001")


def is_secret(variable: dict[str, Any]) -> bool:
    return "secretKeyRef" in variable.get("valueFrom", {})


def test_helm_test_places_an_order_that_is_delivered(cluster: Cluster, kubelet: Kubelet, shop: Shop) -> None:  # noqa: ARG001
    path, name = f"/api/v1/namespaces/{SHOP}/pods", "shop-place-an-order"
    with ThreadPoolExecutor(1) as pool:
        helm = pool.submit(cluster.helm, "test", "shop", "--namespace", SHOP, "--timeout", "4m")

        def created() -> list[dict[str, Any]]:
            pods = cluster.call("GET", path)["items"]
            return [pod for pod in pods if pod["metadata"]["name"] == name]

        wait_until(lambda: bool(created()) or helm.done(), name, seconds=60)
        pod = kubelet.admit(*created())
        kubelet.start(pod)
        assert kubelet.finish(pod) == 0, kubelet.log(pod, "test")
        assert "Phase:          Succeeded" in helm.result()
    assert kubelet.log(pod, "test").endswith("is delivered\n")


# Prints the status of a call through the sidecar: its arguments are the role's app-id and the sidecar's token.
CALL = """
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", 3500, timeout=20)
connection.request("GET", f"/v1.0/invoke/{sys.argv[1]}/method/healthz", headers={"dapr-api-token": sys.argv[2]})
print(connection.getresponse().status)
"""


def invoke(pod: Pod, role: Role) -> int:
    """Call another role through a pod's sidecar; return the status."""
    return int(pod.run(sys.executable, "-c", CALL, role.app_id, TOKEN.upper()))


def test_a_sidecar_admits_only_the_roles_that_call_it(shop: Shop) -> None:
    assert invoke(shop[KITCHEN], ORDER) == 200
    assert invoke(shop[KITCHEN], DELIVERY) == 403
    assert invoke(shop[ORDER], KITCHEN) == 403


def test_a_pod_without_the_restrictions_is_refused(cluster: Cluster, kubelet: Kubelet, shop: Shop) -> None:  # noqa: ARG001
    deployment = workloads_of(cluster, SHOP, "deployments")["shop-kitchen"]
    deployment["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {}
    with pytest.raises(OSError, match="403"):
        kubelet.create(deployment, "shop-kitchen-unrestricted")
