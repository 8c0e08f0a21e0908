"""What Prometheus reads of the running shop: the roles, the sidecars, placement and the scheduler."""

import re

import pytest
from monitoring.promtool import metric_names, queries
from shop_client import WORKFLOW, OpenShop, ShopClient, new_order

from pizzashop.dapr.http import HttpClient
from pizzashop.local.programs import ScrapeTarget, scrape_targets
from pizzashop.local.project import Project
from pizzashop.roles import ROLES


def scrape(target: ScrapeTarget) -> dict[str, str]:
    """Return the value of each sample of a target by its name and labels, as they are written."""
    with HttpClient() as http:
        reply = http.request("GET", f"http://{target.address}/metrics", 15)
    assert reply.status == 200
    lines = (line for line in reply.body.decode().splitlines() if not line.startswith("#"))
    return dict(line.rsplit(" ", 1) for line in lines)


@pytest.fixture(scope="module")
def scraped(
    open_shop: OpenShop, project: Project, client: ShopClient, tmp_path_factory: pytest.TempPathFactory
) -> dict[ScrapeTarget, dict[str, str]]:
    """The samples of each target of a shop that has delivered an order."""
    with open_shop(tmp_path_factory.mktemp("metrics"), pace=0):
        order = new_order()
        assert client.call("POST", f"{WORKFLOW}/start-order", order)[0] == 200
        client.wait_for_status(order["order_id"], "pending_validation")
        decision = {"order_id": order["order_id"], "approved": True}
        assert client.call("POST", f"{WORKFLOW}/validate-pizza", decision)[0] == 200
        client.wait_for_status(order["order_id"], "delivered")
        return {target: scrape(target) for target in scrape_targets(project)}


def test_every_program_of_the_shop_is_a_target(scraped: dict[ScrapeTarget, dict[str, str]]) -> None:
    names = {role.name for role in ROLES}
    by_job = {job: {each.name for each in scraped if each.job == job} for job in ("pizzashop", "daprd", "dapr")}
    assert by_job == {"pizzashop": names, "daprd": names, "dapr": {"placement", "scheduler"}}


def test_every_metric_that_an_alert_or_a_dashboard_names_is_there(scraped: dict[ScrapeTarget, dict[str, str]]) -> None:
    found = {re.split("[{ ]", sample)[0] for samples in scraped.values() for sample in samples}
    assert sorted(metric_names(queries()) - found) == []


def test_the_order_counts_once(scraped: dict[ScrapeTarget, dict[str, str]]) -> None:
    samples = next(each for target, each in scraped.items() if target[:2] == ("pizzashop", "order"))
    assert float(samples["pizzashop_orders_accepted_total"]) == 1
    assert float(samples['pizzashop_orders_ended_total{end="delivered",reason=""}']) == 1
    assert float(samples['pizzashop_order_decision_seconds_count{verdict="approved"}']) == 1
