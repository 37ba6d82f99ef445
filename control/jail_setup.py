"""The program that makes a jail and runs a command in it; `control/jail.py` starts it.

It is run by an interpreter without site packages, and imports no more than it has to. It enters the
namespaces, hands the sockets of the jail's network out, covers what the command must not reach,
gives all its rights up and starts the command as the child of an init of its own.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from control.jail_calls import UnableError, check, prctl
from control.jail_network import make_network
from control.jail_rights import give_up_rights
from control.jail_view import cover

BAD_INPUT = 2
NOT_EXECUTABLE, NOT_FOUND, BY_SIGNAL = 126, 127, 128
_PDEATHSIG = 1

_PASSED_ON = {
    *(signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT),
    *(signal.SIGUSR1, signal.SIGUSR2),
}
_FROM_KERNEL = 0x80


def wait_for(child: int) -> int:
    """Wait for a child to end, reap others and pass signals on; gives its code as a shell would.

    What the terminal tells goes to all processes in front, so the child has got that already.
    """
    while True:
        told = signal.sigwaitinfo({*_PASSED_ON, signal.SIGCHLD})
        if told.si_signo != signal.SIGCHLD:
            if told.si_code != _FROM_KERNEL:
                os.kill(child, told.si_signo)
            continue
        while True:
            try:
                ended, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1
            if not ended:
                break
            if ended == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else BY_SIGNAL - code


class _Line:
    """The line to the command that started us: JSON, one message a line."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._reader = self._socket.makefile("rb")

    def say(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        socket.send_fds(self._socket, [json.dumps(message).encode() + b"\n"], descriptors)

    def hear(self) -> dict[str, Any]:
        line = self._reader.readline()
        if not line:
            sys.exit(1)  # it has ended; so do we
        heard: dict[str, Any] = json.loads(line)
        return heard

    def close(self) -> None:
        self._reader.close()
        self._socket.close()


def main() -> int:
    """Make the jail; gives the exit code of the command."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED_ON, signal.SIGCHLD})
    line = _Line(int(sys.argv[1]))
    plan = line.hear()
    try:
        _enter(line)
        sockets = make_network(plan["nft"])
        # Not before: the next process is the first one in there, with which all others end.
        _unshare(os.CLONE_NEWPID, "process")
        init = os.fork()
        if not init:
            os._exit(_guarded(line, plan, sockets, before))
    except (OSError, UnableError) as error:
        line.say({"error": _why(error)})
        return BAD_INPUT
    for one in sockets:
        one.close()  # once the firewall has ended nobody may listen any more
    line.close()
    return wait_for(init)


def _enter(line: _Line) -> None:
    _unshare(os.CLONE_NEWUSER, "user")
    line.say({"entered": True})
    line.hear()  # the users are mapped
    _unshare(os.CLONE_NEWNET, "network")
    _unshare(os.CLONE_NEWIPC, "IPC")
    _end_with_parent()


def _unshare(flag: int, name: str) -> None:
    try:
        os.unshare(flag)
    except OSError as error:
        reason = f"the kernel gives it no {name} namespace ({error.strerror})"
        if error.errno == errno.EPERM:
            reason += "; in a container its seccomp profile may be what forbids it"
        raise UnableError(reason) from None


def _end_with_parent() -> None:
    check(prctl(_PDEATHSIG, signal.SIGKILL), "prctl")


def _guarded(
    line: _Line, plan: Mapping[str, Any], sockets: list[socket.socket], before: Iterable[int]
) -> int:
    try:
        return _be_init(line, plan, sockets, before)
    except (OSError, UnableError) as error:
        line.say({"error": _why(error)})
        return BAD_INPUT
    except BaseException as error:
        line.say({"error": f"it cannot be made ({type(error).__name__}: {error})"})
        return BAD_INPUT


def _why(error: OSError | UnableError) -> str:
    if isinstance(error, OSError):
        return f"it cannot be made: {error.filename or 'the kernel'}: {error.strerror or error}"
    return str(error)


def _be_init(
    line: _Line, plan: Mapping[str, Any], sockets: list[socket.socket], before: Iterable[int]
) -> int:
    """Be the first process of the jail: when it ends, all others in there do."""
    _end_with_parent()
    os.unshare(os.CLONE_NEWNS)
    cover(plan)
    try:
        os.chdir(plan["cwd"])
    except OSError:
        raise UnableError(
            f"the folder you stand in, {plan['cwd']}, cannot be reached in it"
        ) from None
    line.say({"ready": True}, [one.fileno() for one in sockets])
    heard = line.hear()
    for name, text in heard["files"].items():
        os.makedirs(os.path.dirname(name), exist_ok=True)
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o444)
    give_up_rights(plan)
    _end_with_parent()
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    command = os.fork()
    if not command:
        _start(heard["command"], heard["environment"], before)
    return wait_for(command)


def _start(command: list[str], environment: Mapping[str, str], before: Iterable[int]) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores them, and a command would go on to
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606
    except FileNotFoundError:
        said, code = "there is no such command", NOT_FOUND
    except OSError as error:
        said, code = f"it cannot be run ({error.strerror})", NOT_EXECUTABLE
    os.write(2, f"aegis: {command[0]}: {said}.\n".encode())
    os._exit(code)
