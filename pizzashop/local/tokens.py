"""The tokens by which the roles and their sidecars know each other."""

from secrets import token_urlsafe

from pizzashop.access.door import signs_in
from pizzashop.settings import Settings


def tokens(settings: Settings) -> dict[str, str]:
    """Where the staff signs in, what the roles and sidecars of a shop are told: given ones, else new ones."""
    if not signs_in(settings):
        return {}
    return {
        "APP_API_TOKEN": settings.app_api_token or token_urlsafe(32),
        "DAPR_API_TOKEN": settings.dapr_api_token or token_urlsafe(32),
    }
