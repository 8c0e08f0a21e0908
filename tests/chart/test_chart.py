"""The Helm chart: what it renders is valid for Kubernetes and Dapr, agrees with the shop, and refuses bad values."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from chart.helm import CHART, custom_schemas, example_file, helm, of_kind, render

from pizzashop.auth.origin import AllowedHosts
from pizzashop.roles import KITCHEN, ORDER, ROLES, STOREFRONT, WORKFLOW, Role
from pizzashop.server.server import FORCED_EXIT_SECONDS, WORKER_TIMEOUT_SECONDS
from pizzashop.settings import Settings, environment_variable

RESOURCES = Path(__file__).parents[2] / "resources"
EXAMPLES = sorted(file.stem for file in (CHART / "examples").glob("*.yaml"))
# The oldest version that Chart.yaml allows, and the newest that has a schema.
KUBERNETES_VERSIONS = ("1.30", kubernetes_validate.latest_version())
ANY = EXAMPLES[0]
# These say where a store or broker is; everything else is what the shop needs of it.
CONNECTION = {"redisHost", "redisPassword"}

matrix = pytest.mark.parametrize(
    ("example", "settings"),
    [
        *((example, []) for example in EXAMPLES),
        ("postgresql-kafka", ["networkPolicy.enabled=false", "ingress.tlsSecret=null", "ingress.apiHost=null"]),
        ("redis", ['imagePullSecrets=[{"name": "own"}]', 'tolerations=[{"key": "spot", "operator": "Exists"}]']),
        ("redis", ['nodeSelector={"disk": "ssd"}', 'env={"PIZZASHOP_PACE": 0}', "roles.order.replicas=1"]),
    ],
    ids=lambda value: value if isinstance(value, str) else ",".join(value) or "-",
)


def pods(resources: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the specification of each pod, with the name of its Deployment or of itself."""
    for name, each in of_kind(resources, "Deployment").items():
        yield name, each["spec"]["template"]["spec"]
    for name, each in of_kind(resources, "Pod").items():
        yield name, each["spec"]


def deployment(resources: list[dict[str, Any]], role: Role) -> dict[str, Any]:
    return of_kind(resources, "Deployment")[f"shop-{role.name}"]


def container(resources: list[dict[str, Any]], role: Role) -> dict[str, Any]:
    (only,) = deployment(resources, role)["spec"]["template"]["spec"]["containers"]
    return dict(only)


def environment(resources: list[dict[str, Any]], role: Role) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container(resources, role)["env"]}


@pytest.mark.parametrize("example", EXAMPLES)
def test_helm_finds_nothing_to_complain_about(example: str) -> None:
    result = helm("lint", "--strict", str(CHART), "--values", str(example_file(example)))
    assert result.returncode == 0, result.stdout


@matrix
def test_kubernetes_and_dapr_accept_each_resource(example: str, settings: list[str]) -> None:
    schemas = custom_schemas()
    for resource in render(example, *settings):
        schema = schemas.get((resource["apiVersion"], resource["kind"]))
        if schema is not None:
            jsonschema.Draft202012Validator(schema).validate(resource)
            continue
        for version in KUBERNETES_VERSIONS:
            kubernetes_validate.validate(resource, version, strict=True)


def test_the_schemas_refuse_a_misspelt_field() -> None:
    resources = render(ANY)
    resiliency = of_kind(resources, "Resiliency")["pizzashop"]
    resiliency["spec"]["target"] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(custom_schemas()["dapr.io/v1alpha1", "Resiliency"]).validate(resiliency)
    broken = deployment(resources, ORDER)
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, KUBERNETES_VERSIONS[0], strict=True)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_each_role_has_a_deployment_with_its_sidecar(role: Role) -> None:
    resources = render(ANY)
    own = container(resources, role)
    assert own["args"] == ["serve", "--role", role.name]
    assert own["ports"] == [{"name": "http", "containerPort": role.port}]
    annotations = deployment(resources, role)["spec"]["template"]["metadata"]["annotations"]
    assert annotations["dapr.io/enabled"] == "true"
    assert annotations["dapr.io/app-id"] == role.app_id
    assert annotations["dapr.io/app-port"] == str(role.port)
    assert annotations["dapr.io/config"] in of_kind(resources, "Configuration")
    assert all(isinstance(value, str) for value in annotations.values())


def test_there_are_five_deployments_and_no_other() -> None:
    assert sorted(of_kind(render(ANY), "Deployment")) == sorted(f"shop-{role.name}" for role in ROLES)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_variable_is_a_setting_of_the_shop_or_of_opentelemetry(role: Role) -> None:
    known = {environment_variable(name) for name in Settings.model_fields}
    assert {name for name in environment(render(ANY), role) if not name.startswith("OTEL_")} <= known


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_a_role_does_not_start_without_a_sign_in(role: Role) -> None:
    own = environment(render(ANY), role)
    assert own["PIZZASHOP_HOST"] == "0.0.0.0"
    assert own["PIZZASHOP_STAFF_FILE"]
    assert {"PIZZASHOP_SECRET", "APP_API_TOKEN", "DAPR_API_TOKEN"} <= set(own)


@pytest.mark.parametrize("example", EXAMPLES)
def test_no_credential_stands_in_a_resource(example: str) -> None:
    resources = render(example)
    assert of_kind(resources, "Secret") == {}
    for role in ROLES:
        for each in container(resources, role)["env"]:
            is_credential = any(word in each["name"] for word in ("TOKEN", "SECRET"))
            assert ("valueFrom" in each) == is_credential
    for component in of_kind(resources, "Component").values():
        for each in component["spec"]["metadata"]:
            assert "secretKeyRef" in each or "assword" not in each["name"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_pods_run_under_the_restricted_security_standard(example: str) -> None:
    found = dict(pods(render(example)))
    assert len(found) == len(ROLES) + 1
    for pod in found.values():
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for each in pod["containers"]:
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert each["resources"]["requests"]
            assert each["resources"]["limits"]["memory"]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_kubernetes_waits_longer_than_the_role_itself(role: Role) -> None:
    resources = render(ANY)
    pod, own = deployment(resources, role)["spec"]["template"]["spec"], container(resources, role)
    stop_seconds = own["lifecycle"]["preStop"]["sleep"]["seconds"] + FORCED_EXIT_SECONDS
    assert pod["terminationGracePeriodSeconds"] > stop_seconds
    liveness = own["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] > WORKER_TIMEOUT_SECONDS
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert own[probe]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_an_old_workflow_process_never_runs_beside_a_new_one() -> None:
    assert deployment(render(ANY), WORKFLOW)["spec"]["strategy"] == {"type": "Recreate"}
    assert "strategy" not in deployment(render(ANY), KITCHEN)["spec"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_shop_answers_under_the_names_of_its_services_and_of_the_ingress(example: str) -> None:
    resources = render(example)
    for role in ROLES:
        settings = Settings(host="0.0.0.0", hosts=environment(resources, role)["PIZZASHOP_HOSTS"])
        hosts = AllowedHosts.from_settings(settings)
        services = of_kind(resources, "Service")
        assert sorted(services) == ["shop-order", "shop-storefront", "shop-workflow"]
        for name, service in services.items():
            (port,) = service["spec"]["ports"]
            assert hosts.is_allowed(f"{name}:{port['port']}")
            assert hosts.is_allowed(f"{name}.pizza.svc:{port['port']}")
        for ingress in of_kind(resources, "Ingress").values():
            assert all(hosts.is_allowed(rule["host"]) for rule in ingress["spec"]["rules"])


def test_the_ingress_leads_to_the_pages_and_to_the_api() -> None:
    resources = render("postgresql-kafka")
    rules = of_kind(resources, "Ingress")["shop"]["spec"]["rules"]
    targets = {rule["host"]: rule["http"]["paths"][0]["backend"]["service"]["name"] for rule in rules}
    assert targets == {"pizza.example": "shop-storefront", "api.pizza.example": "shop-workflow"}
    assert environment(resources, STOREFRONT)["PIZZASHOP_HTTPS"] == "true"
    assert of_kind(render("redis"), "Ingress") == {}


def test_a_scaled_role_leaves_its_replicas_to_the_autoscaler() -> None:
    resources = render("postgresql-kafka")
    scalers = of_kind(resources, "HorizontalPodAutoscaler")
    assert sorted(scalers) == ["shop-order", "shop-storefront"]
    for name, scaler in scalers.items():
        assert "replicas" not in of_kind(resources, "Deployment")[name]["spec"]
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
    assert deployment(resources, KITCHEN)["spec"]["replicas"] == 3


def test_a_variable_of_a_role_comes_before_that_of_all() -> None:
    resources = render("redis", 'env={"PIZZASHOP_THREADS": 64}', 'roles.workflow.env={"PIZZASHOP_THREADS": 128}')
    assert environment(resources, WORKFLOW)["PIZZASHOP_THREADS"] == "128"
    assert environment(resources, ORDER)["PIZZASHOP_THREADS"] == "64"


def test_each_role_may_lose_one_pod_at_a_time() -> None:
    budgets = of_kind(render(ANY), "PodDisruptionBudget")
    assert sorted(budgets) == sorted(f"shop-{role.name}" for role in ROLES)
    assert {budget["spec"]["maxUnavailable"] for budget in budgets.values()} == {1}


def test_from_outside_only_the_pages_and_the_api_can_be_reached() -> None:
    resources = render("postgresql-kafka")
    outside = [
        (name, peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])
        for name, policy in of_kind(resources, "NetworkPolicy").items()
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
        if {"port": "http"} in rule["ports"] and "namespaceSelector" in peer
    ]
    assert sorted(name for name, namespace in outside if namespace == "ingress-nginx") == [
        "shop-storefront",
        "shop-workflow",
    ]
    # Prometheus reads the metrics of every role, and has a token for nothing else.
    assert {name for name, namespace in outside if namespace == "monitoring"} == {f"shop-{each.name}" for each in ROLES}
    assert of_kind(render("postgresql-kafka", "networkPolicy.enabled=false"), "NetworkPolicy") == {}


def test_prometheus_proves_to_each_role_who_it_is() -> None:
    resources = render("postgresql-kafka")
    own, dapr = of_kind(resources, "PodMonitor").values()
    roles, sidecars = own["spec"]["podMetricsEndpoints"]
    token = {"name": "pizzashop-metrics-token", "key": "token"}
    assert (roles["port"], roles["path"], roles["authorization"]) == ("http", "/metrics", {"credentials": token})
    assert "authorization" not in sidecars
    assert dapr["spec"]["namespaceSelector"] == {"matchNames": ["dapr-system"]}
    for role in ROLES:
        labels = deployment(resources, role)["spec"]["template"]["metadata"]["labels"]
        assert own["spec"]["selector"]["matchLabels"].items() <= labels.items()
        (given,) = (each for each in container(resources, role)["env"] if each["name"] == "PIZZASHOP_METRICS_TOKEN")
        assert given["valueFrom"]["secretKeyRef"] == {**token, "optional": True}


def test_the_chart_ships_the_alerts_and_the_dashboards_as_they_are() -> None:
    resources = render("postgresql-kafka")
    (rule,) = of_kind(resources, "PrometheusRule").values()
    assert rule["spec"] == read(CHART / "files" / "alerts.yaml")
    shipped = {name: text for each in of_kind(resources, "ConfigMap").values() for name, text in each["data"].items()}
    assert shipped == {file.name: file.read_text() for file in (CHART / "files" / "dashboards").glob("*.json")}
    assert shipped
    for each in of_kind(resources, "ConfigMap").values():
        assert each["metadata"]["labels"]["grafana_dashboard"] == "1"


def test_by_default_the_chart_needs_no_prometheus() -> None:
    kinds = {each["kind"] for each in render("redis")}
    assert kinds.isdisjoint({"PodMonitor", "PrometheusRule", "ConfigMap"})


def callers(resources: list[dict[str, Any]], role: Role) -> set[str]:
    access = of_kind(resources, "Configuration")[f"shop-{role.name}"]["spec"]["accessControl"]
    assert access["defaultAction"] == "deny"
    assert {policy["namespace"] for policy in access["policies"]} == {"pizza"}
    return {policy["appId"] for policy in access["policies"] if policy["defaultAction"] == "allow"}


def test_a_role_admits_only_the_roles_that_call_it() -> None:
    resources = render(ANY)
    every = {role.app_id for role in ROLES}
    assert callers(resources, ORDER) == every - {ORDER.app_id}
    assert callers(resources, WORKFLOW) == {STOREFRONT.app_id}
    for role in set(ROLES) - {ORDER, WORKFLOW}:
        assert callers(resources, role) == {WORKFLOW.app_id}


def test_only_role_workflow_handles_its_workflows() -> None:
    policy = of_kind(render(ANY), "WorkflowAccessPolicy")["pizzashop"]
    assert policy["scopes"] == [WORKFLOW.app_id]
    (rule,) = policy["spec"]["rules"]
    assert rule["callers"] == [{"appID": WORKFLOW.app_id}]


def read(file: Path) -> dict[str, Any]:
    content = yaml.safe_load(file.read_text())
    assert isinstance(content, dict)
    return content


def tuning(component: dict[str, Any]) -> dict[str, str]:
    """Return what a component says besides its address and credentials."""
    entries = component["spec"]["metadata"]
    return {each["name"]: each["value"] for each in entries if "value" in each and each["name"] not in CONNECTION}


def component_files() -> list[Path]:
    return sorted(file for file in RESOURCES.rglob("*.yaml") if read(file)["kind"] == "Component")


@pytest.mark.parametrize("file", component_files(), ids=lambda file: str(file.relative_to(RESOURCES)))
def test_a_component_is_that_of_the_local_shop(file: Path) -> None:
    expected = read(file)
    kind, type_ = expected["spec"]["type"].split(".")
    value = {"state": "store", "pubsub": "broker"}[kind]
    connection = [{"name": "host", "value": "there"}]
    resources = render("redis", f"{value}={json.dumps({'type': type_, 'metadata': connection})}")
    rendered = of_kind(resources, "Component")[expected["metadata"]["name"]]
    assert rendered["spec"]["type"] == expected["spec"]["type"]
    assert rendered["spec"]["version"] == expected["spec"]["version"]
    assert tuning(rendered) == {"host": "there", **tuning(expected)}
    assert sorted(rendered["scopes"]) == sorted(expected["scopes"])


@pytest.mark.parametrize("file", ["subscription.yaml", "resiliency.yaml"])
def test_events_are_delivered_as_in_the_local_shop(file: str) -> None:
    expected = read(RESOURCES / file)
    rendered = of_kind(render(ANY), expected["kind"])[expected["metadata"]["name"]]
    assert rendered["apiVersion"] == expected["apiVersion"]
    assert rendered["spec"] == expected["spec"]
    assert rendered["scopes"] == expected["scopes"]


def test_nothing_is_traced_unless_the_values_say_so() -> None:
    resources = render("redis")
    for configuration in of_kind(resources, "Configuration").values():
        assert configuration["spec"]["tracing"] == {"samplingRate": "0"}
    for role in ROLES:
        assert not any(name.startswith("OTEL_") for name in environment(resources, role))


def test_roles_and_sidecars_send_their_traces_to_one_place() -> None:
    resources = render("postgresql-kafka")
    otel = {"endpointAddress": "collector.monitoring.svc:4318", "protocol": "http", "isSecure": False}
    for configuration in of_kind(resources, "Configuration").values():
        assert configuration["spec"]["tracing"] == {"samplingRate": "0.0001", "otel": otel}
    for role in ROLES:
        env = environment(resources, role)
        assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector.monitoring.svc:4318"
        assert env["OTEL_TRACES_SAMPLER_ARG"] == "0.1"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["store.metadata=[]"], "/store/metadata"),
        (['store.type="mysql"'], "/store/type"),
        (['broker.type="pulsar"'], "/broker/type"),
        (['broker.metadata=[{"name": "redisPassword", "value": "clear"}]'], "/broker/metadata/0"),
        (['store.metadata=[{"name": "connectionString", "value": "host=db"}]'], "/store/metadata/0"),
        (["ingress.enabled=true"], "/ingress/host"),
        (["roles.order.replicas=0"], "/roles/order/replicas"),
        (["replicas=3"], "replicas"),
        (['secrets.signIn=""'], "/secrets/signIn"),
        (['metrics.interval="often"'], "/metrics/interval"),
        (['telemetry.endpoint="collector:4317"'], "/telemetry/endpoint"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_bad_value_is_refused_with_its_name(settings: list[str], message: str) -> None:
    options = [option for each in settings for option in ("--set-json", each)]
    result = helm("template", "shop", str(CHART), "--values", str(example_file("redis")), *options)
    assert result.returncode != 0
    assert message in result.stderr


def test_without_the_address_of_a_store_nothing_is_installed() -> None:
    result = helm("template", "shop", str(CHART))
    assert result.returncode != 0
    assert "/store/metadata" in result.stderr
