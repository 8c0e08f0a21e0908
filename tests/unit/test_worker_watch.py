"""A sidecar that takes no worker for too long is ended; any other is left alone."""

import pytest
from fakes.sidecar import FakeSidecar

from pizzashop.errors import Unavailable
from pizzashop.workflow.worker_watch import BLOCKED_SECONDS, WorkerWatch


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sidecar() -> FakeSidecar:
    return FakeSidecar()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(sidecar: FakeSidecar, clock: Clock) -> WorkerWatch:
    return WorkerWatch(sidecar, lambda: True, clock)


def test_a_sidecar_without_a_worker_is_ended_after_a_while(
    watch: WorkerWatch, sidecar: FakeSidecar, clock: Clock
) -> None:
    sidecar.workers = 0
    watch.run_once()
    clock.now = BLOCKED_SECONDS - 1
    watch.run_once()
    assert sidecar.shutdowns == 0
    clock.now = BLOCKED_SECONDS
    watch.run_once()
    watch.run_once()
    assert sidecar.shutdowns == 1


def test_a_worker_that_connects_in_time_keeps_its_sidecar(
    watch: WorkerWatch, sidecar: FakeSidecar, clock: Clock
) -> None:
    for clock.now, sidecar.workers in ((0, 0), (BLOCKED_SECONDS - 1, 1), (BLOCKED_SECONDS, 0)):
        watch.run_once()
    assert sidecar.shutdowns == 0


def test_a_sidecar_that_was_away_has_its_time_anew(watch: WorkerWatch, sidecar: FakeSidecar, clock: Clock) -> None:
    sidecar.workers = 0
    watch.run_once()
    sidecar.is_down = True
    with pytest.raises(Unavailable):
        watch.run_once()
    sidecar.is_down, clock.now = False, BLOCKED_SECONDS
    watch.run_once()
    assert sidecar.shutdowns == 0


def test_a_process_whose_worker_has_not_started_ends_no_sidecar(sidecar: FakeSidecar, clock: Clock) -> None:
    watch, sidecar.workers = WorkerWatch(sidecar, lambda: False, clock), 0
    for clock.now in (0, BLOCKED_SECONDS):
        watch.run_once()
    assert sidecar.shutdowns == 0
