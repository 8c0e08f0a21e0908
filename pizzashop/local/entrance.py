"""How one gets in: the staff by a link, the roles and their sidecars by tokens that they know each other by."""

from secrets import token_urlsafe
from typing import NamedTuple, Self

from pizzashop.access.door import signs_in
from pizzashop.access.keys import new_link
from pizzashop.access.people import login
from pizzashop.local.health import name_of
from pizzashop.roles import STOREFRONT
from pizzashop.settings import Settings


class Entrance(NamedTuple):
    """Where whoever opens the shop begins; `guarded`: everybody else has to sign in, and the address works once."""

    address: str
    guarded: bool

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The entrance of a shop with these settings; makes a new link where the staff signs in."""
        shop = f"http://{name_of(settings.host)}:{STOREFRONT.port}"
        if not signs_in(settings):
            return cls(f"{shop}/manager", False)
        return cls(f"{shop}/sign-in?once={new_link(settings.state_dir.expanduser(), login())}", True)


def tokens(settings: Settings) -> dict[str, str]:
    """Where the staff signs in, what the roles and sidecars of a shop are told: given ones, else new ones."""
    if not signs_in(settings):
        return {}
    return {
        "APP_API_TOKEN": settings.app_api_token or token_urlsafe(32),
        "DAPR_API_TOKEN": settings.dapr_api_token or token_urlsafe(32),
    }
