"""A client with a pinned certificate: TLS of its own inside a tunnel, byte by byte under control."""

from __future__ import annotations

import base64
import socket
import ssl
from pathlib import Path

from tests.support.firewall import Firewall


def tunnel(firewall: Firewall, authority: str, token: str | None = None) -> socket.socket:
    """Ask for a tunnel; raises `ConnectionRefusedError` with the proxy's answer."""
    token = token or (firewall.home / "default.token").read_text().strip()
    credential = base64.b64encode(f"{token}:".encode()).decode()
    plain = socket.create_connection(firewall.address, timeout=10)
    plain.sendall(
        f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
        f"Proxy-Authorization: Basic {credential}\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = plain.recv(1)
        if not piece:
            break
        head += piece
    if b" 200 " not in head.split(b"\r\n")[0]:
        plain.close()
        raise ConnectionRefusedError(head.decode("latin-1"))
    return plain


def pinned(plain: socket.socket, ca: Path, name: str | None) -> ssl.SSLSocket:
    """Speak TLS that trusts one CA alone, naming a server or none."""
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = name is not None
    return context.wrap_socket(plain, server_hostname=name)


def client_hello(name: str) -> bytes:
    """Give the first bytes that such a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    speaking = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        speaking.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def with_extension(hello: bytes, kind: int, body: bytes) -> bytes:
    """Put one more extension at the end of a ClientHello of one record."""
    added = kind.to_bytes(2) + len(body).to_bytes(2) + body
    # Record header 5, handshake header 4, version 2, random 32, session, ciphers, compression.
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2])
    at += 1 + hello[at]
    size = int.from_bytes(hello[at : at + 2])
    message = hello[9:at] + (size + len(added)).to_bytes(2) + hello[at + 2 :] + added
    message = b"\x01" + len(message).to_bytes(3) + message
    return hello[:3] + len(message).to_bytes(2) + message
