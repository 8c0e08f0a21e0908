"""`pizzashop doctor`: check this machine and the project, and print what is wrong with its remedy."""

import json
import os
import platform
import sys
from collections.abc import Iterator, Set
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from pizzashop import roles
from pizzashop.console.shop import ShopApi
from pizzashop.errors import LocalError
from pizzashop.local import checks, dapr_binaries, ports, repairs, telemetry
from pizzashop.local.build import TELEMETRY, find_dapr, find_telemetry, go_version, installed_go
from pizzashop.local.findings import Finding
from pizzashop.local.open_shop import check_open_shop
from pizzashop.local.programs import SERVICE_PORTS
from pizzashop.local.project import RUN_FILE, Project, find_component
from pizzashop.local.servers import Servers
from pizzashop.local.shop import PidFile
from pizzashop.settings import BROKERS, STORES, Settings

_RESTORE_FILES = "git checkout -- dapr.yaml resources"
_STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red"}

Documents = list[dict[str, Any]]


@click.command()
@click.option("--store", type=click.Choice(STORES), help="The state store; otherwise PIZZASHOP_STORE, or redis.")
@click.option("--broker", type=click.Choice(BROKERS), help="The broker; otherwise PIZZASHOP_BROKER, or redis.")
@click.option("--telemetry", "has_telemetry", is_flag=True, help="Check what `up --telemetry` needs too.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, store: str | None, broker: str | None, has_telemetry: bool, as_json: bool) -> None:
    """Say what this machine has, what is wrong with it, and what mends it.

    Ends with exit code 1 where the shop could not open.
    """
    findings = list(run_checks(Settings.from_env(store=store, broker=broker), has_telemetry=has_telemetry))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        print_findings(findings, Console(highlight=False))
    ctx.exit(any(each.state == "wrong" for each in findings))


def run_checks(settings: Settings, *, has_telemetry: bool = False) -> Iterator[Finding]:
    """Run all checks, and yield their findings one after another."""
    state_dir = settings.state_dir.expanduser().absolute()
    cache_dir = settings.cache_dir.expanduser().absolute()
    yield Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}")
    yield check_sdk()
    yield from check_environment()
    yield from check_dapr(cache_dir)
    if has_telemetry:
        yield check_telemetry(cache_dir)
    for name in ("placement", "scheduler"):
        port = SERVICE_PORTS[name][0]
        yield Finding(name, "ok", f"runs, port {port}" if ports.is_listening(port) else "starts with the shop")
    yield check_state_dir(state_dir)
    try:
        project = Project.find().with_products(settings.products)
    except LocalError as error:
        yield Finding("Project", "wrong", str(error), "cd to the project's directory")
        return
    pid_file = PidFile(state_dir)
    yield check_project(project)
    yield checks.check_disk(state_dir)
    yield from check_servers(project, state_dir, settings)
    yield check_ports(project, pid_file, has_telemetry=has_telemetry)
    yield from check_files(project)
    if pid_file.running_processes():
        with ShopApi.on_host(settings.host, token=settings.staff_token, read_seconds=5.0) as api:
            yield from check_open_shop(api, settings.host)
    elif repairs.are_timers_lost(state_dir, settings.store):
        yield Finding("Orders", "note", repairs.LOST_TIMERS, repairs.LOST_TIMERS_RECOVERY)


def check_sdk() -> Finding:
    """Check that both packages of Dapr's SDK are of the runtime's line."""
    versions = {name: version(name) for name in ("dapr", "dapr-ext-workflow")}
    found = ", ".join(f"{name} {number}" for name, number in versions.items())
    if all(map(dapr_binaries.is_supported, versions.values())):
        return Finding("Dapr SDK", "ok", found)
    required = _join(dapr_binaries.SUPPORTED_LINE)
    return Finding("Dapr SDK", "wrong", f"{found}: both must be {required}", "pip install -e .")


def check_environment() -> Iterator[Finding]:
    """Check for settings of this machine that change what Dapr does."""
    if os.environ.get("NAMESPACE"):
        found = "NAMESPACE is set: `up` ignores it; under `dapr run` another one hides all orders in flight"
        yield Finding("Environment", "note", found, "unset NAMESPACE")
    if ports.is_localhost_ipv6_only():
        found = "`localhost` is not 127.0.0.1 here: a Redis of your own must listen on ::1 too"
        yield Finding("Environment", "note", found, "add this line to /etc/hosts: 127.0.0.1 localhost")


def check_dapr(cache_dir: Path) -> Iterator[Finding]:
    """Check Dapr's binaries, and the Go that builds them if there are none."""
    dapr = find_dapr(cache_dir)
    if dapr is None:
        yield Finding("Dapr", "note", "none: it is built once, about 4 minutes", "or, quicker: dapr init")
        go = installed_go()
        found = f"{go} {_join(go_version(go))}" if go else "none: a wheel brings it for the build"
        yield Finding("Go", "ok", found)
        return
    found = f"{dapr.version}, {dapr.origin}: {dapr.daprd.parent}"
    if dapr_binaries.is_safe(dapr.version):
        yield Finding("Dapr runtime", "ok", found)
    else:
        found += ": an event whose trace fields are not strings can end its sidecar"
        remedy = f"dapr init --runtime-version {_join(dapr_binaries.SAFE_VERSION)}"
        yield Finding("Dapr runtime", "note", found, remedy)
    cli = dapr_binaries.dapr_cli(cache_dir)
    found = f"{dapr_binaries.version_of(cli) or 'unknown'}: {cli}" if cli else "none: only `dapr run` needs it"
    yield Finding("Dapr CLI", "ok", found)


def check_telemetry(cache_dir: Path) -> Finding:
    """Check the servers that keep metrics and traces, and whether the roles can send them their spans."""
    try:
        telemetry.require_usable()
    except LocalError as error:
        return Finding("Telemetry", "wrong", str(error).rstrip("."))
    if find_telemetry(cache_dir):
        names = ", ".join(f"{target.name} {target.version}" for target in TELEMETRY)
        return Finding("Telemetry", "ok", f"{names}, built: {cache_dir}")
    minutes = sum(target.minutes for target in TELEMETRY)
    return Finding(
        "Telemetry", "note", f"its servers are built once, about {minutes} minutes", "pizzashop prepare --telemetry"
    )


def check_state_dir(path: Path) -> Finding:
    """Check that the state directory, which need not exist yet, is writable."""
    existing = next(each for each in (path, *path.parents) if each.exists())
    if os.access(existing, os.W_OK):
        return Finding("State", "ok", str(path))
    remedy = "set PIZZASHOP_STATE_DIR to a directory of yours"
    return Finding("State", "wrong", f"{existing} cannot be written", remedy)


def check_project(project: Project) -> Finding:
    """Check whether the shop ignores a `dapr.yaml` of another project in the current directory."""
    directory, here = project.run_file.parent, Path.cwd() / RUN_FILE
    if here.is_file() and here.parent != directory:
        return Finding("Project", "note", f"{directory}: {here} starts none of the shop's roles, and is ignored")
    return Finding("Project", "ok", str(directory))


def check_servers(project: Project, state_dir: Path, settings: Settings) -> Iterator[Finding]:
    """Check the servers of the components: Redis, PostgreSQL, RabbitMQ or Kafka."""
    try:
        servers = Servers.find(project, state_dir, settings)
    except LocalError as error:
        yield Finding("Components", "wrong", str(error), f"correct that, or restore it: {_RESTORE_FILES}")
    else:
        yield from servers.check(state_dir)


def check_ports(project: Project, pid_file: PidFile, *, has_telemetry: bool = False) -> Finding:
    """Check that all required ports are free, or that the open shop holds them."""
    required = checks.required_ports(project, has_telemetry=has_telemetry)
    if not (taken := ports.describe_taken_ports(required)):
        return Finding("Ports", "ok", f"all {len(required)} are free")
    if pid_file.running_processes():
        return Finding("Ports", "ok", "held by the shop, which is open")
    if closing := ports.ports_of_closing_connections(required):
        found = f"{', '.join(map(str, closing))}: held by connections that are closing"
        return Finding("Ports", "note", found, "`up` waits up to a minute for that")
    return Finding("Ports", "wrong", f"held: {taken}", "stop what holds them")


def check_files(project: Project) -> Iterator[Finding]:
    """Check `dapr.yaml` and the components against the shop's own list of roles."""
    try:
        documents = project.documents()
    except LocalError as error:
        yield Finding("Components", "wrong", str(error), _RESTORE_FILES)
        return
    faults_by_part = {
        "Run file": _run_file_faults(project),
        "State store": _component_faults(documents, roles.STATE_STORE, {roles.WORKFLOW.app_id, roles.ORDER.app_id}),
        "Pub/sub": _component_faults(documents, roles.PUBSUB, roles.APP_IDS),
        "Subscription": _subscription_faults(documents),
        "Resiliency": _resiliency_faults(documents),
    }
    for part, faults in faults_by_part.items():
        text = "; ".join(faults)
        yield Finding(part, "wrong", text, _RESTORE_FILES) if text else Finding(part, "ok", "as required")


def print_findings(findings: list[Finding], console: Console) -> None:
    """Print one line for each finding, and whether the shop can open."""
    for each in findings:
        text = f" {each.found}" + (f"  → {each.remedy}" if each.remedy else "")
        columns = (f"{each.state:<7}", _STYLES[each.state]), (f"{each.part:<13}", "bold")
        console.print(Text.assemble(*columns, text), soft_wrap=True)
    can_open = all(each.state != "wrong" for each in findings)
    console.print("\nThe shop can open: pizzashop up" if can_open else "\nThe shop cannot open like this.")


def _join(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _run_file_faults(project: Project) -> Iterator[str]:
    for role in roles.ROLES:
        required = {"appPort": role.port, "daprHTTPPort": role.dapr_http_port, "daprGRPCPort": role.dapr_grpc_port}
        app = next((app for app in project.apps if app.app_id == role.app_id), None)
        if app is None:
            yield f"{role.app_id} is missing"
        elif wrong := [f"{key} is not {port}" for key, port in required.items() if app.ports.get(key) != port]:
            yield f"{role.app_id}: {', '.join(wrong)}"


def _component_faults(documents: Documents, name: str, scopes: Set[str]) -> Iterator[str]:
    component = find_component(documents, name)
    if component is None:
        yield f"there is no component {name}"
        return
    metadata = {each["name"]: each.get("value") for each in component["spec"].get("metadata", [])}
    if name == roles.STATE_STORE and metadata.get("actorStateStore") != "true":
        yield 'actorStateStore is not "true", and workflows need that'
    if set(component.get("scopes", [])) != scopes:
        yield f"its scopes are not {', '.join(sorted(scopes))}"


def _subscription_faults(documents: Documents) -> Iterator[str]:
    required = (roles.PUBSUB, roles.TOPIC, "/orders-sub", [roles.ORDER.app_id])
    for document in _of_kind(documents, "Subscription"):
        spec = document.get("spec", {})
        route = spec.get("routes", {}).get("default", spec.get("route"))
        if (spec.get("pubsubname"), spec.get("topic"), route, document.get("scopes")) == required:
            if spec.get("metadata", {}).get("rawPayload") != "true":
                yield 'rawPayload is not "true", and without that events that are not JSON are lost'
            return
    yield f"{roles.ORDER.app_id} is not subscribed to {roles.TOPIC} at /orders-sub"


def _resiliency_faults(documents: Documents) -> Iterator[str]:
    for document in _of_kind(documents, "Resiliency"):
        spec = document.get("spec", {})
        inbound = spec.get("targets", {}).get("components", {}).get(roles.PUBSUB, {}).get("inbound", {})
        policy = spec.get("policies", {}).get("retries", {}).get(inbound.get("retry"), {})
        if policy.get("maxRetries") == -1 and roles.ORDER.app_id in document.get("scopes", [roles.ORDER.app_id]):
            return
    yield f"no policy retries without end what {roles.PUBSUB} delivers to {roles.ORDER.app_id}: events can be lost"


def _of_kind(documents: Documents, kind: str) -> Documents:
    return [document for document in documents if document.get("kind") == kind]
