"""`pizzashop` as a later release may be: with a version of the workflow that today's does not know."""

from pizzashop.cli import main
from pizzashop.workflow import worker

worker.STORIES["v2"] = worker.STORIES[worker.LATEST]
worker.LATEST = "v2"

if __name__ == "__main__":
    main()
