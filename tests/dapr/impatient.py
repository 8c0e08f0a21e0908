"""`pizzashop` whose sweep counts an order as standing still after a few seconds: a test need not wait for a minute."""

from pizzashop.cli import main
from pizzashop.workflow import heartbeat, watchdog

STUCK_SECONDS = 4.0
heartbeat.EVERY_SECONDS = 1.0

_init = watchdog.Watchdog.__init__
_init.__defaults__ = (STUCK_SECONDS, *(_init.__defaults__ or ())[1:])

if __name__ == "__main__":
    main()
