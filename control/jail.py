"""A jail for one command: namespaces of its own, whose only way out is the firewall."""

from __future__ import annotations

import grp
import json
import os
import platform
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger import Home

MACHINES = ("x86_64", "aarch64")
STOP_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parent.parent
_SETUP = """\
import sys
sys.path.append(sys.argv.pop(1))
from control.jail_setup import main
sys.exit(main())
"""
_FOR_PYTHON = ("LD_LIBRARY_PATH",)
_TOOLS = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin"


class JailError(Exception):
    """A jail cannot be made; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """Sockets in the network of a jail: what all its TCP comes to, and its DNS."""

    gates: tuple[socket.socket, ...]
    dns_udp: tuple[socket.socket, ...]
    dns_tcp: tuple[socket.socket, ...]

    @property
    def all(self) -> tuple[socket.socket, ...]:
        """All of them."""
        return (*self.gates, *self.dns_udp, *self.dns_tcp)

    def close(self) -> None:
        """Close our copies."""
        for one in self.all:
            one.close()


@dataclass(frozen=True, slots=True)
class User:
    """Who the command is; `groups` None leaves the groups as they are."""

    uid: int
    gid: int
    groups: tuple[int, ...] | None
    entry: pwd.struct_passwd | None = None
    """What the machine knows of a user that is not the one who calls."""


class Jail:
    """A jail that is ready for its command."""

    def __init__(self, process: subprocess.Popen[bytes], line: _Line, sockets: Sockets) -> None:
        self.process, self.sockets = process, sockets
        self._line = line

    @property
    def descriptors(self) -> tuple[int, ...]:
        """Our descriptors of its sockets, for the firewall."""
        return tuple(one.fileno() for one in self.sockets.all)

    def hand_over(self) -> None:
        """Close our copies of the sockets, so that with the firewall nobody listens any more."""
        self.sockets.close()

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], files: Mapping[str, str]
    ) -> subprocess.Popen[bytes]:
        """Start the command; `files` are what it finds in place of the home folder."""
        self._line.say({"command": command, "environment": environment, "files": files})
        return self.process

    @property
    def problem(self) -> str:
        """Say why the command was not started, nothing when it was."""
        said = self._line.hear()
        return str(said["error"]) if said and "error" in said else ""


def user_of(name: str) -> User:
    """Give the user that a command is to be; raises `JailError`."""
    if not name:
        return User(os.getuid(), os.getgid(), None)
    if os.getuid() != 0:
        raise JailError("--user needs root.")
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise JailError(f"there is no user '{name}'.") from None
    groups = [g.gr_gid for g in grp.getgrall() if name in g.gr_mem]
    return User(found.pw_uid, found.pw_gid, tuple(sorted({found.pw_gid, *groups})), found)


@contextmanager
def jail(home: Home, user: User, kept: Sequence[Path] = ()) -> Iterator[Jail]:
    """Make a jail, and end all that runs in it at the end; raises `JailError`.

    `kept` are files and folders that the command must not change.
    """
    nft = _check()
    near, far = socket.socketpair()
    with near:
        line = _Line(near)
        with far:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _SETUP, str(_ROOT), str(far.fileno())],
                pass_fds=(far.fileno(),),
                # It becomes the first process in there, whose environment can be read.
                env={"LC_ALL": "C.UTF-8"}
                | {name: os.environ[name] for name in _FOR_PYTHON if name in os.environ},
            )
        try:
            line.say(_plan(home, user, nft, kept))
            line.expect("entered")
            _map_users(process.pid, user)
            line.say({})
            line.expect("ready")
            gates, dns_udp, dns_tcp = (tuple(line.sockets[kind::3]) for kind in range(3))
            sockets = Sockets(gates, dns_udp, dns_tcp)
            try:
                yield Jail(process, line, sockets)
            finally:
                sockets.close()
        finally:
            _end(process)


def _check() -> str:
    """Find what a jail needs; gives the path of nft."""
    if sys.platform != "linux":
        raise JailError(f"a jail needs Linux; this is {sys.platform}.")
    if platform.machine() not in MACHINES:
        raise JailError(f"a jail needs {' or '.join(MACHINES)}; this is {platform.machine()}.")
    nft = shutil.which("nft", path=_TOOLS) or shutil.which("nft")
    if nft is None:
        raise JailError("a jail needs nft; install nftables (apt-get install nftables).")
    if _sysctl("user/max_user_namespaces") == "0":
        raise JailError("a jail needs user namespaces; sysctl user.max_user_namespaces is 0 here.")
    if os.geteuid() != 0 and _sysctl("kernel/unprivileged_userns_clone") == "0":
        raise JailError(
            "a jail needs user namespaces, which only root has here: "
            "sysctl kernel.unprivileged_userns_clone is 0."
        )
    return nft


def _sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text("ascii").strip()
    except OSError:
        return ""


def _plan(home: Home, user: User, nft: str, kept: Sequence[Path]) -> dict[str, Any]:
    root = user.uid == 0
    cwd = Path.cwd()
    own = [str(_ROOT), sys.prefix, sys.base_prefix]
    files = [str(path) for path in kept if not cwd.is_relative_to(path)]
    working = [str(cwd), os.path.expanduser("~")]
    return {
        "nft": nft,
        "uid": user.uid,
        "gid": user.gid,
        "groups": user.groups,
        "home": str(home.folder.resolve()),
        "cwd": str(cwd),
        # What the firewall itself consists of, lest it be changed for the next time it starts.
        "read_only": [*own, *files],
        "sockets": _unix_sockets(),
        # What is not hidden with the temporary files of all.
        "kept": [*working, *own],
        # Root may write everywhere, so also where a service of the machine runs what it finds.
        "system_read_only": root,
        "writable": [place for place in working if place != "/"] if root else [],
    }


def _unix_sockets() -> list[str]:
    """Give the paths of the sockets that others listen on."""
    found: dict[str, None] = {}
    lines = Path("/proc/net/unix").read_text("utf-8", errors="surrogateescape").splitlines()
    for line in lines[1:]:
        words = line.split(None, 7)
        if len(words) == 8 and words[7].startswith("/"):
            found[words[7]] = None
    return list(found)


def _map_users(pid: int, user: User) -> None:
    """Say which users there are in the jail: the calling one and the one the command becomes."""
    uids, gids = {os.geteuid(), user.uid}, {os.getegid(), user.gid, *(user.groups or ())}
    place = Path(f"/proc/{pid}")
    try:
        if user.groups is None:
            # What membership of a group forbids must not be got by leaving it.
            place.joinpath("setgroups").write_text("deny")
        place.joinpath("uid_map").write_text("\n".join(f"{one} {one} 1" for one in uids))
        place.joinpath("gid_map").write_text("\n".join(f"{one} {one} 1" for one in gids))
    except OSError as error:
        raise JailError(_with_hint(f"users cannot be mapped ({error.strerror})")) from None


def _with_hint(reason: str) -> str:
    if os.geteuid() != 0 and _sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "a jail needs user namespaces, which AppArmor restricts here: sysctl "
            "kernel.apparmor_restrict_unprivileged_userns is 1. An AppArmor profile for "
            f"{os.path.realpath(sys.executable)} with `userns,` allows them ({reason})."
        )
    return f"no jail: {reason}."


def _end(process: subprocess.Popen[bytes]) -> None:
    # With the first process all others in there are killed by the kernel.
    if process.poll() is None:
        process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)


class _Line:
    """The line to the program that makes the jail: JSON, one message a line."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._heard = b""
        self.sockets: list[socket.socket] = []

    def say(self, message: Mapping[str, Any]) -> None:
        # It may have ended; what it said before is heard then.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        """Give the next message, nothing when there will be none."""
        while b"\n" not in self._heard:
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 65536, 16)
            except ConnectionResetError:
                data, descriptors = b"", []
            self.sockets += [socket.socket(fileno=one) for one in descriptors]
            if not data:
                return {}
            self._heard += data
        text, _, self._heard = self._heard.partition(b"\n")
        heard: dict[str, Any] = json.loads(text)
        return heard

    def expect(self, what: str) -> None:
        heard = self.hear()
        if what not in heard:
            raise JailError(_with_hint(str(heard.get("error", "its program ended"))))


def take_terminal_back() -> None:
    """Take the terminal back from a shell that was in front and has ended."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return
    former = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.tcsetpgrp(terminal, os.getpgrp())
    except OSError:
        pass
    finally:
        signal.signal(signal.SIGTTOU, former)
        os.close(terminal)
