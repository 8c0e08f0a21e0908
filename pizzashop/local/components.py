"""What `resources/` must say, and what of it does not."""

from collections.abc import Iterator
from typing import Any

import yaml

from pizzashop import roles
from pizzashop.errors import LocalError
from pizzashop.local.findings import Finding
from pizzashop.local.project import Project

MEND = "git checkout -- dapr.yaml resources"
_APP_IDS = {role.app_id for role in roles.ROLES}


def findings(project: Project) -> Iterator[Finding]:
    """The run file and the three resources, each held against the shop's own list of roles."""
    try:
        documents = load(project)
    except LocalError as error:
        yield Finding("Components", "wrong", str(error), MEND)
        return
    checks = {
        "Run file": list(run_file(project)),
        "State store": list(state_store(one(documents, "Component", roles.STATE_STORE))),
        "Pub/sub": list(pubsub(one(documents, "Component", roles.PUBSUB))),
        "Subscription": list(subscription(_of_kind(documents, "Subscription"))),
        "Resiliency": list(resiliency(_of_kind(documents, "Resiliency"))),
    }
    for part, faults in checks.items():
        yield Finding(part, "wrong", "; ".join(faults), MEND) if faults else Finding(part, "ok", "as it must be")


def load(project: Project) -> list[dict[str, Any]]:
    """Every document in `resources/`; raises LocalError, which names the file, where one cannot be read."""
    found = []
    for path in sorted(project.resources.glob("*.yaml")):
        try:
            found += [each for each in yaml.safe_load_all(path.read_bytes()) if each]
        except (OSError, yaml.YAMLError) as error:
            raise LocalError(f"{path} cannot be read: {error}") from None
    return found


def run_file(project: Project) -> Iterator[str]:
    """What is wrong with the ports of `dapr.yaml`."""
    for role in roles.ROLES:
        ours = {"appPort": role.port, "daprHTTPPort": role.dapr_http_port, "daprGRPCPort": role.dapr_grpc_port}
        app = next((each for each in project.apps if each.app_id == role.app_id), None)
        if app is None:
            yield f"{role.app_id} is missing"
        elif wrong := [f"{key} is not {port}" for key, port in ours.items() if app.ports.get(key) != port]:
            yield f"{role.app_id}: {', '.join(wrong)}"


def state_store(component: dict[str, Any] | None) -> Iterator[str]:
    """What is wrong with the state store."""
    if component is None:
        yield f"there is no component {roles.STATE_STORE}"
        return
    metadata = {each["name"]: each.get("value") for each in component["spec"].get("metadata", [])}
    if metadata.get("actorStateStore") != "true":
        yield 'actorStateStore is not "true", without which there are no workflows'
    if set(component.get("scopes", [])) != {roles.WORKFLOW.app_id, roles.ORDER.app_id}:
        yield f"its scopes are not {roles.WORKFLOW.app_id} and {roles.ORDER.app_id}"


def pubsub(component: dict[str, Any] | None) -> Iterator[str]:
    """What is wrong with the pub/sub component."""
    if component is None:
        yield f"there is no component {roles.PUBSUB}"
    elif set(component.get("scopes", [])) != _APP_IDS:
        yield "its scopes are not the five roles"


def subscription(found: list[dict[str, Any]]) -> Iterator[str]:
    """What is wrong with the subscription."""
    wanted = (roles.PUBSUB, roles.TOPIC, "/orders-sub", [roles.ORDER.app_id])
    for each in found:
        spec = each.get("spec", {})
        route = spec.get("routes", {}).get("default", spec.get("route"))
        if (spec.get("pubsubname"), spec.get("topic"), route, each.get("scopes")) == wanted:
            if each["spec"].get("metadata", {}).get("rawPayload") != "true":
                yield 'rawPayload is not "true", without which events that are not JSON are lost'
            return
    yield f"{roles.ORDER.app_id} is not subscribed to {roles.TOPIC} at /orders-sub"


def resiliency(found: list[dict[str, Any]]) -> Iterator[str]:
    """What is wrong with the policy by which events come again."""
    for each in found:
        spec = each.get("spec", {})
        inbound = spec.get("targets", {}).get("components", {}).get(roles.PUBSUB, {}).get("inbound", {})
        policy = spec.get("policies", {}).get("retries", {}).get(inbound.get("retry"), {})
        if policy.get("maxRetries") == -1 and roles.ORDER.app_id in each.get("scopes", [roles.ORDER.app_id]):
            return
    yield f"no policy retries without end what {roles.PUBSUB} delivers to {roles.ORDER.app_id}: events can be lost"


def _of_kind(documents: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in documents if each.get("kind") == kind]


def one(documents: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any] | None:
    """The document of this kind and name."""
    named = (each for each in _of_kind(documents, kind) if each["metadata"]["name"] == name)
    return next(named, None)
