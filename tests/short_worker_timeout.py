"""`pizzashop` whose arbiter replaces a hung worker after 3 seconds: a test need not wait for 30."""

from pizzashop.cli import main
from pizzashop.server import server

server.WORKER_TIMEOUT_SECONDS = 3

if __name__ == "__main__":
    main()
