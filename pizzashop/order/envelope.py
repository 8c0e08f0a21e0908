"""Dapr's bulk envelope: the events in it, each with its entry's id; one that cannot be read keeps no other back."""

import re
from collections.abc import Iterator
from typing import Any

from pizzashop.body import MAX_BYTES, parse
from pizzashop.domain.errors import Invalid

Entries = list[tuple[Any, Any]]
"""Each event, after the id that Dapr wants its answer for."""

# Strings whole, so that nothing in one counts.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},]', re.DOTALL)


def entries_in(raw: bytes) -> tuple[Any, Entries | None]:
    """What the body says, and the entries of the envelope that it is (None: it is none); raises Invalid."""
    try:
        content = parse(raw)
    except Invalid:
        entries = _entries_by_text(raw)
        if entries is None:
            raise
        return None, entries
    entries = content.get("entries") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return content, None
    rows: list[dict[str, Any]] = [each if isinstance(each, dict) else {} for each in entries]
    return content, [(row.get("entryId"), row.get("event")) for row in rows]


def _entries_by_text(raw: bytes) -> Entries | None:
    """Of an envelope that cannot be read as a whole: entry by entry, cut without looking into them."""
    entries = _members(raw).get(b"entries", b"")
    return [_entry(text) for text in _parts(entries) if text.strip()] if entries.startswith(b"[") else None


def _entry(text: bytes) -> tuple[Any, Any]:
    members, entry_id = _members(text), None
    try:
        entry_id = parse(members.get(b"entryId", b"null"))
        return entry_id, parse(members.get(b"event", b"null"))
    except Invalid as error:
        # Without the entry's id, which is another one at each delivery.
        told = members.get(b"event", text)[:MAX_BYTES]
        return entry_id, {"unreadable": told.decode(errors="replace"), "why": str(error)}


def _members(text: bytes) -> dict[bytes, bytes]:
    """The members of a JSON object as they are written, by name."""
    pairs = (part.partition(b":") for part in _parts(text))
    return {name.strip().strip(b'"'): value.strip() for name, _, value in pairs}


def _parts(text: bytes) -> Iterator[bytes]:
    """What stands between the outermost brackets, cut at the commas that are in no inner one."""
    depth = start = 0
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and sign == b",") or (depth == 0 and sign in (b"]", b"}")):
            yield text[start : token.start()]
            start = token.end()
        if sign in (b"[", b"{"):
            depth += 1
            start = token.end() if depth == 1 else start
