"""What the topic tells of orders, read from the stream in Valkey itself: each stage, and the runs that did it."""

import json
from collections import defaultdict
from datetime import datetime
from typing import Any

from valkey import Valkey

from pizzashop.domain.lifecycle import HAPPY_PATH, STEPS

STAGES = frozenset(stage.status for step in STEPS for stage in step.timed_stages)

Stage = tuple[int, str]
Runs = dict[str, dict[Stage, list[dict[str, Any]]]]


def runs(order_ids: list[str]) -> Runs:
    """By order and stage (attempt, status): every event of it."""
    found: Runs = {each: defaultdict(list) for each in order_ids}
    with Valkey(port=6379) as server:
        for _, fields in server.xrange("orders"):
            event = json.loads(fields[b"data"])["data"]
            if event["order_id"] in found and event["status"] in STAGES:
                found[event["order_id"]][event["attempt"], event["status"]].append(event)
    return found


def twice(told: Runs, killed_at: float) -> tuple[list[tuple[str, int, str]], list[tuple[str, int, str]]]:
    """The stages that two runs did: those that were over when something was killed, and those then under way."""
    over, under_way = [], []
    for order_id, by_stage in told.items():
        last_before = _last_before(by_stage, killed_at)
        for stage, events in by_stage.items():
            if len({event["run"] for event in events}) > 1:
                (under_way if stage == last_before else over).append((order_id, *stage))
    return over, under_way


def _last_before(by_stage: dict[Stage, list[dict[str, Any]]], moment: float) -> Stage | None:
    first = {stage: datetime.fromisoformat(events[0]["at"]).timestamp() for stage, events in by_stage.items()}
    before = [stage for stage, at in first.items() if at <= moment]
    return max(before, key=lambda stage: (stage[0], HAPPY_PATH.index(stage[1])), default=None)
