"""What the commands draw on a terminal: the progress and details of an order, the live view, and tables."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pizzashop.console.shop import OrderRecord
from pizzashop.domain.history import HistoryEntry, epoch_seconds, seconds_since
from pizzashop.domain.lifecycle import (
    ACCEPTED,
    COOK_STEP,
    DELIVER_STEP,
    DELIVERED,
    FAILED,
    HAPPY_PATH,
    ORDER_STEP,
    PENDING_VALIDATION,
    RANK,
    STEPS,
    entry_text,
    remake_text,
    status_text,
)
from pizzashop.domain.text import to_single_line
from pizzashop.presentation.progress import current_attempt
from pizzashop.presentation.times import clock_time, duration_text, running_text


class _StageGroup(NamedTuple):
    """Consecutive statuses of an order that are drawn as one row, with the row's label before and after them."""

    label_before: str
    label_after: str
    statuses: tuple[str, ...]


_CONFIRM = _StageGroup("confirming", "confirmed", (ACCEPTED, *ORDER_STEP.published_statuses))
_COOK = _StageGroup("cooking", "cooked", tuple(stage.status for stage in COOK_STEP.timed_stages))
_DECIDE = _StageGroup("the manager's look", "approved", (COOK_STEP.done_status, PENDING_VALIDATION))
_DELIVER = _StageGroup("on the way", "delivered", tuple(stage.status for stage in DELIVER_STEP.timed_stages))

_STAGE_SECONDS = {stage.status: stage.seconds for step in STEPS for stage in step.timed_stages}
_ORDER_SECONDS = sum(_STAGE_SECONDS.values())
_CONFIRM_SECONDS = ORDER_STEP.seconds

_State = Literal["done", "now", "paused", "next", "again", "failed", "cancelled"]
_SYMBOLS: dict[_State, tuple[str, str]] = {
    "done": ("✓", "green"),
    "now": ("●", "bold"),
    "paused": ("●", "yellow"),
    "next": ("○", "dim"),
    "again": ("↺", "yellow"),
    "failed": ("✗", "red"),
    "cancelled": ("✗", "dim"),
}
# These widths are in terminal cells.
_LABEL_WIDTH = 26
_TIME_WIDTH = 6
_BAR_WIDTH = 36
_INDENT = 2
_PIZZA_COLUMN_WIDTH = 32


class _Row(NamedTuple):
    """One group of stages: `seconds` is its duration so far, `note` may name a command that the user may need now."""

    state: _State
    label: str
    seconds: float | None = None
    note: Text = Text()


class LiveView:
    """Draw a watched order, and draw it again whenever it changes; the last picture stays on the terminal."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._record: OrderRecord | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def show(self, record: OrderRecord) -> None:
        """Draw the present state of the order."""
        self._record = record
        self._live.update(order_progress(record), refresh=True)

    def show_outage(self, seconds: float) -> None:
        """Add a line that says for how long the shop has not answered."""
        if self._record:
            # A shorter outage would only make a line flicker.
            notice = f"no answer from the shop for {running_text(seconds)}, trying again" if seconds >= 1 else ""
            self._live.update(order_progress(self._record, notice), refresh=True)


def order_progress(record: OrderRecord, notice: str = "") -> RenderableType:
    """Draw an order's progress as rows and as a bar, then how the order ended. Before its end, draw `notice`."""
    title = Text.assemble("Order ", (record.order_id, "bold"), "   ", record.pizza)
    parts: list[RenderableType] = [title, _AlignedRows(_progress_rows(record)), _indented(_progress_bar(record))]
    if last_line := _ending_text(record) or notice:
        parts.append(_indented(Text(last_line, style="" if record.is_final else "dim")))
    return Group(*parts)


def order_details(record: OrderRecord, workflow_status: str | None) -> RenderableType:
    """Draw an order's progress, its data and its history; `workflow_status` is None if no workflow was started."""
    data = Table.grid(padding=(0, 3, 0, 0))
    paused = ", paused" if record.paused else ""
    data.add_row("status", f"{record.status}, attempt {record.attempt}{paused}")
    data.add_row("workflow", f"pizza-order-{record.order_id}  {to_single_line(workflow_status or 'not started')}")
    if record.error:
        data.add_row("error", Text(to_single_line(record.error)))
    customer = record.order.get("customer") or {}
    if given := [str(customer[name]) for name in ("name", "address", "phone") if customer.get(name)]:
        data.add_row("customer", Text(to_single_line(", ".join(given))))

    history = Table.grid(padding=(0, 3, 0, 0))
    for entry in record.history:
        attempt = f" ({entry.attempt})" if record.attempt > 1 else ""
        text = to_single_line(entry_text(entry.status, entry.by, entry.note))
        history.add_row(clock_time(entry.at), Text(text), Text(entry.status + attempt, style="dim"))
    return Group(order_progress(record), Text(), _indented(data), Text(), _indented(history))


def order_table(records: Sequence[OrderRecord]) -> str:
    """Return a table with one line for each order: its id, pizza, status, and how long it has had this status."""
    return table([("ORDER", "PIZZA", "STATUS", "FOR"), *map(_order_cells, records)])


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as aligned columns. A column's width is counted in terminal cells, not in characters."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(set_cell_size, row, widths)).rstrip() for row in rows)


def progress_fraction(record: OrderRecord) -> float:
    """Return the finished part of an order, from 0 to 1, by the time that its stages take."""
    if record.status == DELIVERED:
        return 1.0
    attempt = current_attempt(record)
    stages = record.begun_stages(attempt, HAPPY_PATH)
    if not stages:
        # A pizza that is made again starts in the kitchen.
        return _CONFIRM_SECONDS / _ORDER_SECONDS if attempt > 1 else 0.0
    latest = max(stages, key=lambda entry: RANK[entry.status])
    seconds = sum(seconds for status, seconds in _STAGE_SECONDS.items() if RANK[status] < RANK[latest.status])
    if not record.is_final:
        # The shop's pace is not known here: a stage counts for its duration at pace 1 at most.
        seconds += min(seconds_since(latest.at), _STAGE_SECONDS.get(latest.status, 0.0))
    return min(1.0, seconds / _ORDER_SECONDS)


class _AlignedRows:
    """Draw rows with aligned columns; a note that does not fit beside its row goes on the next line."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self._rows = rows

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        label_width = max(_LABEL_WIDTH, *(cell_len(row.label) for row in self._rows))
        for row in self._rows:
            line = _row_text(row, label_width)
            if line.cell_len + 2 + row.note.cell_len <= options.max_width - _INDENT:
                yield _indented(Text.assemble(line, "  ", row.note) if row.note else line)
            else:
                yield _indented(line)
                yield _indented(row.note, 2 * _INDENT)


def _row_text(row: _Row, label_width: int) -> Text:
    symbol, style = _SYMBOLS[row.state]
    label = Text(row.label, style=style if row.state in ("now", "next") else "", end="")
    label.pad_right(label_width - label.cell_len)
    time = ""
    if row.seconds is not None:
        time = running_text(row.seconds) if row.state in ("now", "paused") else duration_text(row.seconds)
    line = Text.assemble((symbol, style), " ", label, "  ", time.rjust(_TIME_WIDTH))
    line.no_wrap, line.overflow = True, "ellipsis"
    line.rstrip()
    return line


def _progress_bar(record: OrderRecord) -> RenderableType:
    fraction = progress_fraction(record)
    style = "yellow" if record.paused else "green"
    if record.is_final and record.status != DELIVERED:
        style = "dim"
    bar = ProgressBar(total=1.0, completed=fraction, width=_BAR_WIDTH, complete_style=style, finished_style=style)
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_row(bar, f"{fraction:.0%}")
    return line


def _indented(part: RenderableType, indent: int = _INDENT) -> Padding:
    return Padding(part, (0, 0, 0, indent), expand=False)


def _ending_text(record: OrderRecord) -> str:
    """Return a sentence about how the order ended; an empty text while it has not ended."""
    if not record.is_final:
        return ""
    last = record.last_entry(record.status)
    if record.status == DELIVERED:
        duration = f" in {running_text(_seconds_between(record.history[0], last))}" if last else ""
        return f"Delivered{duration}. Enjoy your pizza!"
    if record.status == FAILED:
        return f"The order failed: {to_single_line(record.error or 'no reason is known').rstrip('.')}."
    text = entry_text(record.status, last.by, last.note) if last else "cancelled"
    return f"The order was {to_single_line(text).rstrip('.')}."


def _order_cells(record: OrderRecord) -> tuple[str, str, str, str]:
    pizza = Text(record.pizza)
    pizza.truncate(_PIZZA_COLUMN_WIDTH, overflow="ellipsis")
    status = f"paused: {status_text(record.status)}" if record.paused else status_text(record.status)
    if record.attempt > 1:
        status += f" (pizza {record.attempt})"
    age = running_text(seconds_since(record.history[-1].at)) if record.history else ""
    return record.order_id, pizza.plain, status, age


def _progress_rows(record: OrderRecord) -> list[_Row]:
    """Return a row for each group of stages of each attempt, in the order in which they happen."""
    current = current_attempt(record)
    rows = [_group_row(record, 1, _CONFIRM)]
    for attempt in range(1, current + 1):
        rows += [_group_row(record, attempt, _COOK), _group_row(record, attempt, _DECIDE)]
    rows.append(_group_row(record, current, _DELIVER))
    if record.is_final:
        # A stage that has not begun will not begin any more.
        return [row for row in rows if row.state != "next"]
    states = [row.state for row in rows]
    if "next" in states and not {"now", "paused"} & set(states):
        # Between two groups of stages the next one counts as the current one.
        index = states.index("next")
        rows[index] = rows[index]._replace(state="paused" if record.paused else "now")
    return rows


def _group_row(record: OrderRecord, attempt: int, group: _StageGroup) -> _Row:
    stages = record.begun_stages(attempt, HAPPY_PATH)
    entries = [entry for entry in stages if entry.status in group.statuses]
    if group is _DECIDE and (decision := record.decision_of(attempt)):
        return _decision_row(record, entries, decision)
    following = next((entry for entry in stages if RANK[entry.status] > RANK[group.statuses[-1]]), None)
    if following or (entries and record.status == DELIVERED):
        return _Row("done", group.label_after, _seconds_to(entries, following))
    if not entries:
        return _Row("next", group.label_before)
    latest = entries[-1]
    label = status_text(latest.status)
    if record.is_final:
        seconds = _seconds_to(entries, record.last_entry(record.status))
        return _Row("failed" if record.status == FAILED else "cancelled", label, seconds)
    seconds = seconds_since(latest.at)
    if record.paused:
        note = Text.assemble("go on: ", (f"pizzashop resume {record.order_id}", "bold"))
        return _Row("paused", f"paused: {label}", seconds, note)
    if latest.status == PENDING_VALIDATION:
        note = Text.assemble("approve it: ", (f"pizzashop approve {record.order_id}", "bold"))
        return _Row("now", label, seconds, note)
    return _Row("now", label, seconds)


def _decision_row(record: OrderRecord, entries: Sequence[HistoryEntry], decision: HistoryEntry) -> _Row:
    note = to_single_line(decision.note or "")
    label = to_single_line(entry_text(decision.status, decision.by))
    if not entries:
        return _Row("next", _DECIDE.label_before, note=Text(f"{label} already"))
    seconds = _seconds_to(entries, decision)
    if decision.status == "approved":
        return _Row("done", label, seconds, Text(note))
    if decision.status == "remake" and (not record.is_final or decision.attempt < record.attempt):
        by = f" by {to_single_line(decision.by)}" if decision.by else ""
        return _Row("again", f"sent back{by}", seconds, Text(remake_text(note)))
    return _Row("failed", label, seconds, Text(note))


def _seconds_to(entries: Sequence[HistoryEntry], end: HistoryEntry | None) -> float | None:
    """Return the seconds from the first of the entries to `end`; None if one of them is not known."""
    return _seconds_between(entries[0], end) if entries and end else None


def _seconds_between(earlier: HistoryEntry, later: HistoryEntry) -> float:
    # The clocks of two machines differ, so the later entry may have the earlier time.
    return max(0.0, epoch_seconds(later.at) - epoch_seconds(earlier.at))
