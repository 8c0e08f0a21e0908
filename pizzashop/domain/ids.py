"""New ids of orders: 60 random bits that people can read to each other."""

import re
import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: nothing that looks like something else (I, L, O), and no U."""
GROUPS, LETTERS = 3, 4
_FORM = re.compile("-".join([f"[{ALPHABET}]{{{LETTERS}}}"] * GROUPS))


def new_id() -> str:
    """A new id such as 7Q4K-M2XD-9ZRT; it cannot be guessed, and two alike are not to be expected."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(GROUPS))


def is_own(order_id: str) -> bool:
    """Whether an id has the form of the shop's own, which nobody guesses."""
    return _FORM.fullmatch(order_id) is not None
