"""What a command in a jail sees: all but what would lead it out."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from control.jail_calls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    UnableError,
    make_read_only,
    mount,
)


def cover(plan: Mapping[str, Any]) -> None:
    """Cover all that the command must not reach; runs in a process with mounts of its own."""
    for number in (0, 1, 2):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise UnableError("a folder as standard input or output leads around what is covered")
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    uid = plan["uid"]
    places = [_own_folder(folder, plan["kept"]) for folder in TEMPORARY]
    writable = _outermost(plan["writable"])
    for path in writable:
        mount(path, path, flags=MS_BIND | MS_REC)
    pinned = set(writable)
    home = os.path.realpath(plan["home"])
    if os.path.isdir(home):
        _pin(home, uid, pinned)
        _tmpfs(home, "mode=0755,size=4k", MS_NOSUID | MS_NODEV | MS_RDONLY)
    for path in _outermost(plan["read_only"]):
        if _is_within(path, home):
            continue
        _pin(path, uid, pinned)
        mount(path, path, flags=MS_BIND | MS_REC)
        make_read_only(path)
    terminal = _terminal()
    _cover_dev(terminal)
    resolver = os.path.realpath("/etc/resolv.conf")
    covered = _cover_run(plan, resolver)
    if not any(_is_within(resolver, folder) for folder in covered):
        _bind_text(resolver, RESOLVER)
    for path in plan["sockets"]:
        _cover_socket(path, (*covered, home))
    _cover_proc_and_sys(plan["system_read_only"])
    if plan["system_read_only"]:
        _freeze([*writable, *filter(None, places), "/proc", "/dev", *covered, home])


TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108
RESOLVER = "# The firewall answers.\nnameserver 127.0.0.1\n"


def _tmpfs(path: str, options: str, flags: int = MS_NOSUID | MS_NODEV) -> None:
    mount("tmpfs", path, "tmpfs", flags, options)


def _own_folder(folder: str, kept: Iterable[str]) -> str:
    """Put an empty folder for temporary files in place of that of all, but for what is kept of it.

    There lie the sockets of terminal multiplexers, of agents for keys and of editors, which run
    for whoever connects to them what they are told to; new ones are made at any time.
    """
    folder = os.path.realpath(folder)
    paths = _outermost(path for path in kept if _is_within(os.path.realpath(path), folder))
    if folder in paths or not os.path.isdir(folder):
        return ""  # the command is to work on just that
    sources = [(path, os.open(path, os.O_PATH)) for path in paths]
    _tmpfs(folder, "mode=1777")
    for path, descriptor in sources:
        os.makedirs(path)
        mount(f"/proc/self/fd/{descriptor}", path, flags=MS_BIND | MS_REC)
        os.close(descriptor)
    return folder


def _pin(path: str, uid: int, pinned: set[str]) -> None:
    """Have the folders above a path stay where they are: a place that is a mount has one name.

    Else one could be moved away and another put in its place, for those who come later.
    """
    parts = path.split("/")[1:-1]
    for count in range(1, len(parts) + 1):
        folder = "/" + "/".join(parts[:count])
        above = os.stat(os.path.dirname(folder))
        movable = above.st_uid == uid or above.st_mode & 0o022
        if movable and folder not in pinned:
            mount(folder, folder, flags=MS_BIND | MS_REC)
            pinned.add(folder)


def _outermost(paths: Iterable[str]) -> list[str]:
    found: list[str] = []
    for path in sorted({os.path.realpath(path) for path in paths}):
        if os.path.exists(path) and not any(_is_within(path, other) for other in found):
            found.append(path)
    return found


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _bind_text(path: str, text: str) -> None:
    """Put a small file over another."""
    place = "/dev/.aegis"
    with open(place, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(place, 0o444)
    mount(place, path, flags=MS_BIND)
    make_read_only(path, recursive=False)
    os.unlink(place)


def _terminal() -> str | None:
    for number in (0, 1, 2):
        try:
            return os.ttyname(number)
        except OSError:
            continue
    return None


_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")


def _cover_dev(terminal: str | None) -> None:
    """Make a /dev of the harmless devices, without the terminals and memory of others."""
    sources = {name: os.open(f"/dev/{name}", os.O_PATH) for name in _DEVICES}
    if terminal is not None:
        sources["console"] = os.open(terminal, os.O_PATH)
    _tmpfs("/dev", "mode=0755", MS_NOSUID)
    for name, descriptor in sources.items():
        with open(f"/dev/{name}", "x"):
            pass
        mount(f"/proc/self/fd/{descriptor}", f"/dev/{name}", flags=MS_BIND)
        os.close(descriptor)
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"/dev/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"/dev/{name}")
    mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666")
    os.symlink("pts/ptmx", "/dev/ptmx")
    _tmpfs("/dev/shm", "mode=1777")  # noqa: S108 - not a file


def _cover_run(plan: Mapping[str, Any], resolver: str) -> list[str]:
    """Cover /run, where the sockets of services are: Docker's, D-Bus, name services."""
    folders = _outermost(path for path in ("/run", "/var/run") if os.path.isdir(path))
    for folder in folders:
        links = {
            entry.name: os.readlink(entry.path)
            for entry in os.scandir(folder)
            if entry.is_symlink()
        }
        _tmpfs(folder, "mode=0755")
        for name, target in links.items():
            os.symlink(target, f"{folder}/{name}")
        if _is_within(resolver, folder):
            os.makedirs(os.path.dirname(resolver), exist_ok=True)
            with open(resolver, "w", encoding="ascii") as file:
                file.write(RESOLVER)
    return folders


def _cover_socket(path: str, covered: Sequence[str]) -> None:
    try:
        real = os.path.realpath(path)
        if any(_is_within(real, folder) for folder in covered):
            return
        if stat.S_ISSOCK(os.stat(real).st_mode):
            mount("/dev/null", real, flags=MS_BIND)
    except FileNotFoundError:
        return


def _cover_proc_and_sys(root: bool) -> None:
    try:
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except PermissionError:
        raise UnableError(
            "the kernel gives it no /proc of its own, as in a container that hides parts of /proc "
            "(Docker: --security-opt systempaths=unconfined)"
        ) from None
    if root:
        # It owns what it would need rights for; others cannot write these, and may mount a /proc.
        for name in ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "scsi"):
            path = f"/proc/{name}"
            if os.path.exists(path):
                mount(path, path, flags=MS_BIND | MS_REC)
                make_read_only(path)
        for name in ("kcore", "keys", "kmsg", "timer_list", "sched_debug"):
            path = f"/proc/{name}"
            if os.path.exists(path):
                mount("/dev/null", path, flags=MS_BIND)
    if os.path.isdir("/sys"):
        mount("/sys", "/sys", flags=MS_BIND | MS_REC)
        make_read_only("/sys")


def _freeze(kept: Sequence[str]) -> None:
    """Make every mount read-only but those that are kept as they are."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        points = {_unescape(line.split(" ")[4]) for line in file}
    for point in points:
        if not any(_is_within(point, path) for path in kept):
            make_read_only(point, recursive=False)


def _unescape(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
