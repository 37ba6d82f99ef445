"""The owner of a local connection, asked of the real kernel."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from addons.socket_owner import socket_owner, user_ids

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sock_diag is Linux's")


@pytest.fixture(params=["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A client's socket and the one that was accepted for it."""
    mapped = request.param.startswith("::ffff")
    listening = "127.0.0.1" if mapped else request.param
    server = socket.socket(socket.AF_INET6 if ":" in listening else socket.AF_INET)
    client = socket.socket(socket.AF_INET6 if ":" in request.param else socket.AF_INET)
    with server, client:
        server.bind((listening, 0))
        server.listen()
        client.connect((request.param, server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted:
            yield client, accepted


def test_a_connection_is_its_users(pair: tuple[socket.socket, socket.socket]) -> None:
    _, accepted = pair
    owner = socket_owner(accepted.getpeername()[:2], accepted.getsockname()[:2])
    assert owner == os.getuid()


def test_a_closed_socket_is_nobodys(pair: tuple[socket.socket, socket.socket]) -> None:
    client, accepted = pair
    names = accepted.getpeername()[:2], accepted.getsockname()[:2]
    client.close()
    # The kernel calls root the owner of a socket that no process holds.
    assert socket_owner(*names) is None


def test_a_connection_that_there_is_not_is_nobodys() -> None:
    assert socket_owner(("127.0.0.1", 1), ("127.0.0.1", 2)) is None
    assert socket_owner(("192.0.2.1", 1), ("127.0.0.1", 2)) is None
    assert socket_owner(("::1", 1), ("127.0.0.1", 2)) is None


def test_users_are_known_by_name_and_number() -> None:
    assert user_ids({"root": "a", "1234": "b", "no-such-user-here": "c"}) == {0: "a", 1234: "b"}
