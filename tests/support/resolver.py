"""A DNS server that counts what it is asked, and how a firewall is made to ask it."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

ADDRESS = "127.0.0.153"


class DnsStub:
    """Answers A questions from a table; each question takes the next list of addresses."""

    def __init__(self, table: Mapping[str, list[list[str]]]) -> None:
        self._table = {name: list(answers) for name, answers in table.items()}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self._socket.bind((ADDRESS, 53))
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                query, client = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(query), client)
            except OSError:
                return

    def _answer(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii"))
            at += 1 + query[at]
        name, kind = ".".join(labels).lower(), int.from_bytes(query[at + 1 : at + 3])
        self.asked.append(name)
        found: list[str] = []
        answers = self._table.get(name)
        if kind == 1 and answers:
            found = answers.pop(0) if len(answers) > 1 else answers[0]
        records = b"".join(
            b"\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04" + socket.inet_aton(address) for address in found
        )
        code = 0 if name in self._table else 3
        head = (
            query[:2] + bytes([0x81, 0x80 | code]) + b"\0\x01" + len(found).to_bytes(2) + bytes(4)
        )
        return head + query[12 : at + 5] + records


def possible() -> bool:
    """Tell whether this process may give another one a resolver of its own."""
    if os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0


def prefix(folder: Path) -> tuple[str, ...]:
    """Give what comes before a command that is to ask the stub and nobody else."""
    (folder / "resolv.conf").write_text(f"nameserver {ADDRESS}\noptions attempts:1 timeout:1\n")
    (folder / "nsswitch.conf").write_text("hosts: files dns\n")
    mounts = " && ".join(
        f"touch /etc/{name} && mount --bind {folder}/{name} /etc/{name}"
        for name in ("resolv.conf", "nsswitch.conf")
    )
    return ("unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh")
