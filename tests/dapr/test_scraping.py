"""What Prometheus reads of the running shop: the roles, the sidecars, placement and the scheduler."""

import re
from collections.abc import Iterator

import pytest
from monitoring.promtool import metric_names, queries
from shop_client import WORKFLOW, OpenShop, ShopClient, eventually, new_order

from pizzashop.dapr.http import HttpClient
from pizzashop.local.programs import ScrapeTarget, scrape_targets
from pizzashop.local.project import Project
from pizzashop.roles import ROLES


@pytest.fixture(scope="module")
def targets(
    open_shop: OpenShop, project: Project, client: ShopClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[ScrapeTarget]]:
    """The targets of a shop that has delivered one order."""
    with open_shop(tmp_path_factory.mktemp("metrics"), pace=0):
        order = new_order()
        assert client.call("POST", f"{WORKFLOW}/start-order", order)[0] == 200
        client.wait_for_status(order["order_id"], "pending_validation")
        decision = {"order_id": order["order_id"], "approved": True}
        assert client.call("POST", f"{WORKFLOW}/validate-pizza", decision)[0] == 200
        client.wait_for_status(order["order_id"], "delivered")
        yield scrape_targets(project)


def scrape(target: ScrapeTarget) -> dict[str, float]:
    """Return the value of each sample of a target by its name and labels, as they are written."""
    with HttpClient() as http:
        reply = http.request("GET", f"http://{target.address}/metrics", 15)
    assert reply.status == 200
    lines = (line.rsplit(" ", 1) for line in reply.body.decode().splitlines() if not line.startswith("#"))
    return {sample: float(value) for sample, value in lines}


def test_every_program_of_the_shop_is_a_target(targets: list[ScrapeTarget]) -> None:
    names = {role.name for role in ROLES}
    by_job = {job: {each.name for each in targets if each.job == job} for job in ("pizzashop", "daprd", "dapr")}
    assert by_job == {"pizzashop": names, "daprd": names, "dapr": {"placement", "scheduler"}}


def test_every_metric_that_an_alert_or_a_dashboard_names_is_there(targets: list[ScrapeTarget]) -> None:
    def missing() -> set[str]:
        found = {re.split("[{ ]", sample)[0] for target in targets for sample in scrape(target)}
        return metric_names(queries()) - found

    # The last events are delivered after the order.
    eventually(missing, lambda names: not names)


def test_the_order_counts_once(targets: list[ScrapeTarget]) -> None:
    samples = scrape(next(each for each in targets if each[:2] == ("pizzashop", "order")))
    assert samples["pizzashop_orders_accepted_total"] == 1
    assert samples['pizzashop_orders_ended_total{end="delivered",reason=""}'] == 1
    assert samples['pizzashop_order_decision_seconds_count{verdict="approved"}'] == 1
