"""A browser's half of server-sent events: reads a stream, and comes again with the last id that it has seen."""

import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from shop_client import eventually

STOREFRONT = "http://127.0.0.1:8002"
AGAIN_SECONDS = 0.2


@dataclass
class Event:
    """One event as it came."""

    name: str = ""
    mark: str = ""
    data: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its data."""
        return "\n".join(self.data)


class Page(threading.Thread):
    """Watches one path until the shop says that it is over."""

    def __init__(self, path: str, since: str = "") -> None:
        super().__init__(daemon=True)
        self._url, self.mark = f"{STOREFRONT}{path}?since={since}", ""
        self.events: list[Event] = []
        self.connected = 0

    def run(self) -> None:
        """Read; where the stream breaks off, come again, as a browser does."""
        while "over" not in self.names:
            try:
                self._read()
            except (OSError, urllib.error.URLError):
                threading.Event().wait(AGAIN_SECONDS)

    @property
    def names(self) -> list[str]:
        """The names of the events so far."""
        return [each.name for each in self.events]

    @property
    def marks(self) -> list[int]:
        """The versions that were shown, in their order."""
        return [int(each.mark) for each in self.events if each.name == "shown"]

    def until(self, text: str, seconds: float = 30.0) -> Event:
        """Wait until what is shown has this text; answers the event."""
        return next(each for each in eventually(lambda: self._with(text), seconds=seconds))

    def _with(self, text: str) -> list[Event]:
        return [each for each in list(self.events) if text in each.text]

    def _read(self) -> None:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": self.mark} if self.mark else {})
        with urllib.request.urlopen(urllib.request.Request(self._url, headers=headers), timeout=60) as reply:
            self.connected += 1
            event = Event()
            for raw in reply:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "event":
                    event.name = value
                elif name == "id":
                    event.mark = self.mark = value
                elif name == "data":
                    event.data.append(value)
                elif not name and event.name:
                    self.events.append(event)
                    event = Event()
