"""What is secret on this machine: the key that signs sessions, and the links that sign in once."""

import json
import os
from contextlib import suppress
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_urlsafe

from pizzashop.access.accounts import write_private

KEY_FILE, LINK_FILE = "session.key", "sign-in-link.json"


def session_key(state_dir: Path) -> str:
    """The key that signs sessions: made once, then kept, so that they outlive a restart."""
    path = state_dir / KEY_FILE
    with suppress(FileNotFoundError):
        return path.read_text()
    state_dir.mkdir(parents=True, exist_ok=True)
    # Two processes may want one at once: whose link comes first has made it for both.
    made = state_dir / f".{KEY_FILE}.{os.getpid()}"
    write_private(made, token_urlsafe(48))
    with suppress(FileExistsError):
        os.link(made, path)
    made.unlink()
    return path.read_text()


def new_link(state_dir: Path, name: str) -> str:
    """A token that signs `name` in as manager, once; the one before it is worth nothing any more."""
    token = token_urlsafe(32)
    write_private(state_dir / LINK_FILE, json.dumps({"name": name, "digest": _digest(token)}))
    return token


def use_link(state_dir: Path, token: str) -> str | None:
    """The name that the token signs in; None where it was used, or is none."""
    path = state_dir / LINK_FILE
    try:
        kept = json.loads(path.read_text())
        if not compare_digest(kept["digest"], _digest(token)):
            return None
        # Of two who come at once, one removes it.
        path.unlink()
    except FileNotFoundError:
        return None
    return str(kept["name"])


def forget_link(state_dir: Path) -> None:
    """From now on no link signs anybody in."""
    (state_dir / LINK_FILE).unlink(missing_ok=True)


def _digest(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()
