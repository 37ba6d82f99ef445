"""A name server that knows no name and remembers what it was asked."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import Self

from mitmproxy.dns import DNSMessage
from mitmproxy.net.dns import response_codes


class NameServer:
    """Answers on a loopback address of its own, port 53, so it needs root; `asked` are the names."""

    def __init__(self) -> None:
        number = os.getpid()
        # Tests run in several processes at once.
        self.address = f"127.53.{number >> 8 & 255}.{number & 255}"
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)

    def __enter__(self) -> Self:
        self._socket.bind((self.address, 53))
        self._socket.settimeout(0.1)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._socket.close()

    def _answer(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                packet, client = self._socket.recvfrom(4096)
                question = DNSMessage.unpack(packet)
                self.asked += [one.name for one in question.questions]
                self._socket.sendto(question.fail(response_codes.NXDOMAIN).packed, client)
