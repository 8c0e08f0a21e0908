"""gunicorn around the roles: one worker process with threads, which opens what the roles need, and closes it."""

import errno
import gc
import logging
import socket
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, cast

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http.message import Request
from gunicorn.workers.gthread import TConn, ThreadWorker

from pizzashop import logs
from pizzashop.access.door import require_guarded, signs_in
from pizzashop.domain.errors import LocalError
from pizzashop.problem_socket import ProblemSocket
from pizzashop.roles import STOREFRONT, Role
from pizzashop.settings import Settings
from pizzashop.wire import is_silent

if TYPE_CHECKING:
    from pizzashop.running import Running

GRACEFUL_SECONDS = 8
BACKLOG = 2048
LINGER_SECONDS = 0.005
"""How long a thread that has answered stays with its connection."""

log = logging.getLogger(__name__)


def serve(roles: Mapping[int, Role], settings: Settings) -> None:
    """Serve `roles`, by port, until a signal says to stop; raises LocalError where a port is taken, and BadSettings."""
    logs.configure(settings.log, settings.log_level, "+".join(role.name for role in roles.values()))
    require_guarded(settings)
    for port, role in roles.items():
        _must_be_free(settings.host, port, role)
    if signs_in(settings):
        log.info("the staff signs in")
    elif settings.hosts:
        log.warning("nobody has to sign in: what stands before it under %s must ask who comes", settings.hosts)
    else:
        log.info("open to this machine alone, nobody has to sign in")
    gc.collect()
    gc.freeze()  # or the worker's collector would write to all that it has of its parent, and so copy it
    _Server(roles, settings).run()


class _Log(GunicornLogger):
    """gunicorn's log, as part of the shop's own: no format and no handler of its own."""

    def setup(self, _: Config) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel("WARNING")
        self.access_log.disabled = True


class _Worker(ThreadWorker):
    """gunicorn's worker with threads, that tells the roles when it is to stop, and closes them when it has."""

    app: "_Server"

    def handle(self, conn: TConn) -> bool:
        answered = super().handle(conn)
        # On a busy connection the next request comes at once: no need to hand it from thread to thread for that.
        while answered is True and self.alive and not is_silent(conn.sock.fileno(), LINGER_SECONDS):
            answered = super().handle(conn)
        return answered

    def handle_error(self, req: Request | None, client: socket.socket, addr: Any, exc: BaseException) -> None:
        super().handle_error(req, cast(socket.socket, ProblemSocket(client)), addr, exc)

    def handle_exit(self, signal: int, frame: FrameType | None) -> None:
        self.app.running.stop()
        super().handle_exit(signal, frame)

    def run(self) -> None:
        super().run()
        self.app.running.close()


class _Server(BaseApplication):
    """gunicorn with its settings handed in: no file, no environment, no command line."""

    running: "Running"

    def __init__(self, roles: Mapping[int, Role], settings: Settings) -> None:
        self._roles, self._settings = roles, settings
        super().__init__()

    def load_config(self) -> None:
        for name, value in self._options().items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        # In the worker, after the fork: gRPC channels and threads do not survive one, and its parent stays small.
        from pizzashop.running import Running

        self.running = Running(self._roles, self._settings)
        return self.running.wsgi

    def _options(self) -> dict[str, object]:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        # A page that is kept up to date holds a thread: it takes none from the requests.
        threads = self._settings.threads + (self._settings.watchers if STOREFRONT in self._roles.values() else 0)
        return {
            "bind": [f"{host}:{port}" for port in self._roles],
            "worker_class": _Worker,
            "workers": 1,
            "threads": threads,
            "worker_connections": 4 * threads,
            "backlog": BACKLOG,
            "keepalive": 75,
            "limit_request_line": 8190,
            "timeout": 60,
            "graceful_timeout": GRACEFUL_SECONDS,
            "proc_name": f"pizzashop {' '.join(role.name for role in self._roles.values())}",
            # It would be one socket in the user's home, for every server of the shop.
            "control_socket_disable": True,
            "logger_class": _Log,
        }


def _must_be_free(host: str, port: int, role: Role) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise LocalError(_why(error, host, port, role)) from None


def _why(error: OSError, host: str, port: int, role: Role) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken: is the {role.name} role, or another program, running there already?"
    return f"The {role.name} role cannot listen on {host}:{port}: {error.strerror}"
