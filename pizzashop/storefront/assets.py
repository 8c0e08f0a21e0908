"""The files that pages load: style, scripts and pictures, under an address that changes when they do."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, send_from_directory, url_for

ROOT = Path(__file__).parent / "static"
YEAR = 365 * 86400

blueprint = Blueprint("assets", __name__)


@cache
def version() -> str:
    """A mark of all files together, which scripts that load one another then share."""
    files = sorted(path for path in ROOT.rglob("*") if path.is_file())
    return sha256(b"".join(path.name.encode() + path.read_bytes() for path in files)).hexdigest()[:12]


def asset(name: str) -> str:
    """The address of one file."""
    return url_for("pages.assets.send", mark=version(), name=name)


@blueprint.app_context_processor
def _for_templates() -> dict[str, object]:
    return {"asset": asset}


@blueprint.get("/static/<mark>/<path:name>")
def send(mark: str, name: str) -> Response:
    """A style, a script or a picture."""
    response = send_from_directory(ROOT, name)
    if mark == version():
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    else:
        # A page of another version of the shop: it gets what there is, and asks again the next time.
        response.headers["Cache-Control"] = "no-cache"
    return response
