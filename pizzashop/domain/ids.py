"""Ids of the shop's own making: 60 random bits that people can read to each other, however they then write them."""

import re
import secrets
import unicodedata

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: nothing that looks like something else (I, L, O), and no U."""
GROUPS, LETTERS = 3, 4
DEMO_PREFIX = "demo-"
"""How the id of an invented order begins; it is none of the shop's own."""
_FORM = re.compile("-".join([f"[{ALPHABET}]{{{LETTERS}}}"] * GROUPS))
_READ_AS = str.maketrans("OIL", "011")
_NOT_SAID = re.compile(r"[\W_]+")


def generate_order_id() -> str:
    """A new id such as 7Q4K-M2XD-9ZRT; it cannot be guessed, and two alike are not to be expected."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(GROUPS))


def is_generated_id(order_id: str) -> bool:
    """Whether an id has the form of the shop's own, which nobody guesses."""
    return _FORM.fullmatch(order_id) is not None


def letters(text: str) -> str:
    """The letters and digits of an id as somebody wrote it, in capitals, with O as 0 and both I and L as 1."""
    return _NOT_SAID.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_READ_AS)


def parse_generated_id(text: str) -> str | None:
    """The shop's own id that somebody wrote in another way (7q4km2xd9zrt); None where it is none."""
    if text.casefold().startswith(DEMO_PREFIX):
        return None
    said = letters(text)
    order_id = "-".join(said[at : at + LETTERS] for at in range(0, len(said), LETTERS))
    return order_id if is_generated_id(order_id) else None
