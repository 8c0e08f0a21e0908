"""Text that people write: remove invisible characters, refuse control characters, fold it for search, link phones."""

import re
import unicodedata

# Phones, word processors and contact lists add these characters; they are invisible.
SOFT_HYPHEN, BYTE_ORDER_MARK = "\u00ad", "\ufeff"
# Directional embeddings, overrides and isolates: an unclosed one reverses the text that follows it.
_DIRECTIONS = "".join(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
_REMOVED = dict.fromkeys(map(ord, SOFT_HYPHEN + BYTE_ORDER_MARK + _DIRECTIONS))

# Control characters, lone surrogates, private use, and the separators of lines and paragraphs.
_REFUSED = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
# Format characters, such as joiners: they change other characters and show nothing on their own.
_INVISIBLE = frozenset({"Cf", "Mn"})

_DOTLESS_I = "\u0131"
_KEYPAD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "22233344455566677778889999")
_EXTENSION = re.compile(r"(?P<number>.*?)\s*[,;]?\s*(?:extension|ext\.?|x|#)\s*(?P<extension>[0-9]+)\Z", re.IGNORECASE)
_SLASH_IN_NUMBER = re.compile(r"(?<=[0-9)])/(?=[0-9(])")
_NUMBER = re.compile(r"\+?[0-9().*-]*[0-9][0-9().*-]*\Z")
# E.164 allows no longer number.
_MAX_DIGITS = 15


def remove_invisible(text: str) -> str:
    """Remove soft hyphens, byte order marks and directional marks, which nobody types on purpose. Joiners stay."""
    return text if text.isascii() else text.translate(_REMOVED)


def is_readable(text: str) -> bool:
    """Return whether a text has a visible character and no control characters, `remove_invisible` applied."""
    # Accept unassigned characters: most often they are emoji that are newer than this Python.
    categories = {unicodedata.category(each) for each in remove_invisible(text)}
    return not categories & _REFUSED and bool(categories - _INVISIBLE)


def to_single_line(text: object) -> str:
    """Make a text from outside safe to show: remove invisible characters, replace control characters by blanks."""
    cleaned = remove_invisible(str(text))
    if cleaned.isprintable():
        return cleaned
    return "".join(" " if unicodedata.category(each) in _REFUSED else each for each in cleaned)


def fold(text: str) -> str:
    """Reduce a text to the form that search compares: no case, accents, joiners or repeated blanks."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", remove_invisible(text).casefold())
        # Drop accents of Latin, Greek and Cyrillic letters only: in other scripts such marks are letters.
        kept = (each for each in decomposed if not "\u0300" <= each <= "\u036f" and unicodedata.category(each) != "Cf")
        text = "".join(kept).replace(_DOTLESS_I, "i")
    return " ".join(text.casefold().split())


def count_phone_digits(phone: str) -> int:
    """Count the digits of a phone number. Latin letters count too if it has a digit (1-800-PIZZA)."""
    digits = sum(each.isdigit() for each in phone)
    return digits + sum(each.isascii() and each.isalpha() for each in phone) if digits else 0


def phone_url(phone: str) -> str:
    """Return the `tel:` URL (RFC 3966) of a phone number as people write it; empty when it cannot be dialled.

    Capital letters become the digits of a keypad; words in small letters are not part of a number.
    """
    number, extension = unicodedata.normalize("NFKC", remove_invisible(phone)).strip(), ""
    if found := _EXTENSION.match(number):
        number, extension = found["number"], f";ext={found['extension']}"
    dialled = "".join(map(_to_dialled, _SLASH_IN_NUMBER.sub("", number)))
    # A text that begins with a letter is a word, not a number.
    if number[:1].isalpha() or not _NUMBER.match(dialled):
        return ""
    return f"tel:{dialled}{extension}" if sum(map(str.isdigit, dialled)) <= _MAX_DIGITS else ""


def _to_dialled(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    if category == "Pd":
        return "-"
    return "" if character.isspace() or category == "Cf" else character.translate(_KEYPAD)
