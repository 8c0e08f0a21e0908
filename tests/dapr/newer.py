"""`pizzashop` as a later release may be: with a version of the workflow that today's does not know."""

from pizzashop.cli import main
from pizzashop.workflow import worker

worker.VERSIONS["of a later release"] = worker.VERSIONS[worker.LATEST]
worker.LATEST = "of a later release"

if __name__ == "__main__":
    main()
