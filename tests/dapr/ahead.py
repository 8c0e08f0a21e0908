"""`pizzashop` on a machine whose clock is an hour ahead: started again as itself, it finds the clock set back."""

import time
from datetime import datetime, timedelta, tzinfo
from types import SimpleNamespace

from pizzashop.cli import main
from pizzashop.domain import history
from pizzashop.order import commands
from pizzashop.web import dependencies

AHEAD = timedelta(hours=1)


class Ahead(datetime):
    """A clock that is ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + AHEAD


for module in (dependencies, history):
    module.datetime = Ahead  # type: ignore[attr-defined]
commands.time = SimpleNamespace(time=lambda: time.time() + AHEAD.total_seconds())  # type: ignore[attr-defined]

if __name__ == "__main__":
    main()
