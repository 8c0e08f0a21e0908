"""The metrics of the shop for Prometheus: the name of each, its help, its labels and its buckets.

Each role has a registry of its own, also where one process serves several roles. So a sum over all roles counts each
fact once. A counter counts a fact when the store has it, and begins at 0 when the process starts. No label contains
an order's id or data of a customer.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TypeVar, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from pizzashop import __version__
from pizzashop.domain.lifecycle import (
    CANCELLED,
    DECISION_TABLE,
    DELIVERED,
    FAILED,
    FAILURE_TABLE,
    HAPPY_PATH,
    STEP_BY_NAME,
)
from pizzashop.domain.reconciliation import Need
from pizzashop.errors import ShopError

# In seconds. A request that runs a step lasts as long as the step, any other a few milliseconds.
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# At pace 1 a stage lasts 1 to 5 s. `pending_validation` lasts until the manager decides.
_STAGE_BUCKETS = (0.1, 0.5, 1, 1.5, 2.5, 4, 6, 10, 30, 60, 300, 1800)
# By default the manager is reminded after 300, 600, 1200 and 2400 s.
_DECISION_BUCKETS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 2400, 4800)
# At pace 1 the stages of an order last 30 s.
_DELIVERY_BUCKETS = (1, 15, 30, 35, 40, 50, 75, 120, 300, 600, 1800, 3600, 7200)

Child = TypeVar("Child", bound=MetricWrapperBase)

log = logging.getLogger(__name__)

# Otherwise the client library adds a series with its time of creation to each counter and histogram.
disable_created_metrics()


class RoleMetrics:
    """The metrics of every role. Those of a single role are in the same registry."""

    def __init__(self, registry: CollectorRegistry | None = None, role: str = "") -> None:
        self.registry = registry = registry or CollectorRegistry()
        build = Gauge("pizzashop_build_info", "1 for the release that runs", ["role", "version"], registry=registry)
        build.labels(role, __version__).set(1)
        requests = Histogram(
            "pizzashop_http_request_duration_seconds",
            "Requests: the time until the answer begins, by the route's template and the class of the status, as 2xx",
            ["route", "method", "status"],
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self.requests = _children(requests)
        self.requests_in_flight = Gauge(
            "pizzashop_http_requests_in_flight",
            "Requests that are being answered now, steps included and live pages not",
            registry=registry,
        )
        self.requests_refused = Counter(
            "pizzashop_http_requests_refused",
            "Requests answered 503: the process is busy or stopping, or a service behind it is unavailable",
            registry=registry,
        )
        sidecar_requests = Counter(
            "pizzashop_sidecar_requests",
            "Requests to the sidecar: load, load_many, save and delete to the state store, publish to the broker, "
            "invoke to another role; the result is ok, also where that one refused, or failed",
            ["operation", "result"],
            registry=registry,
        )
        operations = ("load", "load_many", "save", "delete", "publish", "invoke")
        self.sidecar_requests = _children(sidecar_requests, operations, ("ok", "failed"))
        self.store_conflicts = Counter(
            "pizzashop_store_conflicts",
            "Writes and deletions that the store refused because another writer was faster; they are made again",
            registry=registry,
        )


class OrderMetrics:
    """The metrics that only role `order` has. Without a registry they are counted and not exposed."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.accepted = Counter("pizzashop_orders_accepted", "Orders accepted", registry=registry)
        ended = Counter(
            "pizzashop_orders_ended",
            "Orders that ended: delivered, failed or cancelled, and why they failed",
            ["end", "reason"],
            registry=registry,
        )
        self.ended = _children(ended, (DELIVERED, CANCELLED), ("",))
        for failure in FAILURE_TABLE:
            self.ended(FAILED, failure.reason)
        stage_seconds = Histogram(
            "pizzashop_order_stage_seconds",
            "Time that an order spent in a stage, until the next stage began; pauses count",
            ["stage"],
            buckets=_STAGE_BUCKETS,
            registry=registry,
        )
        self.stage_seconds = _children(stage_seconds, HAPPY_PATH[:-1])
        self.delivery_seconds = Histogram(
            "pizzashop_order_delivery_seconds",
            "Time from accepted to delivered",
            buckets=_DELIVERY_BUCKETS,
            registry=registry,
        )
        decision_seconds = Histogram(
            "pizzashop_order_decision_seconds",
            "Time from cooked to the manager's decision: approved, remake or rejected",
            ["verdict"],
            buckets=_DECISION_BUCKETS,
            registry=registry,
        )
        self.decision_seconds = _children(decision_seconds, [each.name for each in DECISION_TABLE])
        self.decisions_overdue = Counter(
            "pizzashop_decisions_overdue",
            "Pizzas whose decision became overdue: PIZZASHOP_VALIDATION_REMINDER had passed without it",
            registry=registry,
        )
        claims = Counter(
            "pizzashop_claims",
            "Claims of the lease on a step: granted (renewals included), taken by another run, closed, released, "
            "unknown (there is no such order) or unavailable",
            ["step", "result"],
            registry=registry,
        )
        results = ("granted", "taken", "closed", "released", "unknown", "unavailable")
        self.claims = _children(claims, STEP_BY_NAME, results)
        events = Counter(
            "pizzashop_events",
            "Events that Dapr delivered: repeated (the record had the stage, mostly by the claim), new, unknown (of no "
            "order), retry (delivered again later), dead (kept as a dead letter) or ignored (foreign, and not kept)",
            ["result"],
            registry=registry,
        )
        self.events = _children(events, ("repeated", "new", "unknown", "retry", "dead", "ignored"))


class WorkflowMetrics:
    """The metrics that only role `workflow` has. Without a registry they are counted and not exposed."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        commands = Counter(
            "pizzashop_reconciler_commands",
            "Commands that the reconciler repeated to the engine: start, decide, cancel or suspension; the result is "
            "done or failed",
            ["command", "result"],
            registry=registry,
        )
        self.reconciler_commands = _children(commands, get_args(Need), ("done", "failed"))
        recoveries = Counter(
            "pizzashop_reconciler_recoveries",
            "Stuck orders whose workflow the reconciler has woken or restarted, or failed to recover",
            ["recovery"],
            registry=registry,
        )
        self.reconciler_recoveries = _children(recoveries, ("woken", "restarted", "failed"))
        self.reconciler_last_round = Gauge(
            "pizzashop_reconciler_last_round_timestamp_seconds",
            "When the reconciler last finished a round, in seconds since the epoch; 0 before the first",
            registry=registry,
        )
        self.starts_waiting = Gauge(
            "pizzashop_starts_waiting",
            "Orders in this process that wait to be accepted, or for the start of their workflow",
            registry=registry,
        )
        self.activities_running = Gauge(
            "pizzashop_activities_running", "Activities that this process runs now", registry=registry
        )


@dataclass(frozen=True)
class StoredCounts:
    """How many open orders, stuck and overdue ones, and dead letters the store has."""

    open_by_status: Mapping[str, int]
    stuck: int
    overdue: int
    dead_letters_by_origin: Mapping[str, int]


class StoreCollector(Collector):
    """Counts in the store at each scrape. Replicas of role `order` report the same: use the maximum, not the sum."""

    def __init__(self, count: Callable[[], StoredCounts], registry: CollectorRegistry) -> None:
        self._count = count
        registry.register(self)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics without values."""
        alike = "all replicas of role order report the same"
        yield GaugeMetricFamily("pizzashop_orders_open", f"Orders that have not ended; {alike}", labels=["status"])
        yield GaugeMetricFamily("pizzashop_orders_stuck", f"Open orders that make no progress; {alike}")
        yield GaugeMetricFamily("pizzashop_orders_overdue", f"Open orders whose decision is overdue; {alike}")
        yield GaugeMetricFamily(
            "pizzashop_dead_letters",
            f"Events kept as dead letters, of own orders or foreign; {alike}",
            labels=["origin"],
        )

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics, or none if the store cannot be read."""
        try:
            counts = self._count()
        except ShopError as error:
            log.warning("the open orders cannot be counted, so this scrape lacks their metrics: %s", error)
            return
        is_open, stuck, overdue, dead_letters = self.describe()
        for status, number in counts.open_by_status.items():
            is_open.add_metric([status], number)
        stuck.add_metric([], counts.stuck)
        overdue.add_metric([], counts.overdue)
        for origin, number in counts.dead_letters_by_origin.items():
            dead_letters.add_metric([origin], number)
        yield from (is_open, stuck, overdue, dead_letters)


def _children(metric: Child, *values: Iterable[str]) -> Callable[..., Child]:
    """Return a function from label values to the series of a metric, which finds each series only once.

    All combinations of `values` begin at 0 now. Without that, Prometheus would not see the first increase of a series.
    """
    find = cache(metric.labels)
    for combination in product(*values) if values else ():
        find(*combination)
    return find
