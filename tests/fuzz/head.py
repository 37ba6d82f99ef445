"""Heads and bodies of HTTP/1 through a real firewall: what arrives is what was recorded."""

from __future__ import annotations

import select
import socket
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from hypothesis import strategies as st

from tests.fuzz.targets import Target
from tests.integration.test_boundary import credential
from tests.support.firewall import Firewall
from tests.support.upstreams import FileApi

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: fuzz}}
destinations:
  - {{id: plain, hosts: [{name}], ports: [{port}], schemes: [http], addresses: [127.0.0.0/8]}}
tools:
  - {{id: secret, destination: plain, http: {{methods: [GET, POST], path: "/secret"}}}}
rules:
  - {{id: all, agents: ["*"], destinations: [plain], effect: allow}}
  - {{id: none, agents: ["*"], tools: [secret], effect: deny}}
"""

PIECES = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"chunked", b"Transfer-Encoding: chunked\r\n"]
    + [
        b"Content-Length: 5\r\n",
        b"Content-Length: 0\r\n",
        b"X-A: b\r\n",
        b"0\r\n\r\n",
        b"5\r\nhello\r\n",
    ]
    + [b"hello", b"GET /secret HTTP/1.1\r\n", b"{host}", b"{auth}", b"Expect: 100-continue\r\n"]
    + [
        b"POST /echo HTTP/1.1\r\n",
        b"GET http://{name}/secret HTTP/1.1\r\n",
        b"Connection: close\r\n",
    ]
    + [
        b" chunked\r\n",
        b"\x0b",
        b"HTTP/1.0",
        b"/secret",
        b"%2e%2e/",
        b"Host: other\r\n",
        b"\r\n\r\n",
    ]
)
START = b"POST http://{name}/echo HTTP/1.1\r\n{host}{auth}"


class HeadFuzz:
    """A firewall and an upstream; nothing may reach `/secret`, and nothing unrecorded."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.target = Target(st.lists(PIECES, max_size=14).map(b"".join), self.check)
        self._allowed = 0

    def __enter__(self) -> Self:
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self.upstream = self._stack.enter_context(FileApi(None, "plain.example.test"))
        text = POLICY.format(name=self.upstream.name, port=self.upstream.port)
        self.firewall = self._stack.enter_context(Firewall(folder, text, self.upstream))
        name = f"{self.upstream.name}:{self.upstream.port}".encode()
        self._words = {
            b"{name}": name,
            b"{host}": b"Host: " + name + b"\r\n",
            b"{auth}": credential(self.firewall) + b"\r\n",
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def check(self, tail: bytes) -> None:
        """Send it and look at what arrived."""
        data = START + tail
        for word, meaning in self._words.items():
            data = data.replace(word, meaning)
        self.upstream.forget()
        after = len(self.firewall.decisions())
        with socket.create_connection(self.firewall.address, timeout=10) as stream:
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)
            end = time.monotonic() + 5
            while time.monotonic() < end and select.select([stream], [], [], 5)[0]:
                if not stream.recv(65536):
                    break
        assert self.firewall.exit_code is None
        seen = list(self.upstream.requests)
        allowed = self.firewall.decisions()[after:]
        assert len(seen) <= sum(record["effect"] == "allow" for record in allowed)
        assert not any("secret" in request.target for request in seen)
        wire = b"".join(bytes(connection.raw) for connection in self.upstream.connections)
        assert b"GET /secret" not in wire.split(b"\r\n\r\n")[0]
