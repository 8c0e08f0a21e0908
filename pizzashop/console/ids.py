"""Order ids as somebody types them."""

import click

from pizzashop.domain.ids import own_id
from pizzashop.domain.requests import ORDER_ID_FORM


def valid_id(text: str) -> str:
    """Check the shape of an id that was typed, before the shop is asked."""
    if not ORDER_ID_FORM.fullmatch(text):
        raise click.BadParameter("an id is 1 to 64 letters, digits, _ or -; the first a letter or digit")
    return text


def spelled_id(text: str) -> str:
    """The same of an order that there is: one of the shop's own may be written in any way (`7q4k m2xd 9zrt`)."""
    said = text.strip()
    return said if ORDER_ID_FORM.fullmatch(said) else own_id(said) or valid_id(text)
