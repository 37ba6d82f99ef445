"""What a command in a jail can do: all its rights taken, for good."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
from collections.abc import Mapping
from typing import Any

from control.jail_calls import check, libc, prctl, set_capabilities

_SECCOMP, _CAPBSET_DROP, _NO_NEW_PRIVS, _CAP_AMBIENT = 22, 24, 38, 47
_LAST_CAPABILITY = 63
_KEYCTL = {"x86_64": 250, "aarch64": 219}
_JOIN_SESSION_KEYRING = 1

_CALLS = {
    "x86_64": (0xC000003E, {"socket": 41, "ioctl": 16, "add_key": 248, "request_key": 249}),
    "aarch64": (0xC00000B7, {"socket": 198, "ioctl": 29, "add_key": 217, "request_key": 218}),
}
_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97


def _filter() -> bytes:
    """Give the seccomp filter.

    No sockets but those that belong to the network namespace or the file system: others, such as
    AF_VSOCK, lead out of it. No io_uring, which opens sockets past the filter. No typing into the
    terminal, which outlives the jail. No keyrings. No calls of another architecture, whose numbers
    mean something else.
    """
    architecture, calls = _CALLS[platform.machine()]
    load, equal, above, give = 0x20, 0x15, 0x35, 0x06
    number, arch, argument0, argument1 = 0, 4, 16, 24
    refuse, allow = 0x00050000, 0x7FFF0000

    program: list[tuple[int, int, int, int]] = [
        (load, 0, 0, arch),
        (equal, 1, 0, architecture),
        (give, 0, 0, refuse | _ENOSYS),
        (load, 0, 0, number),
        (above, 0, 1, 0x40000000),  # the x32 numbers of x86-64
        (give, 0, 0, refuse | _ENOSYS),
    ]
    for denied in (425, calls["add_key"], calls["request_key"], _KEYCTL[platform.machine()]):
        program += [(equal, 0, 1, denied), (give, 0, 0, refuse | _ENOSYS)]
    families = [(equal, len(_FAMILIES) - index, 0, f) for index, f in enumerate(_FAMILIES)]
    program += [
        (equal, 0, len(families) + 3, calls["socket"]),
        (load, 0, 0, argument0),
        *families,
        (give, 0, 0, refuse | _EAFNOSUPPORT),
        (give, 0, 0, allow),
        (equal, 0, 4, calls["ioctl"]),
        (load, 0, 0, argument1),
        (equal, 1, 0, _TERMINAL_INPUT[0]),
        (equal, 0, 1, _TERMINAL_INPUT[1]),
        (give, 0, 0, refuse | _EPERM),
        (give, 0, 0, allow),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in program)


def give_up_rights(plan: Mapping[str, Any]) -> None:
    """Become the user, without any capability or a way to gain one, behind the filter."""
    libc.syscall(
        ctypes.c_long(_KEYCTL[platform.machine()]), ctypes.c_int(_JOIN_SESSION_KEYRING), None
    )
    for capability in range(_LAST_CAPABILITY + 1):
        if prctl(_CAPBSET_DROP, capability) < 0:
            break
    if plan["groups"] is not None:
        os.setgroups(plan["groups"])
    os.setresgid(plan["gid"], plan["gid"], plan["gid"])
    os.setresuid(plan["uid"], plan["uid"], plan["uid"])
    check(prctl(_CAP_AMBIENT, 4), "ambient")  # clears them all
    set_capabilities(0, keep=False)
    check(prctl(_NO_NEW_PRIVS, 1), "no_new_privs")
    code = _filter()
    kept = ctypes.create_string_buffer(code)
    program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(kept))
    check(libc.prctl(_SECCOMP, ctypes.c_ulong(2), program, 0, 0), "seccomp")
