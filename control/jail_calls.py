"""The system calls of a jail that Python has no functions for."""

from __future__ import annotations

import ctypes
import os
import struct


class UnableError(Exception):
    """A jail cannot be made; the text says what is missing."""


libc = ctypes.CDLL(None, use_errno=True)

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY = 442, -100, 0x8000, 1

_CAPABILITIES_VERSION = 0x20080522


def check(result: int, what: str) -> int:
    """Raise `OSError` about a thing when a call failed."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Attach a file system, or show a place at another one."""
    arguments = [text.encode() if text else None for text in (source, target, kind)]
    check(libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None), target)


def make_read_only(path: str, recursive: bool = True) -> None:
    """Make a mount read-only, and those below it."""
    attributes = struct.pack("=QQQQ", _ATTR_RDONLY, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    check(
        libc.syscall(
            ctypes.c_long(_MOUNT_SETATTR),
            ctypes.c_int(_AT_FDCWD),
            path.encode(),
            ctypes.c_uint(flags),
            attributes,
            ctypes.c_size_t(len(attributes)),
        ),
        path,
    )


def prctl(option: int, *arguments: int) -> int:
    """Change what this process may; gives -1 when it failed."""
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    return int(libc.prctl(option, *values))


def set_capabilities(inheritable: int, keep: bool) -> None:
    """Set the capability sets: all of what is permitted kept, or nothing."""
    header = struct.pack("=Ii", _CAPABILITIES_VERSION, 0)
    had = ctypes.create_string_buffer(24)
    check(libc.capget(header, had), "capget")
    effective, permitted, _, effective2, permitted2, _ = struct.unpack("=6I", had.raw)
    if not keep:
        effective = permitted = effective2 = permitted2 = 0
    data = struct.pack("=6I", effective, permitted, inheritable, effective2, permitted2, 0)
    check(libc.capset(header, data), "capset")
