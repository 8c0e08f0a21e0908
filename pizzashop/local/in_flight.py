"""Orders in flight that stand still: what `up` and `doctor` say of them.

What an order waits for is in the scheduler's data, and the order itself in the store's. At each opening both are given
the same mark: where the marks differ, the scheduler's data was lost since, or was put back from an older copy.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pizzashop.console.client import Client
from pizzashop.domain.errors import ShopError
from pizzashop.local.finding import Finding
from pizzashop.roles import ORDER
from pizzashop.settings import Settings

MARK = "opened-as"
DIFFER = "the scheduler's data is missing, or older than the orders: those in flight stand still at first"
GO_ON = "nothing: they go on by themselves, a minute or two after the shop has opened"


def mark(state_dir: Path) -> bool:
    """Give the data of scheduler and store the same new mark; answers whether they had different ones."""
    differed = differ(state_dir)
    word = uuid4().hex
    for path in _marks(state_dir):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(word)
    return differed


def differ(state_dir: Path) -> bool:
    """Whether the scheduler's data is not that of the last opening; False where nothing was marked yet."""
    of_store, of_scheduler = (_read(path) for path in _marks(state_dir))
    return of_store is not None and of_scheduler != of_store


def findings(settings: Settings, *, is_open: bool) -> Iterator[Finding]:
    """What `doctor` says: while the shop is open by asking it, else by the marks."""
    if not is_open:
        if differ(settings.state_dir.expanduser().absolute()):
            yield Finding("Orders", "note", DIFFER, GO_ON)
        return
    # Where the staff signs in and no token is set, nobody answers; and a shop that does not says so elsewhere.
    with suppress(ShopError), Client(read=5.0, token=settings.staff_token) as client:
        still = client.get(f"http://127.0.0.1:{ORDER.port}/unsettled")["still"]
        named = ", ".join(still[:3]) + (" …" if len(still) > 3 else "")
        mend = "the shop goes on with them by itself; if one stays so, see the log of role workflow, or cancel it"
        if still:
            yield Finding("Orders", "note", f"{len(still)} stand still for a minute or longer: {named}", mend)
        else:
            yield Finding("Orders", "ok", "none in flight stands still")


def _marks(state_dir: Path) -> tuple[Path, Path]:
    return state_dir / "valkey" / MARK, state_dir / "scheduler" / MARK


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
