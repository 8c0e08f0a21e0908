"""What one process has open while it serves its roles: the HTTP client, the sidecars, the engine, the worker."""

import threading
import time
from collections.abc import Iterable, Mapping

from flask import Flask

from pizzashop.access.door import Door
from pizzashop.admission import Admission, Environ, StartResponse
from pizzashop.app import Parts, create_app
from pizzashop.dapr_sidecar import DaprSidecar
from pizzashop.http import HttpClient
from pizzashop.means import Gate
from pizzashop.roles import STOREFRONT, WORKFLOW, Role
from pizzashop.settings import Settings
from pizzashop.storefront.watching import Watch
from pizzashop.workflow.activities import Activities
from pizzashop.workflow.dapr_engine import DaprEngine
from pizzashop.workflow.housekeeping import Housekeeping
from pizzashop.workflow.in_hand import InHand
from pizzashop.workflow.office import Office
from pizzashop.workflow.sweep import Sweep
from pizzashop.workflow.worker import Worker

SPARE_SHARE = 4
"""One thread in so many is kept from steps, for what must always be answered."""

ROUND_SECONDS = 5.0
"""How long what the beats are at is waited for: nothing is to run on a client that is closed."""


class Running:
    """Opened in the process that serves, after the fork; `stop` takes no more work, `close` gives all back."""

    def __init__(self, roles: Mapping[int, Role], settings: Settings) -> None:
        self._settings = settings
        self._alone = len(roles) == 1
        self._http = HttpClient()
        places = settings.threads - settings.threads // SPARE_SHARE
        self._gate = Gate(places)
        self._door = Door.of(settings)
        self._admission = Admission(self._serve, places, self._door.may_be_sidecar)
        self._in_hand = InHand(settings.threads)
        self._engine: DaprEngine | None = None
        self._watch: Watch | None = None
        self._worker: Worker | None = None
        self._sweep: Sweep | None = None
        self._housekeeping: Housekeeping | None = None
        self._stopping: threading.Thread | None = None
        self._apps = {str(port): self._app(role) for port, role in roles.items()}

    def wsgi(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Hand a request, if there is room for it, to the role on whose port it came in."""
        return self._admission(environ, start_response)

    def stop(self) -> None:
        """Take no more work: steps that run are given back, the workflow worker disconnects. Returns at once."""
        self._gate.stopping.set()
        if self._watch is not None:
            self._watch.stop()
        if self._sweep is not None:
            self._sweep.stop()
        if self._housekeeping is not None:
            self._housekeeping.stop()
        if self._worker is not None and self._stopping is None:
            self._stopping = threading.Thread(target=self._worker.stop, name="stopping")
            self._stopping.start()

    def close(self) -> None:
        """Give everything back."""
        self.stop()
        until = time.monotonic() + ROUND_SECONDS
        for each in (self._sweep, self._housekeeping):
            if each is not None:
                each.join(max(0.0, until - time.monotonic()))
        if self._stopping is not None:
            self._stopping.join()
        if self._engine is not None:
            self._engine.close()
        self._http.close()

    def _serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self._apps[environ["SERVER_PORT"]](environ, start_response)

    def _app(self, role: Role) -> Flask:
        # Dapr tells a process the ports of its own sidecar; one that serves several roles has several.
        told = self._settings if self._alone else None
        http_port = (told and told.dapr_http_port) or role.dapr_http_port
        grpc_port = (told and told.dapr_grpc_port) or role.dapr_grpc_port
        sidecar = DaprSidecar(self._http, http_port, self._settings.dapr_api_token)
        if role is WORKFLOW:
            self._engine = DaprEngine(grpc_port)
            self._worker = Worker(grpc_port, Activities(sidecar, self._settings.pace), self._in_hand)
            self._worker.start()
            self._sweep = Sweep(sidecar, Office(sidecar, self._engine, self._settings))
            self._sweep.start()
            self._housekeeping = Housekeeping(sidecar, self._engine, self._settings.retention)
            self._housekeeping.start()
        if role is STOREFRONT:
            self._watch = Watch(sidecar, self._settings.watchers)
        parts = Parts(sidecar, self._gate, self._engine, self._in_hand, watch=self._watch, door=self._door)
        return create_app(role, self._settings, parts)
