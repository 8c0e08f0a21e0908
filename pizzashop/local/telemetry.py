"""`pizzashop up --telemetry`: the servers that keep metrics and traces, and what the other processes are told of them.

VictoriaMetrics scrapes the metrics of all processes, and shows them on the dashboards in `dashboards/`. Jaeger receives
the spans by OTLP, and answers queries as JSON. Both keep their data in one directory, and listen on loopback only.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pizzashop.errors import LocalError
from pizzashop.local.ports import HOST, http_ok

if TYPE_CHECKING:
    from pizzashop.local.programs import ScrapeTarget

VICTORIAMETRICS_VERSION = "1.151.0"
JAEGER_VERSION = "2.13.0"
# The first port of each server answers queries.
TELEMETRY_PORTS = {
    "victoriametrics": (8428,),
    "jaeger": (16686, 16685, 4318),
}
DASHBOARDS_PATH = "/vmui/#/dashboards?g0.relative_time=last_5_minutes"

RETENTION_DAYS = 7
# Each time, role `order` reads the open orders from the store.
SCRAPE_SECONDS = 10
# These would send the spans elsewhere, or nowhere.
_FOREIGN_VARIABLES = (
    *("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"),
    *("OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"),
)
_EXTRA = "pip install -e '.[telemetry]'"
_METRICS_MEMORY = "64MiB"
# A dashboard shows what is at least this old: one scrape.
_LATENCY_OFFSET = f"{SCRAPE_SECONDS}s"
# How long a role collects spans before it sends them: the manager's page shows an order that has just gone on.
_SPAN_DELAY_MILLISECONDS = 1000


@dataclass(frozen=True)
class Telemetry:
    """The servers: the directory of their data, and their binaries by name."""

    directory: Path
    binaries: Mapping[str, Path]

    def commands(self) -> dict[str, list[str]]:
        """Return the command of each server by its name."""
        (metrics_port,) = TELEMETRY_PORTS["victoriametrics"]
        metrics = {
            "httpListenAddr": f"{HOST}:{metrics_port}",
            "storageDataPath": self.directory / "metrics",
            "retentionPeriod": f"{RETENTION_DAYS}d",
            "memory.allowedBytes": _METRICS_MEMORY,
            "promscrape.config": self._scrape_file,
            "search.latencyOffset": _LATENCY_OFFSET,
            "vmui.customDashboardsPath": Path(str(files("pizzashop.local"))) / "dashboards",
        }
        return {
            "victoriametrics": [
                str(self.binaries["victoriametrics"]),
                *(f"-{name}={value}" for name, value in metrics.items()),
            ],
            "jaeger": [str(self.binaries["jaeger"]), "--config", str(self._jaeger_file)],
        }

    def readiness_checks(self) -> dict[str, Callable[[], bool]]:
        """Return the readiness check of each server by its name."""
        paths = {"victoriametrics": "/health", "jaeger": "/api/services"}
        return {name: partial(http_ok, TELEMETRY_PORTS[name][0], path) for name, path in paths.items()}

    def environment(self) -> dict[str, str]:
        """Return the variables with which roles and sidecars send spans, and the manager's page finds them."""
        query_port, _, spans_port = TELEMETRY_PORTS["jaeger"]
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{spans_port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_BSP_SCHEDULE_DELAY": str(_SPAN_DELAY_MILLISECONDS),
            "PIZZASHOP_TRACES_URL": f"http://{HOST}:{query_port}",
        }

    def write_configuration(self, targets: Iterable["ScrapeTarget"], token: str) -> None:
        """Write what the servers read. The roles require `token` of who scrapes them, unless it is empty."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # The file may contain a token, so only this user may read it.
        self._scrape_file.touch(mode=0o600)
        self._scrape_file.write_text(yaml.safe_dump(_scrape_configuration(targets, token), sort_keys=False))
        self._jaeger_file.write_text(yaml.safe_dump(_jaeger_configuration(self.directory / "traces"), sort_keys=False))

    @property
    def _scrape_file(self) -> Path:
        return self.directory / "scrape.yaml"

    @property
    def _jaeger_file(self) -> Path:
        return self.directory / "jaeger.yaml"


def require_usable(env: Mapping[str, str] = os.environ) -> None:
    """Raise LocalError if the roles cannot send their spans to this Jaeger, for want of packages or by a variable."""
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None:
        raise LocalError(f"--telemetry needs the packages of OpenTelemetry: run `{_EXTRA}` in the project.")
    if names := ", ".join(name for name in _FOREIGN_VARIABLES if env.get(name)):
        raise LocalError(f"--telemetry sends all spans to its own Jaeger: unset {names} first.")


def _scrape_configuration(targets: Iterable["ScrapeTarget"], token: str) -> dict[str, Any]:
    jobs: dict[str, dict[str, Any]] = {}
    for target in targets:
        job = jobs.setdefault(target.job, {"job_name": target.job, "static_configs": []})
        job["static_configs"].append({"targets": [target.address], "labels": {"name": target.name}})
    if token:
        jobs["pizzashop"]["authorization"] = {"credentials": token}
    interval = f"{SCRAPE_SECONDS}s"
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval},
        "scrape_configs": list(jobs.values()),
    }


def _jaeger_configuration(data: Path) -> Mapping[str, Any]:
    query_port, query_grpc_port, spans_port = (f"{HOST}:{port}" for port in TELEMETRY_PORTS["jaeger"])
    directories = {"keys": str(data / "keys"), "values": str(data / "values")}
    return {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["jaeger_storage_exporter"]}
            },
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "info"}},
        },
        "extensions": {
            "jaeger_query": {
                # Its own spans of each query would be sent to nowhere, and delay its end by ten seconds.
                "enable_tracing": False,
                "storage": {"traces": "badger"},
                "http": {"endpoint": query_port},
                "grpc": {"endpoint": query_grpc_port},
            },
            "jaeger_storage": {
                "backends": {
                    "badger": {
                        "badger": {
                            "ephemeral": False,
                            "directories": directories,
                            "ttl": {"spans": f"{RETENTION_DAYS * 24}h"},
                        }
                    }
                }
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": spans_port}}}},
        "processors": {"batch": None},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "badger"}},
    }
