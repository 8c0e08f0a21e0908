"""The workflow worker beside a sidecar that does not run."""

import logging
import threading

import pytest
from fakes.shop import FakeShop

from pizzashop.workflow.activities import Activities
from pizzashop.workflow.capacity import RunningActivities
from pizzashop.workflow.worker import Worker

CLOSED_PORT = 1


def test_a_worker_that_is_stopped_before_its_sidecar_runs_ends_without_an_error(
    shop: FakeShop, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(CLOSED_PORT, Activities(shop.sidecar, 0, shop.contents), RunningActivities())
    worker.start()
    thread = next(each for each in threading.enumerate() if each.name == "workflow-worker")
    worker.stop()
    thread.join()
    assert not worker.is_ready.is_set()
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []
