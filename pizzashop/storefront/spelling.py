"""Addresses as people type them: a browser is redirected to the page that they mean."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect

from pizzashop.domain import errors
from pizzashop.domain.ids import own_id

_AT_THE_END = "/.,;:!? "
"""What an address takes along from the sentence in which it stood."""

View = Callable[[str], ResponseReturnValue]


def without_trailing_slash(response: Response) -> Response:
    """Redirect an address that nothing has to the one without the slash at its end, where a page has that."""
    # Not before the request: whether this host is known is asked first.
    unknown = response.status_code == HTTPStatus.NOT_FOUND and isinstance(request.routing_exception, NotFound)
    if not unknown or request.method not in ("GET", "HEAD"):
        return response
    adapter = current_app.create_url_adapter(request)
    assert adapter is not None
    try:
        endpoint, arguments = adapter.match(request.path.rstrip(_AT_THE_END) or "/", method="GET")
    except (HTTPException, RequestRedirect):
        return response
    # What programs ask for has one spelling.
    return _redirect(endpoint, **arguments, **request.args.to_dict()) if endpoint.startswith("pages.") else response


def however_spelled(view: View) -> View:
    """Redirect an id that no order has to the one that it spells, such as 7q4km2xd9zrt to 7Q4K-M2XD-9ZRT."""

    @wraps(view)
    def find(order_id: str) -> ResponseReturnValue:
        try:
            return view(order_id)
        except errors.NotFound:
            meant = own_id(order_id) or order_id.strip(_AT_THE_END)
            if meant in ("", order_id):
                raise
            assert request.endpoint is not None
            return _redirect(request.endpoint, order_id=meant)

    return find


def _redirect(endpoint: str, **arguments: Any) -> Response:
    return Response(status=HTTPStatus.FOUND, headers={"Location": url_for(endpoint, **arguments)})
