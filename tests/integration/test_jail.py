"""`aegis run --jail`: a command whose only way out is the firewall, tried from inside."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.jailer import Jailer, said, why_not
from tests.support.name_server import NameServer
from tests.support.process import PROJECT

PROBE = PROJECT / "tests" / "support" / "jail_probe.py"
REFUSED = "HTTP/1.1 403"


def jailer(world, who, name_server=""):
    if reason := why_not(who):
        pytest.skip(reason)
    return Jailer(who, world.policy(), world.upstreams, name_server)


def listen(stack: ExitStack, path: str) -> str:
    """Listen on a Unix socket as a service of the machine does, and greet."""
    server = stack.enter_context(socket.socket(socket.AF_UNIX))
    server.bind(path)
    if not path.startswith("\0"):
        os.chmod(path, 0o777)
    server.listen()
    stack.callback(server.shutdown, socket.SHUT_RDWR)  # else the thread keeps it open

    def greet():
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            client.sendall(b"hello from outside")
            client.close()

    threading.Thread(target=greet, daemon=True).start()
    return path


@pytest.fixture(scope="module", params=["root", "user"])
def probed(world, request) -> Iterator[SimpleNamespace]:
    """One run of the probe, with all that it found and that was seen of it outside."""
    world.forget()
    with ExitStack() as stack:
        names = NameServer() if os.geteuid() == 0 else None
        if names is not None:
            stack.enter_context(names)
        jail = stack.enter_context(jailer(world, request.param, names.address if names else ""))
        sockets = [
            listen(stack, str(jail.work / "agent.sock")),
            listen(stack, f"\0aegis-test-{os.getpid()}"),
        ]
        asked = {
            **{
                name: {"name": upstream.name, "port": upstream.port}
                for name, upstream in vars(world).items()
                if name in ("files", "plain", "llm")
            },
            "home": str(jail.home),
            "policy": str(jail.policy),
            "program": str(PROJECT / "addons" / "gate.py"),
            "sockets": sockets,
        }
        inherited = {
            "HTTPS_PROXY": "http://127.0.0.1:1",
            "https_proxy": "http://127.0.0.1:1",
            "SSH_AUTH_SOCK": sockets[0],
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/0/bus",
            "AEGIS_TOKEN": "secret",
            "MINE": "stays",
        }
        done = jail.run(*jail.behind, "--", sys.executable, PROBE, json.dumps(asked), env=inherited)
        assert done.returncode == 7, done.stderr
        yield SimpleNamespace(
            jail=jail,
            world=world,
            found=said(done.stdout),
            err=done.stderr,
            touched=world.touched,
            targets=[request.target for one in world.upstreams for request in one.requests],
            looked_up=names.asked if names else None,
            decisions=jail.records("decision"),
            names=jail.records("name"),
        )


def test_clients_that_know_of_no_proxy_go_through_the_firewall(probed):
    found = probed.found
    for client in ("curl", "plain"):
        code, out = found[client]
        assert code == 0
        assert json.loads(out)["target"] == f"/echo?{client}"
    assert found["urllib3"] == 200
    assert found["socket"][0] == "HTTP/1.1 200"
    # Wherever it dials, the call goes to where the firewall finds the name.
    assert found["other address"][0] == "HTTP/1.1 200"
    assert set(probed.touched) == {probed.world.files.name, probed.world.plain.name}
    assert all(target.startswith("/echo") for target in probed.targets)


def test_every_call_is_the_agents_and_recorded(probed):
    assert {r["agent"].rpartition("/")[2] for r in probed.decisions} == {"default"}
    assert len({r["token_id"] for r in probed.decisions}) == 1
    assert len([r for r in probed.decisions if r["effect"] == "allow"]) == 5
    assert "denied" in probed.err


@pytest.mark.parametrize("what", ["literal", "literal ipv6"])
def test_addresses_that_no_policy_names_are_refused(probed, what):
    status, body = probed.found[what]
    assert status.startswith(REFUSED)
    assert json.loads(body)["error"]["code"] == "policy_denied"


@pytest.mark.parametrize("what", ["fronted", "other name", "forgotten"])
def test_an_address_is_good_for_its_own_name_alone(probed, what):
    status, body = probed.found[what]
    assert status.startswith("HTTP/1.1 421")
    assert json.loads(body)["error"]["code"] == "destination_mismatch"
    assert probed.world.llm.name not in probed.touched


def test_what_is_no_http_gets_nowhere(probed):
    found = probed.found
    assert found["raw"][0].startswith("HTTP/1.1 400")
    assert found["quic"] == "ECONNREFUSED"
    assert found["host loopback"] == "ECONNREFUSED"


def test_names_that_policy_does_not_name_are_not_found(probed):
    found = probed.found
    assert found["refused name"][0] == 6  # curl: could not resolve host
    assert found["refused tool"] in ("gaierror", "ENOENT") or "gaierror" in str(
        found["refused tool"]
    )
    for server in ("8.8.8.8", "2001:4860:4860::8888", "127.0.0.53"):
        assert found[f"dns {server} refused"] == ["NXDOMAIN"]
    assert found["dns txt"] == ["NXDOMAIN"]


def test_names_that_policy_names_have_addresses_that_stand_for_them(probed):
    found = probed.found
    assert found["getent"][0] == 0
    assert found["stable"]
    (address,) = {found[f"dns {s}"][1] for s in ("8.8.8.8", "2001:4860:4860::8888", "127.0.0.53")}
    assert address.startswith("198.18.")
    code, ipv6 = found["dns tcp"]
    assert (code, ipv6.startswith("fd5a:e915:")) == ("NOERROR", True)
    assert found["dns wildcard"][0] == "NOERROR"
    assert found["dns wildcard"][1] != address
    assert found["dns https"] == ["NOERROR"]


def test_no_name_is_looked_up_before_its_call_is_decided_on(probed):
    if probed.looked_up is None:
        pytest.skip("only root can watch what the machine looks up")
    assert set(probed.looked_up) == {"nowhere.example.test"}
    assert probed.found["nowhere"][0].startswith("HTTP/1.1 502")


def test_refused_names_are_recorded_without_a_flood(probed):
    names = probed.names
    assert {"exfil.evil.test", "secret-################.evil.test"} <= {r["name"] for r in names}
    assert len(names) < 130
    assert sum(r["count"] for r in names) >= 300
    assert not any("4111111111111111" in json.dumps(record) for record in names)
    assert "names refused" in probed.err


def test_the_firewalls_own_things_cannot_be_reached(probed):
    found = probed.found
    assert found["home"] == []
    assert found["key"] == "ENOENT"
    assert (probed.jail.home / "log.key").exists()
    assert found["policy"] == "EROFS"
    assert found["program"] in ("EROFS", "EACCES")
    assert found["policy moved"] == found["home moved"] == "EBUSY"
    assert not any("-m addons" in line or " run --jail" in line for line in found["processes"])
    outside = [
        link
        for link in found["descriptors"]
        if not link.startswith(("pipe:", "/dev/null", "/proc/")) and link != "ENOENT"
    ]
    assert outside == []


def test_unix_sockets_of_others_cannot_be_reached(probed):
    assert probed.found["sockets"] == ["ECONNREFUSED", "ECONNREFUSED"]
    assert set(probed.found["run"]) <= {"aegis", "lock", "shm"}
    # The temporary files are its own, so that later sockets are out of reach as well.
    needed = [probed.jail.folder, PROJECT, Path(sys.prefix), Path(sys.base_prefix)]
    kept = {path.resolve().parts[2] for path in needed if path.resolve().is_relative_to("/tmp")}
    assert set(probed.found["temporary"]) == kept


def test_it_has_no_rights_and_gains_none(probed):
    found, status = probed.found, probed.found["status"]
    assert found["ids"] == [probed.jail.uid, probed.jail.uid]
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert found["vsock"] == "EAFNOSUPPORT"
    assert found["io_uring"] == "ENOSYS"
    assert found["typing"] == "EPERM"
    assert found["system"] in ("EROFS", "EACCES")
    assert found["core pattern"] in ("EROFS", "EACCES")


def test_a_namespace_inside_leads_nowhere(probed):
    code, out = probed.found["nested"]
    assert (code, out) != (0, "out\n")
    assert out.strip() == ""
    assert "/nested" not in probed.targets


def test_it_works_on_its_files_with_the_environment_of_a_jail(probed):
    found, environment = probed.found, probed.found["environment"]
    assert found["work"] == "written"
    made = probed.jail.work / "made-inside"
    assert made.stat().st_uid == probed.jail.uid
    assert environment["MINE"] == "stays"
    assert environment["SSL_CERT_FILE"] == "/run/aegis/ca-bundle.pem"
    gone = ("proxy", "aegis_", "ssh_auth", "dbus_")
    assert not [name for name in environment if name.lower().endswith(gone[0])]
    assert not [name for name in environment if name.lower().startswith(gone[1:])]


# Runs of their own ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(world) -> Iterator[Jailer]:
    with jailer(world, "user") as jail:
        yield jail


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def processes(*words: str) -> list[int]:
    """Give the processes whose command line has these words."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if all(os.fsencode(word) in line for word in words):
            found.append(int(folder.name))
    return found


@pytest.mark.parametrize("who", [pytest.param("root", id="root as nobody"), "user"])
def test_all_ends_with_a_run_that_is_killed_and_without_a_firewall_nothing_leaves(world, who):
    world.forget()
    long = f"{100_000 + os.getpid()}"
    script = (
        f'sleep {long} & curl -sS -m 5 "$0" >/dev/null; echo "$(id -un) $?"; read line;'
        f'curl -sS -m 5 "$0"; echo code $?; exec sleep {long}'
    )
    with jailer(world, who) as jail:
        become = ["--user", "nobody"] if who == "root" else []
        process = jail.start(
            *(*jail.behind, *become, "--", "sh", "-c", script, f"{world.files.url}/echo"),
            stdin=subprocess.PIPE,
        )
        try:
            name, code = process.stdout.readline().split()
            assert (name == "nobody", code) == (who == "root", "0")
            (firewall,) = processes("addons", str(jail.home))
            os.kill(firewall, signal.SIGKILL)
            wait_for(lambda: not processes("addons", str(jail.home)))
            world.forget()
            process.stdin.write("go\n")
            process.stdin.flush()
            assert process.stdout.readline() in ("code 6\n", "code 7\n")
            assert world.touched == []
            assert processes("sleep", long)
        finally:
            process.kill()
            process.communicate(timeout=20)
        wait_for(lambda: not processes("sleep", long))


COUNTS = """
import os, signal, time
told = []
signal.signal(signal.SIGINT, lambda *_: told.append(1))
print("ready", flush=True)
end = time.monotonic() + 10
while not told and time.monotonic() < end: time.sleep(0.02)
time.sleep(0.7)
print(f"told {len(told)};", flush=True)
os.execvp("bash", ["bash", "--norc", "-i"])
"""


def test_ctrl_c_reaches_the_command_once_and_a_shell_gives_the_terminal_back(made):
    leader, end = pty.openpty()
    os.chmod(os.ttyname(end), 0o666)
    # Who leads a session and opens a terminal is controlled by it.
    opens = 'trap : INT; exec 0<>"$0" 1>&0 2>&0; "$@"; echo "over $?"; read line; echo "read $line"'
    command = made.command(*made.behind, "-q", "--", sys.executable, "-c", COUNTS)
    process = subprocess.Popen(
        ["sh", "-c", opens, os.ttyname(end), *command],
        env={**made.environment, "PS1": "$ "},
        cwd=made.work,
        start_new_session=True,
    )

    def read_until(what):
        got = b""
        while what not in got:
            got += os.read(leader, 1000)
        return got

    try:
        read_until(b"ready")
        made.policy.write_text("Not any more.")
        os.write(leader, b"\x03")
        assert b"told 1;" in read_until(b";")
        os.write(leader, b"kill -TERM $$; exit 5\n")
        read_until(b"over 5")
        os.write(leader, b"mine\n")
        read_until(b"read mine")
        assert process.wait(20) == 0
        # The policy is that of the start, whatever becomes of its file.
        assert {r["kind"] for r in made.records()} == {"start", "stop"}
    finally:
        process.kill()
        os.close(end)
        os.close(leader)


# What is missing ------------------------------------------------------------------------------


LIMIT = "unshare -Ur sh -c 'echo 0 > /proc/sys/user/{}; exec \"$@\"' sh"


@pytest.mark.parametrize(
    ("inside", "options", "message"),
    [
        (LIMIT.format("max_user_namespaces"), (), "sysctl user.max_user_namespaces is 0"),
        (LIMIT.format("max_net_namespaces"), (), "no network namespace"),
        ("", ("--user", "nobody"), "--user needs root"),
    ],
    ids=["users", "networks", "root"],
)
def test_what_is_missing_is_named(made, inside, options, message):
    done = made.run(*options, "--", "touch", made.work / "ran", inside=inside)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert message in line
    assert not (made.work / "ran").exists()
