"""What Prometheus reads of the running shop: the roles, the sidecars, placement and the scheduler."""

import pytest
from monitoring.promtool import metric_names, queries
from prometheus_client.parser import text_string_to_metric_families
from shop_client import WORKFLOW, OpenShop, ShopClient, new_order

from pizzashop.dapr.http import HttpClient
from pizzashop.local.programs import ScrapeTarget, scrape_targets
from pizzashop.local.project import Project
from pizzashop.roles import ROLES


def scrape(target: ScrapeTarget) -> set[str]:
    """Return the names of the samples of a target."""
    with HttpClient() as http:
        reply = http.request("GET", f"http://{target.address}/metrics", 15)
    assert reply.status == 200
    families = text_string_to_metric_families(reply.body.decode())
    return {sample.name for family in families for sample in family.samples}


@pytest.fixture(scope="module")
def scraped(
    open_shop: OpenShop, project: Project, client: ShopClient, tmp_path_factory: pytest.TempPathFactory
) -> dict[ScrapeTarget, set[str]]:
    """The samples of each target of a shop that has delivered an order."""
    with open_shop(tmp_path_factory.mktemp("metrics"), pace=0):
        order = new_order()
        assert client.call("POST", f"{WORKFLOW}/start-order", order)[0] == 200
        client.wait_for_status(order["order_id"], "pending_validation")
        decision = {"order_id": order["order_id"], "approved": True}
        assert client.call("POST", f"{WORKFLOW}/validate-pizza", decision)[0] == 200
        client.wait_for_status(order["order_id"], "delivered")
        return {target: scrape(target) for target in scrape_targets(project)}


def test_every_program_of_the_shop_is_a_target(scraped: dict[ScrapeTarget, set[str]]) -> None:
    names = {role.name for role in ROLES}
    by_job = {job: {each.name for each in scraped if each.job == job} for job in ("pizzashop", "daprd", "dapr")}
    assert by_job == {"pizzashop": names, "daprd": names, "dapr": {"placement", "scheduler"}}


def test_every_metric_that_an_alert_or_a_dashboard_names_is_there(scraped: dict[ScrapeTarget, set[str]]) -> None:
    found = set[str]().union(*scraped.values())
    assert sorted(metric_names(queries()) - found) == []


def test_the_shop_on_this_machine_needs_no_other_port(project: Project) -> None:
    assert all(each.address.startswith("127.0.0.1:") for each in scrape_targets(project))
