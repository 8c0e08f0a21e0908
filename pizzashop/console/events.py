"""`pizzashop events`: list, replay and drop dead letters, which are events that could not be applied."""

from typing import Any

import click

from pizzashop.console.command import (
    CommandContext,
    Outcome,
    confirm,
    echo_json,
    json_option,
    pass_command_context,
    run_for_each,
    yes_option,
)
from pizzashop.console.render import table
from pizzashop.domain.history import seconds_since
from pizzashop.domain.text import to_single_line
from pizzashop.errors import Conflict
from pizzashop.presentation.times import running_text


def _parse_event_id(text: str) -> str:
    if not text.replace("-", "").isalnum() or not text.isascii() or len(text) > 64:
        raise click.BadParameter("an event's id is what `pizzashop events` shows")
    return text


@click.group(invoke_without_command=True)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="Show at most this many.")
@click.option("--after", help="Continue after this event, which the page before names.")
@json_option
@click.pass_context
def events(ctx: click.Context, limit: int, after: str | None, as_json: bool) -> None:
    """List the dead letters: the events that could not be applied, newest first.

    \b
    pizzashop events
    pizzashop events --json | jq '.events[].reason'
    pizzashop events replay --all
    """
    if ctx.invoked_subcommand is not None:
        return
    page = ctx.ensure_object(CommandContext).shop.list_dead_letters(limit=limit, after=after)
    if as_json:
        echo_json(page)
        return
    if rows := page.get("events"):
        click.echo(table([("EVENT", "ORDER", "FOR", "REASON"), *map(_cells, rows)]))
    else:
        click.echo("There are no dead letters.")
    if page.get("next"):
        click.echo(f"\nThere are more: pizzashop events --limit {limit} --after {to_single_line(page['next'])}")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    age = running_text(seconds_since(row["at"])) if row.get("at") else ""
    return tuple(map(to_single_line, (row.get("id"), row.get("order_id") or "-", age, row.get("reason"))))


@events.command()
@click.argument("event_ids", metavar="ID...", type=_parse_event_id, nargs=-1)
@click.option("--all", "replay_all", is_flag=True, help="Replay all dead letters.")
@json_option
@pass_command_context
def replay(context: CommandContext, event_ids: tuple[str, ...], replay_all: bool, as_json: bool) -> None:
    """Apply dead letters again. Those that can be applied now leave the list; the others stay.

    \b
    pizzashop events replay 20261123T213343120456-1a2b3c4d5e6f
    pizzashop events replay --all

    Ends with 4 if one of them stays.
    """
    if bool(event_ids) == replay_all:
        raise click.UsageError("Name the events, or use --all.")
    outcomes = {row["id"]: row for row in context.shop.replay_all_dead_letters()} if replay_all else {}

    def replay_one(event_id: str) -> Outcome:
        row = outcomes.get(event_id) or context.shop.replay_dead_letter(event_id)
        if not row.get("replayed"):
            raise Conflict(f"It still cannot be applied: {to_single_line(row.get('reason'))}")
        order = f", of order {to_single_line(row['order_id'])}" if row.get("order_id") else ""
        return f"Event {to_single_line(row.get('id'))}{order}, is applied.", row

    run_for_each(outcomes or event_ids, replay_one, as_json=as_json, id_field="id")


@events.command()
@click.argument("event_ids", metavar="ID...", type=_parse_event_id, nargs=-1, required=True)
@yes_option
@json_option
@pass_command_context
def drop(context: CommandContext, event_ids: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete dead letters, for good. Asks first; in a script use --yes.

    \b
    pizzashop events drop 20261123T213343120456-1a2b3c4d5e6f
    """

    def confirm_and_drop(event_id: str) -> Outcome:
        dead_letter = context.shop.get_dead_letter(event_id)
        if not yes:
            confirm(f"Drop event {event_id} ({to_single_line(dead_letter.get('reason'))})?", refusal="Not dropped.")
        context.shop.drop_dead_letter(event_id)
        return f"Event {event_id} is dropped.", {"id": event_id, "dropped": True}

    run_for_each(event_ids, confirm_and_drop, as_json=as_json, id_field="id")
