"""The alerts: they fire when they should, each has its paragraph in the guide, and the chart ships the same."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from monitoring.promtool import ROOT, RULES, alerts, run_promtool

EXAMPLES = Path(__file__).parent / "alerts_test.yaml"
GUIDE = ROOT / "docs" / "how-to" / "answer-an-alert.md"


def test_prometheus_accepts_the_rules() -> None:
    run_promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    run_promtool("test", "rules", EXAMPLES)


def test_each_alert_has_an_example() -> None:
    examples = {
        each["alertname"]
        for test in yaml.safe_load(EXAMPLES.read_text())["tests"]
        for each in test.get("alert_rule_test", [])
        if each.get("exp_alerts")
    }
    assert examples == {rule["alert"] for rule in alerts()}


def test_the_guide_has_a_paragraph_for_each_alert_and_no_other() -> None:
    headings = re.findall(r"^## (Pizzashop\w+)$", GUIDE.read_text(), re.MULTILINE)
    assert headings == [rule["alert"] for rule in alerts()]


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_names_its_paragraph_and_its_severity(rule: dict[str, Any]) -> None:
    anchor = rule["alert"].lower()
    assert rule["annotations"]["runbook_url"] == f"{GUIDE.relative_to(ROOT)}#{anchor}"
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] in ("critical", "warning")
