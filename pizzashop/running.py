"""What one process has open while it serves its roles: the HTTP client, the sidecars, the engine, the worker."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flask import Flask

from pizzashop.access.door import Door
from pizzashop.admission import Admission, Environ, StartResponse
from pizzashop.app import create_app
from pizzashop.dapr_sidecar import DaprSidecar
from pizzashop.http import HttpClient
from pizzashop.means import Gate
from pizzashop.parts import Parts
from pizzashop.roles import STOREFRONT, WORKFLOW, Role
from pizzashop.settings import Settings

if TYPE_CHECKING:
    from pizzashop.storefront.watching import Watch
    from pizzashop.workflow.at_work import AtWork

SPARE_SHARE = 4
"""One thread in so many is kept from steps, for what must always be answered."""


class Running:
    """Open once it is made; `stop` takes no more work, `close` gives all back."""

    def __init__(self, roles: Mapping[int, Role], settings: Settings) -> None:
        self._settings = settings
        self._alone = len(roles) == 1
        self._http = HttpClient()
        places = settings.threads - settings.threads // SPARE_SHARE
        self._gate = Gate(places)
        self._door = Door.of(settings)
        self._admission = Admission(self._serve, places, self._door.may_be_sidecar)
        self._at_work: AtWork | None = None
        self._watch: Watch | None = None
        self._apps = {str(port): self._app(role) for port, role in roles.items()}

    def wsgi(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Hand a request, if there is room for it, to the role on whose port it came in."""
        return self._admission(environ, start_response)

    def stop(self) -> None:
        """Take no more work: steps that run are given back, the workflow worker disconnects. Returns at once."""
        self._gate.stopping.set()
        if self._watch is not None:
            self._watch.stop()
        if self._at_work is not None:
            self._at_work.stop()

    def close(self) -> None:
        """Give everything back."""
        self.stop()
        if self._at_work is not None:
            self._at_work.close()
        self._http.close()

    def _serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self._apps[environ["SERVER_PORT"]](environ, start_response)

    def _app(self, role: Role) -> Flask:
        # Dapr tells a process the ports of its own sidecar; one that serves several roles has several.
        told = self._settings if self._alone else None
        http_port = (told and told.dapr_http_port) or role.dapr_http_port
        grpc_port = (told and told.dapr_grpc_port) or role.dapr_grpc_port
        sidecar = DaprSidecar(self._http, http_port, self._settings.dapr_api_token)
        parts = Parts(sidecar, self._gate, door=self._door)
        own = self._open_engine(sidecar, grpc_port) if role is WORKFLOW else {}
        app = create_app(role, self._settings, parts, **own)
        if role is STOREFRONT:
            self._watch = app.extensions["watch"]
        return app

    def _open_engine(self, sidecar: DaprSidecar, grpc_port: int) -> dict[str, object]:
        # Only where it is needed: the workflow SDK and gRPC are a third of a process.
        from pizzashop.workflow.at_work import AtWork

        self._at_work = AtWork(sidecar, grpc_port, self._settings)
        at_work = self._at_work
        return {"engine": at_work.engine, "in_hand": at_work.in_hand, "contents": at_work.contents}
