"""Start, serve and stop a process with one or more roles.

Start: validate the settings, listen on the ports, open what the roles need (`RunningRoles`), accept requests.
Stop, on SIGTERM, SIGINT or SIGHUP: begin no new work, finish the requests in flight, release everything, exit.

gunicorn's worker class runs here without gunicorn's arbiter, which would be one more process for each role.
"""

import errno
import gc
import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, cast
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Flask
from gunicorn.config import Config
from gunicorn.glogging import Logger as GunicornLogger

from pizzashop.auth.authentication import Authenticator, requires_sign_in, validate_authentication
from pizzashop.dapr.client import SidecarClient
from pizzashop.dapr.http import HttpClient
from pizzashop.errors import LocalError
from pizzashop.logs import configure_logging
from pizzashop.roles import STOREFRONT, WORKFLOW, Role
from pizzashop.server.app import create_app
from pizzashop.server.request_worker import RequestWorker
from pizzashop.settings import Settings
from pizzashop.steps.lease import publish_window
from pizzashop.steps.runner import StepLimit
from pizzashop.web.problems import problem_response

if TYPE_CHECKING:
    from gunicorn.app.base import BaseApplication

    from pizzashop.workflow.background import Background

# Steps, and requests from outside, may each take this share of the threads. So neither alone takes the threads that
# health checks, events and the calls of other roles need.
MAX_THREADS_SHARE = 0.75
# These paths are always served: a refused event would be delivered again and again.
_UNLIMITED_PATHS = ("/healthz", "/orders-sub")
# Dapr sets this header when another role calls. Such calls are for orders in flight, which come before new ones.
_CALLER_HEADER = "HTTP_DAPR_CALLER_APP_ID"

MAX_CONNECTIONS = 8192
LISTEN_BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
MAX_REQUEST_LINE_BYTES = 8190
# Files that a thread may open beside its client's connection: connections to sidecars, and some more.
FILES_PER_THREAD = 4
# If the system allows too few open files for that, this share of them is for clients' connections.
MIN_CONNECTIONS_SHARE = 0.25

# How long requests in flight may take once the process is stopping.
GRACEFUL_SECONDS = 6
# The kernel ends a process that is stopping for longer, whatever blocks it.
FORCED_EXIT_SECONDS = 10

log = logging.getLogger(__name__)


def serve(role_by_port: Mapping[int, Role], settings: Settings) -> None:
    """Serve roles until a signal stops the process; raise LocalError if a port is taken, and InvalidSettings."""
    configure_logging(settings.log, settings.log_level, "+".join(role.name for role in role_by_port.values()))
    validate_authentication(settings)
    sockets = [_listen(settings.host, port, role) for port, role in role_by_port.items()]
    if requires_sign_in(settings):
        log.info("the staff has to sign in")
    elif settings.hosts:
        log.warning("nobody has to sign in: the proxy that serves %s must authenticate its users", settings.hosts)
    else:
        log.info("nobody has to sign in; only this machine can reach the shop")
    # gunicorn's base class calls load_wsgi, init_signals and run from there. It does not return.
    _RoleWorker(role_by_port, settings, sockets).init_process()


class RunningRoles:
    """The roles of one process, with everything that they need open: applications, sidecars, workflow worker."""

    def __init__(self, role_by_port: Mapping[int, Role], settings: Settings) -> None:
        self._settings = settings
        self._has_one_role = len(role_by_port) == 1
        self._http = HttpClient()
        max_requests = int(settings.threads * MAX_THREADS_SHARE)
        self._limit = StepLimit(max_requests)
        self._authenticator = Authenticator.from_settings(settings)
        self._background: Background | None = None
        self._app_by_port = {str(port): self._create_app(role) for port, role in role_by_port.items()}
        self.wsgi = AdmissionControl(self._dispatch, max_requests, self._authenticator.may_be_sidecar)

    def stop(self) -> None:
        """Begin no new work: steps release their leases, streams end, the worker disconnects. Return at once."""
        self._limit.stopping.set()
        if self._background is not None:
            self._background.stop()

    def close(self) -> None:
        """Stop, wait for background work to end, and release everything."""
        self.stop()
        if self._background is not None:
            self._background.close()
        self._http.close()

    def _dispatch(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._app_by_port[environ["SERVER_PORT"]](environ, start_response)

    def _create_app(self, role: Role) -> Flask:
        # Dapr's variables name the ports of one sidecar. A process with several roles has several sidecars, which
        # listen on the usual ports of their roles.
        dapr_settings = self._settings if self._has_one_role else None
        http_port = (dapr_settings and dapr_settings.dapr_http_port) or role.dapr_http_port
        grpc_port = (dapr_settings and dapr_settings.dapr_grpc_port) or role.dapr_grpc_port
        token, window = self._settings.dapr_api_token, publish_window(self._settings.pace)
        sidecar = SidecarClient(self._http, http_port, token, publish_window=window)
        create = partial(create_app, role, self._settings, sidecar, self._limit, self._authenticator)
        if role is not WORKFLOW:
            return create()
        # Import it only for this role: the workflow SDK and gRPC take a third of the memory of a process.
        from pizzashop.workflow.background import Background

        self._background = Background(sidecar, grpc_port, self._settings)
        return create(commands=self._background.commands, capacity=self._background.capacity)


class AdmissionControl:
    """A WSGI application that serves at most `max_requests` requests from outside at the same time.

    It refuses the others with 503 and `Retry-After`. `may_be_sidecar` tells whether a request's token is that of the
    sidecar: a client that only sets the header of other roles is limited too.
    """

    def __init__(self, application: WSGIApplication, max_requests: int, may_be_sidecar: Callable[[str], bool]) -> None:
        self._application = application
        self._free = threading.Semaphore(max_requests)
        self._may_be_sidecar = may_be_sidecar

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in _UNLIMITED_PATHS or self._is_from_role(environ):
            return self._application(environ, start_response)
        if not self._free.acquire(blocking=False):
            response = problem_response(503, "Too many requests at once: try again in a moment")
            return response(environ, start_response)
        try:
            return self._application(environ, start_response)
        finally:
            self._free.release()

    def _is_from_role(self, environ: WSGIEnvironment) -> bool:
        return _CALLER_HEADER in environ and self._may_be_sidecar(environ.get("HTTP_DAPR_API_TOKEN", ""))


class _RoleWorker(RequestWorker):
    """The worker that serves the roles. gunicorn calls its methods; nobody else does."""

    def __init__(self, role_by_port: Mapping[int, Role], settings: Settings, sockets: list[socket.socket]) -> None:
        # Each live page keeps a thread: give them threads of their own.
        threads = settings.threads + (settings.watchers if STOREFRONT in role_by_port.values() else 0)
        config = Config()
        config.set("threads", threads)
        config.set("worker_connections", max_connections(threads))
        config.set("keepalive", KEEP_ALIVE_SECONDS)
        config.set("limit_request_line", MAX_REQUEST_LINE_BYTES)
        config.set("graceful_timeout", GRACEFUL_SECONDS)
        # The worker uses the application only in `load_wsgi`, which is overridden.
        application = cast("BaseApplication", None)
        super().__init__(1, os.getppid(), sockets, application, 0, config, _WarningLogger(config))
        self._role_by_port, self._settings = role_by_port, settings
        self._running: RunningRoles | None = None
        self._is_stopping = False

    def load_wsgi(self) -> None:
        self._running = RunningRoles(self._role_by_port, self._settings)
        # The objects that exist now live as long as the process: the garbage collector need not visit them.
        gc.freeze()
        self.wsgi = self._running.wsgi  # type: ignore[assignment]

    def has_parent(self) -> bool:
        # A worker of gunicorn ends with its arbiter. A role goes on when the shell or `dapr run` that started it ends.
        return True

    def init_signals(self) -> None:
        # `nohup` ignores SIGHUP before it starts a program.
        ignores_hangup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignores_hangup else self.handle_exit)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def handle_exit(self, signal_: int, frame: FrameType | None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            signal.alarm(FORCED_EXIT_SECONDS)
            if self._running is not None:
                self._running.stop()
            super().handle_exit(signal_, frame)

    def handle_quit(self, signal_: int, frame: FrameType | None) -> None:
        # A second Ctrl-C exits at once.
        if self._is_stopping:
            os._exit(1)
        self.handle_exit(signal_, frame)

    def run(self) -> None:
        status = 1
        try:
            super().run()
            if self._running is not None:
                self._running.close()
            status = 0
        except BaseException:
            log.critical("the server has failed, and the process exits", exc_info=True)
        finally:
            # A normal exit would wait for threads. A thread may wait for a client that does not read its answer.
            os._exit(status)


class _WarningLogger(GunicornLogger):
    """gunicorn's logger: it passes warnings and errors on to the shop's log, and logs no requests."""

    def setup(self, _: Config) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel("WARNING")
        self.access_log.disabled = True


def max_connections(threads: int) -> int:
    """Return how many client connections to accept; raise the limit of open files if the system allows it."""
    files_for_threads = FILES_PER_THREAD * threads
    wanted = MAX_CONNECTIONS + files_for_threads
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MAX_CONNECTIONS, max(soft - files_for_threads, int(soft * MIN_CONNECTIONS_SHARE)))


def _listen(host: str, port: int, role: Role) -> socket.socket:
    is_ipv6 = ":" in host
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=LISTEN_BACKLOG, dualstack_ipv6=is_ipv6)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} is taken: is the {role.name} role, or another program, running there already?"
        else:
            message = f"The {role.name} role cannot listen on {host}:{port}: {error.strerror}"
        raise LocalError(message) from None
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
