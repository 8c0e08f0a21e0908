"""The configuration of Prometheus in docs/metrics.md reads every program of a shop on this machine."""

import re
from pathlib import Path

import yaml
from monitoring.promtool import ROOT, run_promtool

from pizzashop.local.programs import scrape_targets
from pizzashop.local.project import Project

(EXAMPLE,) = re.findall(r"```yaml\n(rule_files.*?)```", (ROOT / "docs" / "metrics.md").read_text(), re.DOTALL)


def test_it_has_each_target_under_its_job() -> None:
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in yaml.safe_load(EXAMPLE)["scrape_configs"]}
    expected: dict[str, list[str]] = {}
    for target in scrape_targets(Project.read(ROOT / "dapr.yaml")):
        expected.setdefault(target.job, []).append(target.address)
    assert jobs == expected


def test_prometheus_accepts_it(tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(EXAMPLE.replace("deploy/", f"{ROOT}/deploy/"))
    run_promtool("check", "config", file)
