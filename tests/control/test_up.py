"""`aegis up` and `aegis status`: a real firewall in front."""

import json
import os
import signal
import socket
import subprocess

import pytest

from tests.support.process import free_port


@pytest.fixture
def up(spawn, behind):
    """Start `aegis up`; gives the process and what it printed until it was ready."""

    def start(*options):
        process = spawn("up", *behind, *options)
        said = ""
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, process.communicate()
            said += line
        return process, said

    return start


def example(said, what):
    (line,) = [line for line in said.splitlines() if line.split()[:1] == [what]]
    return line.split(what)[1].strip()


def test_what_it_prints_works(up, files, home):
    port = free_port()
    _, said = up("--port", str(port))
    assert f"127.0.0.1:{port}" in said
    assert str(home / "ca-bundle.pem") in said
    assert (home / "default.token").read_text().strip() not in said

    def try_out(what):
        # The name of the upstream is known to the firewall alone, which the client need not know.
        return subprocess.run(
            ["sh", "-c", f"{example(said, what)} -sS --max-time 20"],
            capture_output=True,
            text=True,
            timeout=30,
        )

    allowed = try_out("Allowed")
    assert allowed.returncode == 0, allowed.stderr
    assert files.requests
    refused = try_out("Refused")
    assert refused.returncode != 0
    assert "Refused by Aegis" in refused.stdout


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP"])
def test_signals_end_it_cleanly(up, home, name):
    process, _ = up("--port", "0")
    firewall = json.loads((home / "proxy.json").read_text())["pid"]
    process.send_signal(getattr(signal, f"SIG{name}"))
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert not (home / "proxy.json").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(firewall, 0)


def test_a_port_that_is_taken(program, behind):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = program("up", *behind, "--port", str(port))
    assert done.code == 2
    assert str(port) in done.err
    assert "--port" in done.err


def test_a_second_one_on_the_same_home(up, program, behind):
    up("--port", "0")
    done = program("up", *behind, "--port", "0")
    assert done.code == 2
    assert "--home" in done.err


def test_a_policy_that_is_wrong(program, tmp_path):
    (tmp_path / "policy.yaml").write_text("apiVersion: aegis/v1\nkind: Polity\n")
    done = program("up", "--policy", tmp_path / "policy.yaml", "--port", "0")
    assert done.code == 2
    assert "policy.yaml:2" in done.err


def test_labels_and_an_opa_server_that_are_wrong(program):
    for option, value, said in (
        ("--label", "stage", "aegis_labels: 'stage' is no label"),
        ("--opa-url", "opa:8181", "aegis_opa_url: give the URL"),
    ):
        done = program("up", "--port", "0", option, value)
        assert done.code == 2
        assert said in done.err


def test_status(up, program, home):
    done = program("status", "--json")
    assert done.code == 1
    assert json.loads(done.out)["running"] is None
    process, _ = up("--port", "0")
    done = program("status", "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert told["running"]["port"]
    assert told["policy"]["revision"]
    process.send_signal(signal.SIGINT)
    process.wait(30)
    done = program("status")
    assert done.code == 1
    assert "aegis up" in done.out


@pytest.mark.parametrize(
    "said",
    ["", "{}", "[]", '{"host": "127.0.0.1", "port": 1, "pid": 1}', '{"host": 1, "port": -1}'],
)
def test_a_proxy_json_that_is_stale_or_broken_is_no_firewall(aegis, home, said):
    home.mkdir()
    (home / "proxy.json").write_text(said)
    assert aegis("status").code == 1
