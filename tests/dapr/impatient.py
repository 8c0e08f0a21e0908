"""`pizzashop` whose sweep counts an order as standing still after a few seconds: a test need not wait for a minute."""

from pizzashop.cli import main
from pizzashop.workflow import activities, reconciler

STUCK_SECONDS = 4.0
activities.EVERY_SECONDS = 1.0

_init = reconciler.Watchdog.__init__
_init.__defaults__ = (STUCK_SECONDS, *(_init.__defaults__ or ())[1:])

if __name__ == "__main__":
    main()
