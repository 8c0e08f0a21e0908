"""`pizzashop` on a machine whose clock is an hour ahead: after a normal restart its clock has been set back."""

from datetime import datetime, timedelta, tzinfo

from pizzashop.cli import main
from pizzashop.domain import history

OFFSET = timedelta(hours=1)


class ClockAhead(datetime):
    """A clock that is an hour ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        return datetime.now(tz) + OFFSET


history.datetime = ClockAhead  # type: ignore[misc]

if __name__ == "__main__":
    main()
