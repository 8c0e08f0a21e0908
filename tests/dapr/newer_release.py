"""`pizzashop` as a later release may be: with another version of the workflow, and with one more field in events."""

from typing import Any

from pizzashop.cli import main
from pizzashop.steps import runner
from pizzashop.workflow import worker

RELEASE = "of a later release"

_build_stage_event = runner.build_stage_event


def _become_newer() -> None:
    worker.WORKFLOW_VERSIONS[RELEASE] = worker.WORKFLOW_VERSIONS[worker.LATEST_VERSION]
    worker.LATEST_VERSION = RELEASE
    runner.build_stage_event = _build_newer_event


def _build_newer_event(*arguments: Any) -> dict[str, Any]:
    return {**_build_stage_event(*arguments), "release": RELEASE}


# A test imports the name of the release, and must stay what it is.
if __name__ == "__main__":
    _become_newer()
    main()
