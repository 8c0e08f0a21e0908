"""`pizzashop events`: what could not be applied and was kept aside; replay it, or drop it."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from pizzashop.console.output import one_line_text
from pizzashop.console.session import Session, as_json, echo_json, pass_session, run_for_each
from pizzashop.console.tables import table
from pizzashop.domain.history import seconds_since
from pizzashop.errors import Conflict, ShopError
from pizzashop.presentation.times import running_text

Row = Mapping[str, Any]

_HEAD = ("EVENT", "ORDER", "FOR", "REASON")


def _valid_id(text: str) -> str:
    if not text.replace("-", "").isalnum() or not text.isascii() or len(text) > 64:
        raise click.BadParameter("an event's id is what `pizzashop events` shows")
    return text


@click.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="At most so many.")
@click.option("--after", help="Go on after this event, which the page before names.")
@as_json
@click.pass_context
def events(ctx: click.Context, limit: int, after: str | None, as_json: bool) -> None:
    """List the events that could not be applied and are kept aside, newest first.

    \b
    pizzashop events
    pizzashop events --json | jq '.events[].reason'
    pizzashop events replay --all
    """
    if ctx.invoked_subcommand is None:
        _show(limit=limit, after=after, as_json=as_json)


@pass_session
def _show(desk: Session, limit: int, after: str | None, as_json: bool) -> None:
    page = desk.shop.kept_events({"limit": str(limit)} | ({"after": after} if after else {}))
    if as_json:
        echo_json(page)
        return
    click.echo(_listing(page.get("events") or ()))
    if page.get("next"):
        click.echo(f"\nThere are more: pizzashop events --limit {limit} --after {one_line_text(page['next'])}")


@events.command()
@click.argument("event_ids", metavar="ID...", type=_valid_id, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that are kept.")
@as_json
@pass_session
def replay(desk: Session, event_ids: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Apply kept events anew: what can be applied by now leaves the list, the rest stays.

    \b
    pizzashop events replay 20261123T213343120456-1a2b3c4d5e6f
    pizzashop events replay --all

    Ends with 4 where an event stays kept.
    """
    if bool(event_ids) == everything:
        raise click.UsageError("Name the events, or say --all.")
    rows = {row["id"]: row for row in desk.shop.replay_all()} if everything else {}
    run_for_each(
        rows or event_ids, lambda one: _outcome(rows.get(one) or desk.shop.replay(one)), as_json=as_json, key="id"
    )


@events.command()
@click.argument("event_ids", metavar="ID...", type=_valid_id, nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask first.")
@as_json
@pass_session
def drop(desk: Session, event_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Forget kept events, for good. Asks first; in a script say --yes.

    \b
    pizzashop events drop 20261123T213343120456-1a2b3c4d5e6f
    """
    if not yes and not desk.asks:
        raise click.UsageError("Nobody is here to be asked: say --yes to drop.")

    def ask_and_drop(event_id: str) -> tuple[str, dict[str, Any]]:
        kept = desk.shop.kept_event(event_id)
        if not yes and not click.confirm(f"Drop event {event_id} ({one_line_text(kept.get('reason'))})?", err=True):
            raise ShopError("Not dropped.")
        desk.shop.drop(event_id)
        return f"Event {event_id} is dropped.", {"id": event_id, "dropped": True}

    run_for_each(event_ids, ask_and_drop, as_json=as_json, key="id")


def _outcome(row: Row) -> tuple[str, dict[str, Any]]:
    if not row.get("replayed"):
        raise Conflict(f"It stays kept: {one_line_text(row.get('reason'))}")
    order = f", of order {one_line_text(row['order_id'])}" if row.get("order_id") else ""
    return f"Event {one_line_text(row.get('id'))}{order}, is applied.", dict(row)


def _listing(rows: Sequence[Row]) -> str:
    if not rows:
        return "No events are kept aside."
    return table([_HEAD, *(_line(row) for row in rows)])


def _line(row: Row) -> tuple[str, str, str, str]:
    age = running_text(seconds_since(row["at"])) if row.get("at") else ""
    return (
        one_line_text(row.get("id")),
        one_line_text(row.get("order_id") or "-"),
        age,
        one_line_text(row.get("reason")),
    )
