"""A role or a sidecar that `dapr run` has started: whether it runs, and how it is started again."""

from pathlib import Path

import psutil

from pizzashop.local import family
from pizzashop.local.closing import Closing
from pizzashop.local.patience import Patience
from pizzashop.local.process import Process
from pizzashop.local.project import App


class Part:
    """`process` is what runs of it now; started again it has a log of its own, in the directory `logs`."""

    def __init__(self, app: App, process: psutil.Process, *, is_sidecar: bool, logs: Path, closing: Closing) -> None:
        """Raises psutil.Error where it has ended already."""
        self.app, self.process, self.is_sidecar = app, process, is_sidecar
        self.name = f"the sidecar of {app.app_id}" if is_sidecar else app.app_id
        self._patience = Patience()
        log = logs / f"{app.app_id}{'-sidecar' if is_sidecar else ''}.log"
        # As `dapr run` started it, with all that it has told it.
        argv, env, cwd = process.cmdline(), process.environ(), Path(process.cwd())
        self._again = Process(self.name, argv, log, env, cwd, closing)

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return family.gone(self.process)

    def start_again(self) -> Process:
        """Start it once more; raises LocalError, with the end of its log, where it ended too often of late."""
        self.process = self._patience.start_again(self._again, self._ports(), self._again.closing)
        return self._again

    def mark(self) -> str:
        """What the lines of the log of `dapr run` have in them that are about it."""
        return f"app_id={self.app.app_id}" if self.is_sidecar else f"- {self.app.app_id} =="

    def _ports(self) -> list[int]:
        return [port for key, port in self.app.ports.items() if (key != "appPort") == self.is_sidecar]
