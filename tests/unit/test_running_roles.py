"""One process with several roles: each port has the metrics of its role, so that a sum counts everything once."""

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import Client

from pizzashop.roles import DELIVERY, KITCHEN, STOREFRONT
from pizzashop.server.running_roles import RunningRoles
from pizzashop.settings import Settings


@pytest.fixture
def running() -> Iterator[RunningRoles]:
    running = RunningRoles({8002: STOREFRONT, 8003: KITCHEN, 8004: DELIVERY}, Settings(threads=8))
    yield running
    running.close()


def get(running: RunningRoles, port: int, path: str) -> str:
    return Client(running.wsgi).get(path, base_url=f"http://localhost:{port}").text


def scrape(running: RunningRoles, port: int) -> dict[str, float]:
    """Return the sum of the samples of each name."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(get(running, port, "/metrics")):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


def test_a_request_counts_at_the_role_that_answered_it(running: RunningRoles) -> None:
    for port in (8003, 8003, 8004):
        get(running, port, "/healthz")
    counts = {port: scrape(running, port) for port in (8002, 8003, 8004)}
    name = "pizzashop_http_request_duration_seconds_count"
    assert {port: found.get(name, 0) for port, found in counts.items()} == {8002: 0, 8003: 2, 8004: 1}


def test_the_process_is_reported_once(running: RunningRoles) -> None:
    found = [port for port in (8002, 8003, 8004) if "process_resident_memory_bytes" in scrape(running, port)]
    assert found == [8002]
