"""`pizzashop` whose sweep counts an order as standing still after a few seconds: a test need not wait for a minute."""

from pizzashop.cli import main
from pizzashop.workflow import heartbeat, stillness

STILL_SECONDS = 4.0
heartbeat.EVERY_SECONDS = 1.0

_init = stillness.Stillness.__init__
_init.__defaults__ = (STILL_SECONDS, *(_init.__defaults__ or ())[1:])

if __name__ == "__main__":
    main()
