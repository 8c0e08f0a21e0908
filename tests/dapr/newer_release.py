"""`pizzashop` as a later release may be: with a version of the workflow that the present one does not know."""

from pizzashop.cli import main
from pizzashop.workflow import worker

worker.WORKFLOW_VERSIONS["of a later release"] = worker.WORKFLOW_VERSIONS[worker.LATEST_VERSION]
worker.LATEST_VERSION = "of a later release"

if __name__ == "__main__":
    main()
