"""What is found out about the Redis-protocol server on this machine."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pizzashop.local import redis

LOADING = b"-LOADING Valkey is loading the dataset in memory\r\n"
INFO = b"# Server\r\nvalkey_version:9.1.2\r\n"


@contextmanager
def _server(answers: dict[bytes, bytes]) -> Iterator[int]:
    """A server that knows these commands, and says OK to all others; its port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                words = []
                for _ in range(int(line[1:])):
                    words.append(self.rfile.read(int(self.rfile.readline()[1:]) + 2).strip().upper())
                self.wfile.write(answers.get(words[0], b"+OK\r\n"))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


ABOUT = {
    b"INFO": b"$%d\r\n%s\r\n" % (len(INFO), INFO),
    b"CONFIG": b"*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n",
}


def test_a_server_says_what_it_is() -> None:
    with _server({**ABOUT, b"PING": b"+PONG\r\n"}) as port:
        assert redis.ask(port) == redis.Redis("Valkey", "9.1.2", persists=True)


def test_a_server_that_still_loads_its_data_is_not_ready() -> None:
    with _server({**ABOUT, b"PING": LOADING}) as port:
        assert not redis.answers(port)


def test_where_nothing_listens_there_is_none() -> None:
    assert redis.ask(1) is None
