"""`pizzashop` that counts an order as stuck after a few seconds: a test need not wait for a minute."""

from functools import partial

from pizzashop.cli import main
from pizzashop.workflow import background

background.RECONCILE_SECONDS = 1.0
background.Watchdog = partial(background.Watchdog, 4.0)  # type: ignore[assignment,misc]
background.Activities = partial(background.Activities, heartbeat_seconds=1.0)  # type: ignore[assignment,misc]

if __name__ == "__main__":
    main()
