"""The dashboards: the files are what the generator writes, and Prometheus understands every query."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from monitoring.promtool import FILES, load_dashboards, queries, run_promtool

dashboards = load_dashboards()
FOLDER = FILES / "dashboards"


def test_the_files_are_what_the_generator_writes() -> None:
    written = {file.stem: file.read_text() for file in FOLDER.glob("*.json")}
    assert written == {name: dashboards.render(name) for name in dashboards.DASHBOARDS}, "run `make dashboards`"


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries())]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    run_promtool("check", "rules", "--lint=none", file)


def panels(name: str) -> list[dict[str, Any]]:
    return list(json.loads(dashboards.render(name))["panels"])


@pytest.mark.parametrize("name", dashboards.DASHBOARDS)
def test_no_two_panels_share_a_place(name: str) -> None:
    places = [each["gridPos"] for each in panels(name)]
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < dashboards.COLUMNS
