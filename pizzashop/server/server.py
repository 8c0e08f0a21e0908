"""Serve roles in one process with threads (`RequestWorker`): open what the roles need, and close it at the end."""

import errno
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, cast

from gunicorn.config import Config
from gunicorn.glogging import Logger as GunicornLogger

from pizzashop import logs
from pizzashop.auth.authentication import validate_authentication, requires_sign_in
from pizzashop.errors import LocalError
from pizzashop.roles import STOREFRONT, Role
from pizzashop.server.app import RunningRoles
from pizzashop.server.request_worker import RequestWorker
from pizzashop.settings import Settings

if TYPE_CHECKING:
    from gunicorn.app.base import BaseApplication

MAX_CONNECTIONS = 8192
FILES_PER_THREAD = 4
"""Files that a thread may need beside its connection: to sidecars, and some to spare."""
MIN_CONNECTION_SHARE = 4
"""Where the system allows too few files for that, one in so many is for a connection."""


def max_connections(threads: int) -> int:
    """How many connections to accept beside so many threads; raises the limit of open files as far as that goes."""
    for_threads = FILES_PER_THREAD * threads
    wanted = MAX_CONNECTIONS + for_threads
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return min(MAX_CONNECTIONS, max(soft - for_threads, soft // MIN_CONNECTION_SHARE))


GRACEFUL_SECONDS = 6
"""How long what is under way may take when the process is to stop;"""
LONGEST_SECONDS = 10
"""and after so long the kernel ends it, whatever holds it up."""
BACKLOG = 2048

log = logging.getLogger(__name__)


def serve(roles: Mapping[int, Role], settings: Settings) -> None:
    """Serve `roles`, by port, until a signal says to stop; raises LocalError where a port is taken, and InvalidSettings."""
    logs.configure_logging(settings.log, settings.log_level, "+".join(role.name for role in roles.values()))
    validate_authentication(settings)
    sockets = [_listen(settings.host, port, role) for port, role in roles.items()]
    if requires_sign_in(settings):
        log.info("the staff signs in")
    elif settings.hosts:
        log.warning("nobody has to sign in: what stands before it under %s must ask who comes", settings.hosts)
    else:
        log.info("open to this machine alone, nobody has to sign in")
    _Worker(roles, settings, sockets).init_process()


class _Log(GunicornLogger):
    """gunicorn's log, as part of the shop's own: no format and no handler of its own."""

    def setup(self, _: Config) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel("WARNING")
        self.access_log.disabled = True


class _Worker(RequestWorker):
    """A RequestWorker without gunicorn's arbiter, which would be one more process for each role."""

    def __init__(self, roles: Mapping[int, Role], settings: Settings, sockets: list[socket.socket]) -> None:
        # A page that is kept up to date holds a thread: it takes none from the requests.
        threads = settings.threads + (settings.watchers if STOREFRONT in roles.values() else 0)
        config = Config()
        config.set("threads", threads)
        config.set("worker_connections", max_connections(threads))
        config.set("keepalive", 75)
        config.set("limit_request_line", 8190)
        config.set("graceful_timeout", GRACEFUL_SECONDS)
        application = cast("BaseApplication", None)  # it is asked for no more than `load_wsgi`
        super().__init__(1, os.getppid(), sockets, application, 0, config, _Log(config))
        self._roles, self._settings = roles, settings
        self._running: RunningRoles | None = None
        self._told = False

    def load_wsgi(self) -> None:
        self._running = RunningRoles(self._roles, self._settings)
        gc.freeze()  # what is there now stays: no need to look through it for garbage
        self.wsgi = self._running.wsgi  # type: ignore[assignment]

    def has_parent(self) -> bool:
        return True  # a shell or `dapr run` may go, and leave the role to serve

    def init_signals(self) -> None:
        is_detached = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN if is_detached else self.handle_exit)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def handle_exit(self, signal_: int, frame: FrameType | None) -> None:
        if not self._told:
            self._told = True
            signal.alarm(LONGEST_SECONDS)
            if self._running is not None:
                self._running.stop()
            super().handle_exit(signal_, frame)

    def handle_quit(self, signal_: int, frame: FrameType | None) -> None:
        if self._told:
            os._exit(1)  # said twice: at once
        self.handle_exit(signal_, frame)

    def run(self) -> None:
        status = 1
        try:
            super().run()
            if self._running is not None:
                self._running.close()
            status = 0
        except BaseException:
            log.critical("the server has failed", exc_info=True)
        finally:
            # A thread whose client neither reads nor goes would keep the process, which serves nobody any more.
            os._exit(status)


def _listen(host: str, port: int, role: Role) -> socket.socket:
    is_six = ":" in host
    family = socket.AF_INET6 if is_six else socket.AF_INET
    try:
        made = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=is_six)
    except OSError as error:
        raise LocalError(_why(error, host, port, role)) from None
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _why(error: OSError, host: str, port: int, role: Role) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken: is the {role.name} role, or another program, running there already?"
    return f"The {role.name} role cannot listen on {host}:{port}: {error.strerror}"
