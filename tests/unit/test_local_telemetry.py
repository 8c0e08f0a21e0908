"""The servers of `pizzashop up --telemetry`: what they are told, and what the shipped dashboard names."""

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from pizzashop.errors import LocalError
from pizzashop.local.programs import ScrapeTarget, scrape_targets
from pizzashop.local.project import Project
from pizzashop.local.telemetry import TELEMETRY_PORTS, Telemetry, require_usable
from pizzashop.metrics import OrderMetrics, RoleMetrics, WorkflowMetrics

ROOT = Path(__file__).parents[2]
DASHBOARD = Path(str(files("pizzashop.local"))) / "dashboards" / "pizzashop.json"


@pytest.fixture
def telemetry(tmp_path: Path) -> Telemetry:
    return Telemetry(tmp_path / "telemetry", {"victoriametrics": Path("/vm"), "jaeger": Path("/jaeger")})


def test_every_part_of_the_shop_is_scraped(telemetry: Telemetry) -> None:
    telemetry.write_configuration(scrape_targets(Project.read(ROOT / "dapr.yaml")), "")
    jobs = yaml.safe_load((telemetry.directory / "scrape.yaml").read_text())["scrape_configs"]
    names = {job["job_name"]: [each["labels"]["name"] for each in job["static_configs"]] for job in jobs}
    roles = ["order", "storefront", "kitchen", "delivery", "workflow"]
    assert names == {"pizzashop": roles, "daprd": roles, "dapr": ["placement", "scheduler"]}
    assert not any("authorization" in job for job in jobs)


def test_only_the_roles_get_the_token_and_only_this_user_reads_it(telemetry: Telemetry) -> None:
    targets = [ScrapeTarget("pizzashop", "order", "h:1"), ScrapeTarget("daprd", "order", "h:2")]
    telemetry.write_configuration(targets, "secret-token")
    path = telemetry.directory / "scrape.yaml"
    roles, sidecars = yaml.safe_load(path.read_text())["scrape_configs"]
    assert roles["authorization"] == {"credentials": "secret-token"}
    assert "authorization" not in sidecars
    assert path.stat().st_mode & 0o077 == 0


def test_the_servers_listen_on_loopback_only_and_keep_seven_days(telemetry: Telemetry) -> None:
    telemetry.write_configuration([], "")
    told = (telemetry.directory / "jaeger.yaml").read_text() + " ".join(telemetry.commands()["victoriametrics"])
    ports = {int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", told)}
    assert ports == {port for each in TELEMETRY_PORTS.values() for port in each}
    assert "0.0.0.0" not in told
    assert "spans: 168h" in told
    assert "-retentionPeriod=7d" in told


def test_roles_and_sidecars_send_their_spans_to_the_port_that_receives_them(telemetry: Telemetry) -> None:
    telemetry.write_configuration([], "")
    jaeger = yaml.safe_load((telemetry.directory / "jaeger.yaml").read_text())
    endpoint = jaeger["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert telemetry.environment()["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{endpoint}"


@pytest.mark.parametrize("name", ["OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_a_variable_that_sends_the_spans_elsewhere_is_named(name: str) -> None:
    require_usable({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://replaced:4318"})
    with pytest.raises(LocalError, match=f"unset {name}"):
        require_usable({name: "true"})


def test_the_dashboard_names_only_metrics_that_the_roles_report() -> None:
    registry = CollectorRegistry()
    for declare in (RoleMetrics, OrderMetrics, WorkflowMetrics):
        declare(registry)
    reported = {family.name for family in registry.collect()}
    panels = [panel for row in json.loads(DASHBOARD.read_text())["rows"] for panel in row["panels"]]
    named = {name for panel in panels for each in panel["expr"] for name in re.findall(r"pizzashop_\w+", each)}
    gauges = {"pizzashop_orders_open", "pizzashop_orders_stuck", "pizzashop_orders_overdue", "pizzashop_dead_letters"}
    assert named - gauges == {
        name for name in named - gauges if re.sub(r"_(total|bucket|sum|count)\Z", "", name) in reported
    }
    assert all(len(panel.get("alias", panel["expr"])) == len(panel["expr"]) for panel in panels)
