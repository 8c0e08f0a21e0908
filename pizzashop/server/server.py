"""Start, serve and stop the two processes of a role: gunicorn's arbiter and its worker.

Start: the arbiter validates the settings, listens on the ports and starts the worker. The worker opens what the roles
need (`RunningRoles`) and accepts requests. The arbiter replaces a worker that has died or that hangs; meanwhile the
ports stay open. A worker whose arbiter has died stops.
Stop, on SIGTERM, SIGINT or SIGHUP: begin no new work, finish the requests in flight, release everything, exit.
"""

import errno
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, cast
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.workers.base import Worker

from pizzashop import tracing
from pizzashop.auth.authentication import requires_sign_in, validate_authentication
from pizzashop.errors import LocalError, ShopError
from pizzashop.logs import configure_logging
from pizzashop.roles import STOREFRONT, Role
from pizzashop.server.request_worker import RequestWorker
from pizzashop.settings import Settings

if TYPE_CHECKING:
    from pizzashop.server.running_roles import RunningRoles

MAX_CONNECTIONS = 8192
LISTEN_BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
MAX_REQUEST_LINE_BYTES = 8190
# Files that a thread may open beside its client's connection: connections to sidecars, and some more.
FILES_PER_THREAD = 4
# If the system allows too few open files for that, this share of them is for clients' connections.
MIN_CONNECTIONS_SHARE = 0.25

# The arbiter replaces a worker whose loop has stood still for this long. The loop runs twice a second, but a machine
# that swaps may hold it up for many seconds, and to kill a worker costs what a crash costs.
WORKER_TIMEOUT_SECONDS = 30
# A process that is stopping for longer is killed, whatever blocks it.
FORCED_EXIT_SECONDS = 10
# The worker reports through a file that its loop still runs. A slow or full disk must not delay that.
_MEMORY_DIRECTORY = "/dev/shm"

log = logging.getLogger(__name__)


def serve(role_by_port: Mapping[int, Role], settings: Settings) -> None:
    """Serve roles until a signal stops the process; raise LocalError if a port is taken, and InvalidSettings."""
    configure_logging(settings.log, settings.log_level, "+".join(role.name for role in role_by_port.values()))
    validate_authentication(settings)
    tracing.check_settings()
    sockets = [_listen(settings.host, port, role) for port, role in role_by_port.items()]
    if requires_sign_in(settings):
        log.info("the staff has to sign in")
    elif settings.hosts:
        log.warning("nobody has to sign in: the proxy that serves %s must authenticate its users", settings.hosts)
    else:
        log.info("nobody has to sign in; only this machine can reach the shop")
    # The worker needs this module. Imported before the fork, it takes memory only once.
    import pizzashop.metrics  # noqa: F401

    # The worker shares the memory of the objects that exist now, until one of the two processes writes to it. The
    # garbage collector would write to all of it.
    gc.freeze()
    RoleServer(role_by_port, settings, sockets).run()


class RoleServer(BaseApplication):
    """What gunicorn runs: the configuration and signals of the arbiter, and the application, which the worker loads."""

    def __init__(self, role_by_port: Mapping[int, Role], settings: Settings, sockets: list[socket.socket]) -> None:
        self._role_by_port, self._settings = role_by_port, settings
        # gunicorn takes the sockets over, and closes these descriptors.
        self._binds = [f"fd://{each.detach()}" for each in sockets]
        # `nohup` ignores SIGHUP before it starts a program.
        self._ignores_hangup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._is_stopping = self._is_forced = False
        self.running: RunningRoles | None = None
        super().__init__()

    def load_config(self) -> None:
        # Each live page keeps a thread: give them threads of their own.
        watchers = self._settings.watchers if STOREFRONT in self._role_by_port.values() else 0
        threads = self._settings.threads + watchers
        options = {
            "bind": self._binds,
            "workers": 1,
            "worker_class": RoleWorker,
            "threads": threads,
            "worker_connections": max_connections(threads),
            "keepalive": KEEP_ALIVE_SECONDS,
            "limit_request_line": MAX_REQUEST_LINE_BYTES,
            "timeout": WORKER_TIMEOUT_SECONDS,
            "graceful_timeout": FORCED_EXIT_SECONDS,
            "worker_tmp_dir": _MEMORY_DIRECTORY if os.access(_MEMORY_DIRECTORY, os.W_OK) else None,
            # All roles would share one socket in the user's home directory.
            "control_socket_disable": True,
            "logger_class": WarningLogger,
            "when_ready": self._handle_signals,
            "child_exit": self._log_replacement,
            "on_exit": self._exit_after_force,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:  # type: ignore[override]
        from pizzashop.server.running_roles import RunningRoles

        self.running = RunningRoles(self._role_by_port, self._settings)
        # The objects that exist now live as long as the worker: the garbage collector need not visit them.
        gc.freeze()
        return self.running.wsgi

    def _handle_signals(self, _: Arbiter) -> None:
        """Stop gracefully on three signals. gunicorn does so on SIGTERM only, and starts new workers on SIGHUP."""
        # gunicorn's own handler queues a signal for the arbiter's loop.
        queue_signal = signal.getsignal(signal.SIGTERM)
        assert callable(queue_signal)

        def stop(number: int, frame: FrameType | None) -> None:
            if not self._is_stopping:
                self._is_stopping = True
                queue_signal(signal.SIGTERM, frame)
            elif number == signal.SIGINT:
                # An arbiter that is stopping then sends SIGQUIT to its worker.
                self._is_forced = True
                queue_signal(signal.SIGINT, frame)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGHUP, signal.SIG_IGN if self._ignores_hangup else stop)

    def _log_replacement(self, _: Arbiter, worker: Worker) -> None:
        if not self._is_stopping:
            log.warning("the worker %s has ended, and the arbiter starts another one", worker.pid)

    def _exit_after_force(self, _: Arbiter) -> None:
        if self._is_forced:
            sys.exit(1)


class RoleWorker(RequestWorker):
    """The worker that serves the roles. gunicorn calls its methods; nobody else does."""

    _is_stopping = False

    @property
    def _running(self) -> "RunningRoles | None":
        return cast(RoleServer, self.app).running

    def init_process(self) -> None:
        """Open the roles, serve them until a signal or the arbiter's end, and exit."""
        status = 1
        try:
            super().init_process()
            if self._running is not None:
                self._running.close()
            status = 0
        except ShopError as error:
            log.critical("the role cannot be served: %s", error)
        except BaseException:
            log.critical("the server has failed, and its process exits", exc_info=True)
        finally:
            # A normal exit would wait for threads. A thread may wait for a client that does not read its answer.
            os._exit(status if self.booted else Arbiter.WORKER_BOOT_ERROR)

    def init_signals(self) -> None:
        # Under `nohup` the arbiter ignores it, and the worker inherits that.
        ignores_hangup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().init_signals()
        signal.signal(signal.SIGHUP, signal.SIG_IGN if ignores_hangup else self.handle_exit)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            # The arbiter kills the worker after as long, unless the arbiter has died.
            signal.alarm(FORCED_EXIT_SECONDS)
            if self._running is not None:
                self._running.stop()
            super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        # A second Ctrl-C exits at once.
        if self._is_stopping:
            os._exit(1)
        self.handle_exit(sig, frame)


class WarningLogger(GunicornLogger):
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
        return socket.create_server((host, port), family=family, backlog=LISTEN_BACKLOG, dualstack_ipv6=is_ipv6)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} is taken: is the {role.name} role, or another program, running there already?"
        else:
            message = f"The {role.name} role cannot listen on {host}:{port}: {error.strerror}"
        raise LocalError(message) from None
