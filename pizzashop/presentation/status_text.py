"""The words for what happens to an order: one text for the staff and the terminal, others for the customer."""

from pizzashop.domain.lifecycle import ACTION_TEXTS, DECISION_TABLE, STATUS_TABLE

_TEXTS = {row.name: row.text for row in (*STATUS_TABLE, *DECISION_TABLE)} | ACTION_TEXTS


def status_text(status: str) -> str:
    """Return the words for a status, a decision or an action; an unknown name with blanks for its underscores."""
    return _TEXTS.get(status) or status.replace("_", " ")


def entry_text(status: str, by: str | None = None, note: str | None = None) -> str:
    """Return the words for an entry of the history, with its author and note: `approved by ana: looks good`."""
    author = f" by {by}" if by else ""
    reason = f": {note}" if note else ""
    return f"{status_text(status)}{author}{reason}"


def remake_text(note: str | None = None) -> str:
    """Tell the customer that the pizza is made again, with the manager's note as the reason."""
    reason = (note or "").strip()
    if not reason:
        return "The manager asked for a new one. We're making it again."
    stop = "" if reason[-1] in ".!?" else "."
    return f"The manager asked for a new one: {reason}{stop} We're making it again."


def failure_text(error: str | None) -> str:
    """Tell the customer that the order failed; `error` is the technical text of the record."""
    error = error or ""
    if error.startswith("Pizza validation failed - no decision"):
        return "Nobody of us looked at it in time. We are sorry."
    if error.startswith("Pizza validation failed"):
        return "It did not pass the manager's look, and we will not bring you a bad pizza. We are sorry."
    if error.startswith("Delivery failed"):
        return "It was ready, and we could not bring it to you. We are sorry."
    return "Something went wrong on our side. We are sorry."
