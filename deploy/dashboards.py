"""Write the dashboards for Grafana, from the table of their panels: `make dashboards`.

A dashboard is a list of rows. A row is a title and panels, which share the width. A panel is a graph of its queries
over time, or the present value of one query.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

DIRECTORY = Path(__file__).parent / "chart" / "files" / "dashboards"
# Grafana divides the width of a dashboard into so many columns.
COLUMNS = 24
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


class Panel(NamedTuple):
    """A panel. Each query is an expression in PromQL and the legend of its lines; `unit` is one of Grafana's."""

    title: str
    queries: Sequence[tuple[str, str]]
    unit: str = "short"
    about: str = ""
    kind: Literal["timeseries", "stat"] = "timeseries"


class Row(NamedTuple):
    """A row of panels under a title."""

    title: str
    panels: Sequence[Panel]


def quantiles(metric: str, by: str = "") -> list[tuple[str, str]]:
    """Return the queries of the median and the 95th percentile of a histogram, for each value of the label `by`."""
    labels, name = (f"le, {by}", f"{{{{{by}}}}} ") if by else ("le", "")
    rate = f"sum by ({labels}) (rate({metric}_bucket[5m]))"
    return [(f"histogram_quantile({q}, {rate})", f"{name}{title}") for q, title in ((0.5, "median"), (0.95, "95 %"))]


def stat(title: str, query: str, about: str) -> Panel:
    """Return a panel that shows one present value."""
    return Panel(title, [(query, title)], about=about, kind="stat")


SHOP = [
    Row(
        "Now",
        [
            stat("Open orders", "sum(max by (status) (pizzashop_orders_open))", "Orders that have not ended."),
            stat("Stuck orders", "max(pizzashop_orders_stuck)", "The reconciler should recover them."),
            stat("Overdue decisions", "max(pizzashop_orders_overdue)", "Pizzas that wait too long for the manager."),
            stat("Dead letters", 'max(pizzashop_dead_letters{origin="own"})', "Events that could not be applied."),
            stat("Roles", "count(count by (role) (pizzashop_build_info))", "Of five."),
        ],
    ),
    Row(
        "Orders",
        [
            Panel(
                "Orders a minute",
                [
                    ("60 * sum(rate(pizzashop_orders_accepted_total[5m]))", "accepted"),
                    ("60 * sum by (end) (rate(pizzashop_orders_ended_total[5m]))", "{{end}}"),
                ],
            ),
            Panel("Open orders by status", [("max by (status) (pizzashop_orders_open) > 0", "{{status}}")]),
            Panel(
                "Failed orders by reason",
                [('sum by (reason) (increase(pizzashop_orders_ended_total{end="failed"}[15m]))', "{{reason}}")],
                about="In 15 minutes. The manager causes `rejected`, `no_decision` and `remade_too_often`.",
            ),
        ],
    ),
    Row(
        "Time",
        [
            Panel("From accepted to delivered", quantiles("pizzashop_order_delivery_seconds"), "s"),
            Panel("From cooked to decided", quantiles("pizzashop_order_decision_seconds"), "s"),
            Panel("In each stage", quantiles("pizzashop_order_stage_seconds", "stage")[:1], "s"),
        ],
    ),
    Row(
        "Requests",
        [
            Panel(
                "Requests by status",
                [("sum by (status) (rate(pizzashop_http_request_duration_seconds_count[5m]))", "{{status}}")],
                "reqps",
            ),
            Panel(
                "Refused",
                [("sum by (instance) (rate(pizzashop_http_requests_refused_total[5m]))", "{{instance}}")],
                "reqps",
                "Answered 503: a process is busy, or a service behind it is away.",
            ),
            Panel("In flight", [("sum by (instance) (pizzashop_http_requests_in_flight)", "{{instance}}")]),
            Panel(
                "Slowest routes",
                [(f"topk(8, {quantiles('pizzashop_http_request_duration_seconds', 'route')[1][0]})", "{{route}} 95 %")],
                "s",
                "A step's route takes as long as the step.",
            ),
        ],
    ),
    Row(
        "Durability",
        [
            Panel("Claims", [("sum by (result) (rate(pizzashop_claims_total[5m]))", "{{result}}")], "ops"),
            Panel("Events", [("sum by (result) (rate(pizzashop_events_total[5m]))", "{{result}}")], "ops"),
            Panel(
                "Reconciler",
                [
                    ("sum by (command) (increase(pizzashop_reconciler_commands_total[5m]))", "repeated {{command}}"),
                    ("sum by (recovery) (increase(pizzashop_reconciler_recoveries_total[5m]))", "{{recovery}}"),
                ],
                about="In 5 minutes: commands repeated to the engine, and stuck orders recovered.",
            ),
            Panel(
                "In progress",
                [
                    ("sum(pizzashop_starts_waiting)", "waiting for their workflow"),
                    ("sum(pizzashop_activities_running)", "running activities"),
                ],
            ),
        ],
    ),
    Row(
        "Sidecar and process",
        [
            Panel(
                "Requests to the sidecar",
                [("sum by (operation) (rate(pizzashop_sidecar_requests_total[5m]))", "{{operation}}")],
                "reqps",
            ),
            Panel(
                "Failed requests and conflicts",
                [
                    (
                        'sum by (operation) (rate(pizzashop_sidecar_requests_total{result="failed"}[5m])) > 0',
                        "{{operation}} failed",
                    ),
                    ("sum(rate(pizzashop_store_conflicts_total[5m]))", "conflicts"),
                ],
                "ops",
            ),
            Panel(
                "Memory",
                [("process_resident_memory_bytes * on (instance) group_left (role) pizzashop_build_info", "{{role}}")],
                "bytes",
            ),
            Panel(
                "Processor",
                [
                    (
                        "rate(process_cpu_seconds_total[5m]) * on (instance) group_left (role) pizzashop_build_info",
                        "{{role}}",
                    )
                ],
                "percentunit",
            ),
        ],
    ),
]

_WORKFLOW, _ACTIVITY = "dapr_runtime_workflow", "dapr_runtime_workflow_activity"
ENGINE = [
    Row(
        "Workflows",
        [
            Panel("Executions", [(f"sum by (status) (rate({_WORKFLOW}_execution_count[5m]))", "{{status}}")], "ops"),
            Panel("Duration", quantiles(f"{_WORKFLOW}_execution_latency"), "ms"),
            Panel("Wait for the start", quantiles(f"{_WORKFLOW}_scheduling_latency"), "ms"),
            Panel(
                "Operations",
                [(f"sum by (operation, status) (rate({_WORKFLOW}_operation_count[5m]))", "{{operation}} {{status}}")],
                "ops",
            ),
        ],
    ),
    Row(
        "Activities",
        [
            Panel(
                "Executions",
                [(f"sum by (activity_name) (rate({_ACTIVITY}_execution_count[5m]))", "{{activity_name}}")],
                "ops",
            ),
            Panel("Duration", quantiles(f"{_ACTIVITY}_execution_latency", "activity_name")[1:], "ms"),
            Panel(
                "Not successful",
                [
                    (
                        f'sum by (activity_name, status) (rate({_ACTIVITY}_execution_count{{status!="success"}}[5m]))',
                        "{{activity_name}} {{status}}",
                    )
                ],
                "ops",
            ),
        ],
    ),
]

SIDECARS = [
    Row(
        "State store",
        [
            Panel(
                "Operations",
                [
                    (
                        "sum by (app_id, operation) (rate(dapr_component_state_count[5m]))",
                        "{{app_id}} {{operation}}",
                    )
                ],
                "ops",
            ),
            Panel("Duration", quantiles("dapr_component_state_latencies", "operation")[1:], "ms"),
        ],
    ),
    Row(
        "Topic",
        [
            Panel(
                "Published",
                [
                    ("sum by (app_id) (rate(dapr_component_pubsub_egress_bulk_count[5m]))", "{{app_id}}, several"),
                    ("sum by (app_id) (rate(dapr_component_pubsub_egress_count[5m]))", "{{app_id}}, single"),
                ],
                "ops",
                "Requests to the broker; one has the events of several orders.",
            ),
            Panel(
                "Delivered",
                [
                    (
                        "sum by (process_status) (rate(dapr_component_pubsub_ingress_bulk_event_count[5m]))",
                        "{{process_status}}",
                    )
                ],
                "ops",
            ),
        ],
    ),
    Row(
        "Scheduler and placement",
        [
            Panel("Connected sidecars", [("max(dapr_scheduler_sidecars_connected)", "scheduler")]),
            Panel(
                "Jobs",
                [
                    ("sum(rate(dapr_scheduler_jobs_created_total[5m]))", "created"),
                    ("sum(rate(dapr_scheduler_jobs_triggered_total[5m]))", "triggered"),
                ],
                "ops",
            ),
            Panel("Trigger latency", quantiles("dapr_scheduler_trigger_latency"), "ms"),
            Panel("Sidecars at placement", [("max(dapr_placement_runtimes_total)", "placement")]),
        ],
    ),
    Row(
        "Processes",
        [
            Panel("Memory", [('go_memstats_sys_bytes{job!=""}', "{{job}} {{instance}}")], "bytes"),
            Panel("Processor", [("rate(process_cpu_seconds_total[5m])", "{{job}} {{instance}}")], "percentunit"),
        ],
    ),
]

DASHBOARDS = {
    "shop": ("Pizzashop", SHOP),
    "workflow-engine": ("Pizzashop: workflow engine", ENGINE),
    "dapr": ("Pizzashop: sidecars, scheduler and placement", SIDECARS),
}


def expressions(rows: Sequence[Row]) -> Iterator[str]:
    """Yield every query of a dashboard."""
    yield from (expression for row in rows for panel in row.panels for expression, _ in panel.queries)


def render(name: str) -> str:
    """Return a dashboard as Grafana's JSON."""
    title, rows = DASHBOARDS[name]
    dashboard = {
        "uid": f"pizzashop-{name}",
        "title": title,
        "tags": ["pizzashop"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [{"id": number, **panel} for number, panel in enumerate(_lay_out(rows), 1)],
    }
    return json.dumps(dashboard, indent=1) + "\n"


def _lay_out(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    top = 0
    for row in rows:
        yield {"type": "row", "title": row.title, "gridPos": {"x": 0, "y": top, "w": COLUMNS, "h": 1}}
        height = 4 if all(panel.kind == "stat" for panel in row.panels) else 8
        for number, panel in enumerate(row.panels):
            left, right = (COLUMNS * each // len(row.panels) for each in (number, number + 1))
            yield _panel(panel, {"x": left, "y": top + 1, "w": right - left, "h": height})
        top += 1 + height


def _panel(panel: Panel, position: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": expression, "legendFormat": legend}
        for number, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": position,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for each in DASHBOARDS:
        (DIRECTORY / f"{each}.json").write_text(render(each))
