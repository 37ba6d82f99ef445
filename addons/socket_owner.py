"""Who owns the other end of a local connection, asked of the kernel (sock_diag(7), Linux)."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Mapping

from rules import parse_address

Address = tuple[str, int]

_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_NLMSG_ERROR = 2
_ANY_STATE = 0xFFFFFFFF
_NO_COOKIE = (0xFFFFFFFF, 0xFFFFFFFF)
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI")
_PORTS = struct.Struct("!HH")
_REST = struct.Struct("=III")
_UID_AT = _HEADER.size + 4 + 48 + 12
"""Where the answer has the uid: after four bytes, the socket's id and three numbers."""

SUPPORTED = sys.platform == "linux"


def socket_owner(client: Address, server: Address) -> int | None:
    """Give the user id that owns the local socket connected from `client` to `server`.

    `server` is what the client called, before any redirection. None when there is no such socket on
    this machine, or the system is not Linux. It takes some tens of microseconds.
    """
    if not SUPPORTED:
        return None
    source, target = parse_address(client[0]), parse_address(server[0])
    if source is None or target is None or source.version != target.version:
        return None
    families = [socket.AF_INET6]
    if source.version == 4:
        # A socket for both versions is listed under IPv6, its addresses mapped.
        families.insert(0, socket.AF_INET)
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_SOCK_DIAG
        ) as kernel:
            kernel.settimeout(1)
            for family in families:
                prefix = b"" if family == socket.AF_INET or source.version == 6 else _MAPPED
                kernel.send(
                    _question(
                        family, prefix + source.packed, client[1], prefix + target.packed, server[1]
                    )
                )
                owner = _answer(kernel.recv(1024))
                if owner is not None:
                    return owner
    except OSError:
        return None
    return None


def user_ids(users: Mapping[str, str]) -> dict[int, str]:
    """Give what is said of users by their ids, without names that this machine does not know."""
    found: dict[int, str] = {}
    for user, value in users.items():
        if user.isdecimal():
            found[int(user)] = value
        elif SUPPORTED:
            import pwd

            with contextlib.suppress(KeyError):
                found[pwd.getpwnam(user).pw_uid] = value
    return found


_MAPPED = bytes(10) + b"\xff\xff"


def _question(
    family: int, source: bytes, source_port: int, target: bytes, target_port: int
) -> bytes:
    body = (
        _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
        + _PORTS.pack(source_port, target_port)
        + source.ljust(16, b"\0")
        + target.ljust(16, b"\0")
        + _REST.pack(0, *_NO_COOKIE)
    )
    size = _HEADER.size + len(body)
    return _HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + body


def _answer(message: bytes) -> int | None:
    _, kind, _, _, _ = _HEADER.unpack_from(message)
    if kind == _NLMSG_ERROR:
        code = -struct.unpack_from("=i", message, _HEADER.size)[0]
        if code in (errno.ENOENT, errno.EINVAL):
            return None
        raise OSError(code, os.strerror(code))
    uid, inode = struct.unpack_from("=II", message, _UID_AT)
    # A socket that its process has closed already is nobody's, and the kernel then says root.
    return int(uid) if inode else None
