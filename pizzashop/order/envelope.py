"""Dapr's bulk envelope: the events in it, each with its entry's id; one that cannot be read keeps no other back."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from pizzashop.body import MAX_BYTES, parse
from pizzashop.domain.errors import Invalid

Entries = list[tuple[Any, Any]]
"""Each event, after the id that Dapr wants its answer for."""

RAW = "application/octet-stream"
"""The content type of an event that the sidecar has not read: its bytes, in base64."""

# Match strings whole, so that brackets in them are ignored. A quote alone starts a string that is cut off.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|"|[\[\]{},]', re.DOTALL)
_START = re.compile(rb'\s*\{\s*"entries"\s*:\s*\[')
_ENTRY_ID = re.compile(rb'\s*\{\s*"entryId"\s*:\s*"([^"\\]{1,100})"')


def entries_in(raw: bytes) -> tuple[Any, Entries | None]:
    """Parse a request body: its content, and its entries if it is a bulk envelope, else None. Raises Invalid."""
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
    return content, [(row.get("entryId"), _event(row)) for row in rows]


def entries_in_start(raw: bytes) -> Entries | None:
    """The whole entries at the beginning of an envelope that is too large to be read; None where it is none.

    The sidecar delivers those again that have no answer: so the next delivery is smaller. An entry that is too large
    on its own is read as far as it goes, so that it does not come again for ever.
    """
    start = _START.match(raw)
    if start is None:
        return None
    array = raw[start.end() - 1 :]
    if whole := [_entry(text) for text in _parts(array) if text.strip()]:
        return whole
    entry_id = _ENTRY_ID.match(array, 1)
    return [(entry_id[1].decode(), _unreadable(array[1:], "It is too large"))] if entry_id else None


def _event(row: dict[str, Any]) -> Any:
    """The event of an entry, read from its bytes where the sidecar has not done that."""
    event = row.get("event")
    if row.get("contentType") != RAW or not isinstance(event, str):
        return event
    try:
        told = b64decode(event, validate=True)
    except binascii.Error:
        return event
    try:
        return parse(told)
    except Invalid as error:
        return _unreadable(told, str(error))


def _unreadable(told: bytes, why: str) -> dict[str, str]:
    return {"unreadable": told[:MAX_BYTES].decode(errors="replace"), "why": why}


def _entries_by_text(raw: bytes) -> Entries | None:
    """Split an envelope that is not valid JSON into its entries by brackets and commas, then parse each one."""
    entries = _members(raw).get(b"entries", b"")
    return [_entry(text) for text in _parts(entries) if text.strip()] if entries.startswith(b"[") else None


def _entry(text: bytes) -> tuple[Any, Any]:
    members, row = _members(text), dict[str, Any]()
    try:
        for name in ("entryId", "contentType", "event"):
            row[name] = parse(members.get(name.encode(), b"null"))
    except Invalid as error:
        # Keep the event's text only: the entry id differs at each delivery, and the event must be kept once.
        return row.get("entryId"), _unreadable(members.get(b"event", text), str(error))
    return row["entryId"], _event(row)


def _members(text: bytes) -> dict[bytes, bytes]:
    """The members of a JSON object as they are written, by name."""
    pairs = (part.partition(b":") for part in _parts(text))
    return {name.strip().strip(b'"'): value.strip() for name, _, value in pairs}


def _parts(text: bytes) -> Iterator[bytes]:
    """Yield the parts between the outermost brackets, split at the commas that are outside inner brackets."""
    depth = start = 0
    for token in _TOKEN.finditer(text):
        sign = token.group()
        if sign == b'"':
            return
        if sign in (b"]", b"}"):
            depth -= 1
        if (depth == 1 and sign == b",") or (depth == 0 and sign in (b"]", b"}")):
            yield text[start : token.start()]
            start = token.end()
        if sign in (b"[", b"{"):
            depth += 1
            start = token.end() if depth == 1 else start
