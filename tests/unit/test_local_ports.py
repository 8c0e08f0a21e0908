"""The ports of the shop, and outgoing connections that might take them."""

import errno
import socket
import struct

import pytest

from pizzashop.local import ports

IP_LOCAL_PORT_RANGE = 51
"""From Linux's `in.h`; Python 3.11 has no name for it."""


def connects_from(port: int) -> bool:
    """Whether the kernel gives an outgoing connection this port, where it has no other to give."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        try:
            client.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, struct.pack("=I", port << 16 | port))
        except OSError as error:
            pytest.skip(f"this kernel cannot limit the ports of one socket: {error}")
        # The port stays free afterwards: no connection of it waits for its end.
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


def test_no_outgoing_connection_takes_a_reserved_port_and_a_server_may(port: int) -> None:
    assert connects_from(port)
    with ports.reserved([port]):
        assert not connects_from(port)
        with socket.create_server(("127.0.0.1", port)):
            assert ports.taken([port]) == [port]
        assert ports.taken([port]) == []
    assert connects_from(port)


def test_a_port_that_somebody_holds_is_left_to_them(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), ports.reserved([port]):
        assert ports.held([port])
