"""Orders in flight that are stuck: what `up` and `doctor` say of them.

The scheduler's data holds the timers and reminders that orders wait for; the store holds the orders. Each opening
writes the same mark into the directories `scheduler/` and `valkey/`. If the marks differ at the next opening, the
scheduler's data was lost, or restored from an older copy.
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
DIFFER = "the scheduler's data is missing, or older than the orders in flight"
GO_ON = "Orders in flight are stuck at first, and go on by themselves within two minutes after the opening."


def mark(state_dir: Path) -> bool:
    """Write a new mark to the data of scheduler and store; answers whether they had different ones."""
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
    # Where the staff signs in and PIZZASHOP_STAFF_TOKEN is not set, the shop refuses to answer.
    with suppress(ShopError), Client(read=5.0, token=settings.staff_token) as client:
        stuck = client.get(f"http://127.0.0.1:{ORDER.port}/unsettled")["stuck"]
        named = ", ".join(stuck[:3]) + (" …" if len(stuck) > 3 else "")
        mend = "the shop goes on with them by itself; if one stays so, see the log of role workflow, or cancel it"
        if stuck:
            yield Finding("Orders", "note", f"{len(stuck)} made no progress for a minute or longer: {named}", mend)
        else:
            yield Finding("Orders", "ok", "none in flight is stuck")


def _marks(state_dir: Path) -> tuple[Path, Path]:
    return state_dir / "valkey" / MARK, state_dir / "scheduler" / MARK


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None
