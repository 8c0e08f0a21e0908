"""Text that people write: what is removed from it, what is refused, and how a phone number becomes a link."""

import re
import unicodedata

# Phones, word processors and contact lists add these by themselves; nobody sees them.
SOFT_HYPHEN, BYTE_ORDER_MARK = "\u00ad", "\ufeff"
# Directional embeddings, overrides and isolates: left open, they turn around the text that follows.
_DIRECTIONS = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_REMOVED = dict.fromkeys(map(ord, SOFT_HYPHEN + BYTE_ORDER_MARK + _DIRECTIONS))

# Control characters, lone surrogates, private use, and the separators of lines and paragraphs.
_REFUSED = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
# Format characters, such as joiners: they shape other characters and are nothing by themselves.
_INVISIBLE = frozenset({"Cf", "Mn"})

_DOTLESS_I = "\u0131"
_KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
_EXTENSION = re.compile(r"(?P<number>.*?)\s*[,;]?\s*(?:extension|ext\.?|x|#)\s*(?P<extension>[0-9]+)\Z", re.IGNORECASE)
_SLASH_IN_NUMBER = re.compile(r"(?<=[0-9)])/(?=[0-9(])")
_NUMBER = re.compile(r"\+?[0-9().*-]*[0-9][0-9().*-]*\Z")
# What E.164 allows.
_MOST_DIGITS = 15


def remove_invisible(text: str) -> str:
    """Remove what nobody meant to write: soft hyphens, byte order marks, directional marks. Joiners stay."""
    return text if text.isascii() else text.translate(_REMOVED)


def is_readable(text: str) -> bool:
    """Whether a person can read the text once it is clean: no control characters, and not only invisible ones."""
    # An unassigned character is most often an emoji that is newer than this Python.
    categories = {unicodedata.category(each) for each in remove_invisible(text)}
    return not categories & _REFUSED and bool(categories - _INVISIBLE)


def to_single_line(text: object) -> str:
    """Make a text of somebody else safe to show: clean, and a blank for each character that is refused."""
    cleaned = remove_invisible(str(text))
    if cleaned.isprintable():
        return cleaned
    return "".join(" " if unicodedata.category(each) in _REFUSED else each for each in cleaned)


def fold(text: str) -> str:
    """Reduce a text to what a search compares: without case, accents, joiners and repeated blanks."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", remove_invisible(text).casefold())
        # Accents of Latin, Greek and Cyrillic letters only: elsewhere such marks are letters of their own.
        kept = (each for each in decomposed if not "\u0300" <= each <= "\u036f" and unicodedata.category(each) != "Cf")
        text = "".join(kept).replace(_DOTLESS_I, "i")
    return " ".join(text.casefold().split())


def count_phone_digits(phone: str) -> int:
    """Count the digits of a phone number; Latin letters count where it has digits too (1-800-PIZZA)."""
    digits = sum(each.isdigit() for each in phone)
    return digits + sum(each.isascii() and each.isalpha() for each in phone) if digits else 0


def phone_url(phone: str) -> str:
    """The `tel:` URL (RFC 3966) of a phone number as people write it; empty where it cannot be dialled.

    Capital letters are dialled as on a keypad; words in small letters are no part of a number.
    """
    number, extension = unicodedata.normalize("NFKC", remove_invisible(phone)).strip(), ""
    if found := _EXTENSION.match(number):
        number, extension = found["number"], f";ext={found['extension']}"
    dialled = "".join(map(_dialled, _SLASH_IN_NUMBER.sub("", number)))
    # What begins with a letter is a word.
    if number[:1].isalpha() or not _NUMBER.match(dialled):
        return ""
    return f"tel:{dialled}{extension}" if sum(map(str.isdigit, dialled)) <= _MOST_DIGITS else ""


def _dialled(each: str) -> str:
    if each.isdecimal():
        return str(unicodedata.decimal(each))
    category = unicodedata.category(each)
    if category == "Pd":
        return "-"
    return "" if each.isspace() or category == "Cf" else each.translate(_KEYPAD)
