"""Order ids that the shop generates: 60 random bits that people can read out, and write down in their own way."""

import re
import secrets
import unicodedata

# Crockford's base 32: no letter that looks like another (I, L, O), and no U.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP_LENGTH = 3, 4
# The ids of demonstration orders begin with it. They are not generated ids: a visitor can guess them.
DEMO_PREFIX = "demo-"

_GENERATED_ID = re.compile("-".join([f"[{ALPHABET}]{{{GROUP_LENGTH}}}"] * GROUPS))
_LOOKALIKES = str.maketrans("OIL", "011")
_SEPARATORS = re.compile(r"[\W_]+")


def generate_order_id() -> str:
    """Generate an id such as 7Q4K-M2XD-9ZRT. Nobody can guess it, and no two are the same in practice."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))


def is_generated_id(order_id: str) -> bool:
    """Return whether an id has the form of a generated id, which nobody can guess."""
    return _GENERATED_ID.fullmatch(order_id) is not None


def normalize_id(text: str) -> str:
    """Return the letters and digits of an id in capitals, without separators, with O as 0 and both I and L as 1."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text)).upper().translate(_LOOKALIKES)


def parse_generated_id(text: str) -> str | None:
    """Return the generated id that a person wrote in another way (7q4km2xd9zrt), None when it is not one."""
    if text.casefold().startswith(DEMO_PREFIX):
        return None
    characters = normalize_id(text)
    groups = (characters[at : at + GROUP_LENGTH] for at in range(0, len(characters), GROUP_LENGTH))
    order_id = "-".join(groups)
    return order_id if is_generated_id(order_id) else None
