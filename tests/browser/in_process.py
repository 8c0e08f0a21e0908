"""A shop within the test's process, for what a page looks like: a browser's requests go straight to its storefront."""

from urllib.parse import urlsplit

from fakes.shop import FakeShop
from person import SHOP
from playwright.sync_api import BrowserContext, Request, Route

from pizzashop.roles import STOREFRONT

# The browser speaks for itself of these.
_NOT_PASSED_ON = frozenset({"host", "content-length", "connection", "accept-encoding"})


def serve(context: BrowserContext, shop: FakeShop) -> None:
    """Answer a browser with the pages of `shop`; they stay as they are loaded."""

    def answer(route: Route, request: Request) -> None:
        url = urlsplit(request.url)
        if url.path.startswith("/live/"):
            streams = "event-stream" in request.headers.get("accept", "")
            route.fulfill(status=503 if streams else 304, headers={"Retry-After": "600"})
            return
        headers = {name: value for name, value in request.headers.items() if name not in _NOT_PASSED_ON}
        reply = shop.client(STOREFRONT).open(
            f"{SHOP}{url.path}",
            query_string=url.query,
            method=request.method,
            headers=headers,
            data=request.post_data_buffer,
        )
        route.fulfill(status=reply.status_code, headers=dict(reply.headers), body=reply.data)

    context.route(f"{SHOP}/**", answer)
