"""The ports of the shop: a taken one is named with its holder, and a reserved one is kept from connections."""

import errno
import os
import socket
import struct

import pytest

from pizzashop.errors import LocalError
from pizzashop.local import ports
from pizzashop.local.shutdown import Shutdown

# From Linux's `in.h`; Python 3.11 has no name for it.
IP_LOCAL_PORT_RANGE = 51


def connects_from(port: int) -> bool:
    """Return whether the kernel gives an outgoing connection this port if it may give no other."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        try:
            client.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=I", port << 16 | port))
        except OSError as error:
            pytest.skip(f"this kernel cannot limit the ports of one socket: {error}")
        # With this option, closing the connection leaves no TIME_WAIT behind that would hold the port.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            client.connect(server.getsockname())
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return False
        return True


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found: int = server.getsockname()[1]
        return found


def test_a_taken_port_is_named_with_its_holder(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        assert ports.taken_ports([port]) == [port]
        assert ports.is_listening(port)
        with pytest.raises(LocalError, match=rf"{port} by .*\(pid {os.getpid()}\).*Nothing was started"):
            ports.require_free_ports([port], Shutdown())
    assert ports.taken_ports([port]) == []
    assert not ports.http_ok(port, "/")
    ports.require_free_ports([port], Shutdown())


def test_a_server_may_listen_on_a_reserved_port_and_no_connection_takes_it(port: int) -> None:
    assert connects_from(port)
    with ports.reserve_ports([port]):
        assert not connects_from(port)
        with socket.create_server(("127.0.0.1", port)):
            assert ports.taken_ports([port]) == [port]
        assert ports.taken_ports([port]) == []
    assert connects_from(port)


def test_reserving_a_taken_port_leaves_it_to_its_holder(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), ports.reserve_ports([port]):
        assert ports.describe_taken_ports([port])
