"""The checks that `pizzashop doctor` makes of an open shop: do all parts answer, and how are the orders?"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from pizzashop.console.shop import ShopApi
from pizzashop.domain.history import seconds_since
from pizzashop.domain.lifecycle import Phase, status_text
from pizzashop.errors import NotFound, ShopError
from pizzashop.local.findings import Finding
from pizzashop.local.ports import http_ok
from pizzashop.presentation.times import running_text
from pizzashop.roles import ROLES
from pizzashop.settings import connectable_host

# A read that takes longer means a busy machine or a slow store.
_SLOW_READ_SECONDS = 0.5
# At most so many stuck orders are described.
_MAX_DESCRIBED = 3
_PLACES: dict[Phase, str] = {
    "to_make": "before the kitchen",
    "cooking": "in the kitchen",
    "deciding": "waiting for the manager",
    "ending": "being ended",
    "on_the_way": "on the way",
}


def check_open_shop(api: ShopApi, host: str) -> Iterator[Finding]:
    """Check the shop whose roles listen on `host`. Yield no findings about orders if it refuses to answer."""
    yield check_roles(host)
    # The shop refuses if the staff has to sign in and PIZZASHOP_STAFF_TOKEN is not set.
    with suppress(ShopError):
        yield check_reads(api)
        yield check_stuck_orders(api)
        yield check_late_orders(api)
        yield check_dead_letters(api)


def check_roles(host: str) -> Finding:
    """Check that each role and each sidecar answers."""
    address = connectable_host(host)
    silent = [role.name for role in ROLES if not http_ok(role.port, "/healthz", address)]
    silent += [f"sidecar-{role.name}" for role in ROLES if not http_ok(role.dapr_http_port, "/v1.0/healthz")]
    if not silent:
        return Finding("Roles", "ok", "all answer, and so do their sidecars")
    remedy = f"see what they say: pizzashop logs --role {silent[0]}"
    return Finding("Roles", "note", f"no answer from {', '.join(silent)}: their orders wait", remedy)


def check_reads(api: ShopApi) -> Finding:
    """Measure how long role `order` takes to read from the store."""
    began = time.monotonic()
    api.list_orders(limit=1)
    seconds = time.monotonic() - began
    found = f"role order reads an order in {seconds * 1000:.0f} ms"
    if seconds < _SLOW_READ_SECONDS:
        return Finding("Reads", "ok", found)
    return Finding(
        "Reads", "note", f"{found}, which is slow", "see what uses the CPU and the disk, and the store's log"
    )


def check_stuck_orders(api: ShopApi) -> Finding:
    """Check whether orders are stuck, and describe the first of them."""
    stuck = api.stuck_orders()
    if not stuck:
        return Finding("Orders", "ok", "none in flight is stuck")
    names = ", ".join(_describe_stuck_order(api, each) for each in stuck[:_MAX_DESCRIBED])
    found = f"{len(stuck)} made no progress for a minute or longer: {names}"
    remedy = "the shop recovers them by itself; if one stays stuck, see pizzashop logs with its id, or cancel it"
    return Finding("Orders", "note", found + (" …" if len(stuck) > _MAX_DESCRIBED else ""), remedy)


def check_late_orders(api: ShopApi) -> Finding:
    """Check whether open orders are late, and count them by the place where they are."""
    board = api.load_board()
    late = [row for row in board.orders if row.is_late(board.at)]
    if not late:
        return Finding("Late orders", "ok", f"none of {len(board.orders)} open ones")
    places = Counter(_PLACES.get(row.phase, row.phase) for row in late).most_common()
    longest = running_text(seconds_since(min(row.phase_since for row in late)))
    found = f"{len(late)} of {len(board.orders)} open ones: {', '.join(f'{n} {place}' for place, n in places)}"
    waits_for_manager = places[0][0] == _PLACES["deciding"]
    remedy = "pizzashop list --status pending_validation" if waits_for_manager else "pizzashop logs --level warning"
    return Finding("Late orders", "note", f"{found}; the longest for {longest}", remedy)


def check_dead_letters(api: ShopApi) -> Finding:
    """Check whether there are events that could not be applied."""
    if not api.list_dead_letters(limit=1)["events"]:
        return Finding("Dead letters", "ok", "none: every event was applied")
    return Finding("Dead letters", "note", "there are events that could not be applied", "pizzashop events")


def _describe_stuck_order(api: ShopApi, order_id: str) -> str:
    """Return the order's id, its stage and since when, and the state of its workflow in the engine."""
    record = api.get_order(order_id)
    try:
        workflow = f"workflow {api.workflow_status(order_id)}"
    except NotFound:
        workflow = "no workflow yet"
    since = running_text(seconds_since(record.history[-1].at)) if record.history else "ever"
    return f"{order_id} ({status_text(record.status)} for {since}, {workflow})"
