"""Order ids: the shape that the shop takes, and new ones that people can read to each other."""

import re
import secrets

import click

from pizzashop.domain.requests import ORDER_ID

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Nothing that looks like something else (0 and O, 1, I and L, U and V)."""


def new_id() -> str:
    """A new id such as 7Q4K-M2XD; two alike are not to be expected (30^8 of them)."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"


def valid_id(text: str) -> str:
    """Check the shape of an id that was typed, before the shop is asked."""
    if not re.fullmatch(ORDER_ID, text):
        raise click.BadParameter("an id is 1 to 64 letters, digits, _ or -; the first a letter or digit")
    return text
