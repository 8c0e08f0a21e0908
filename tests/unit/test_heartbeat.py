"""While an activity takes long, its order's record hears of it."""

import asyncio
from typing import Any

import pytest

from pizzashop.errors import Unavailable
from pizzashop.roles import ORDER, Role
from pizzashop.workflow import activities
from pizzashop.workflow.activities import heartbeat as beating


class Heard:
    """A sidecar that counts; the first beat is lost, and `enough` is set by the third."""

    def __init__(self) -> None:
        self.beats: list[tuple[str, Any]] = []
        self.enough = asyncio.Event()

    async def ainvoke(self, role: Role, path: str, content: Any, _: float) -> None:
        assert role is ORDER
        self.beats.append((path, content))
        if len(self.beats) == 1:
            raise Unavailable("lost")
        if len(self.beats) == 3:
            self.enough.set()


def test_it_beats_for_as_long_as_it_takes_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activities, "EVERY_SECONDS", 0.001)

    async def work() -> Heard:
        heard = Heard()
        async with beating(heard, "123", "uid-1"):  # type: ignore[arg-type]
            await heard.enough.wait()
        beats = len(heard.beats)
        assert len(asyncio.all_tasks()) == 1, "nothing goes on"
        assert len(heard.beats) == beats
        return heard

    heard = asyncio.run(work())
    assert heard.beats[:3] == [("/order/123/heartbeat", {"uid": "uid-1"})] * 3


def test_what_is_soon_done_costs_none() -> None:
    async def work() -> Heard:
        heard = Heard()
        async with beating(heard, "123", "uid-1"):  # type: ignore[arg-type]
            await asyncio.sleep(0)
        return heard

    assert asyncio.run(work()).beats == []
