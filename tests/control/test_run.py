"""`aegis run`: a command behind a real firewall, in front of a real upstream."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger import LogReader, SqliteAgents, TokenError
from tests.control.conftest import COMMAND
from tests.support.process import PROJECT

ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
TRAP = "trap 'echo told; exit 9' {name}; echo ready; while :; do sleep 0.05; done"


def firewalls(home):
    """Give the processes of firewalls that run on a home folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"addons" in words and os.fsencode(home) in words:
            found.append(int(folder.name))
    return found


def records(home, kind):
    return [r for r in LogReader(home / "ledger.db").records() if r["kind"] == kind]


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def curl(files, path="/echo"):
    return ("curl", "-sS", "--max-time", "20", f"{files.url}{path}")


def test_a_call_goes_through_and_is_told_of(program, behind, files, home):
    done = program("run", *behind, "--", *curl(files), "-d", "hello")
    assert done.code == 0, done.err
    assert json.loads(done.out)["body"] == "hello"
    assert done.err == "aegis: 1 call, 0 denied, 0 redactions\n"
    assert firewalls(home) == []


def test_a_denied_call_is_counted(program, behind, home):
    done = program("run", "--json", *behind, "--", "curl", "-sS", "https://example.com/")
    assert done.code == 56
    summary = json.loads(done.err.splitlines()[-1])
    assert (summary["calls"], summary["denied"], summary["redactions"]) == (1, 1, {})


def test_quiet_says_nothing(program, behind):
    done = program("run", "-q", *behind, "true")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_the_environment_of_the_command(program, behind, home):
    inherited = {
        "NO_PROXY": "*",
        "no_proxy": "*",
        "SSL_CERT_DIR": "/etc/ssl/certs",
        "NODE_TLS_REJECT_UNAUTHORIZED": "0",
        "AEGIS_DEBUG": "1",
        "REQUESTS_CA_BUNDLE": "/etc/other.pem",
        "MINE": "stays",
    }
    environment = {**os.environ, **inherited}
    done = program("run", *behind, sys.executable, "-c", ENVIRONMENT, env=environment)
    got = json.loads(done.out)
    assert got["MINE"] == "stays"
    assert not [n for n in got if n.startswith("AEGIS_") or n in list(inherited)[:4]]
    assert got["REQUESTS_CA_BUNDLE"] == str(home / "ca-bundle.pem")
    bundle = (home / "ca-bundle.pem").read_text()
    own = (home / "ca.pem").read_text()
    assert own.strip() in bundle
    assert bundle.count("BEGIN CERTIFICATE") > 1
    token = got["https_proxy"].split(":")[2].split("@")[0]
    assert token.startswith("aegis_")
    # It was good for this run alone.
    with pytest.raises(TokenError, match="revoked"):
        SqliteAgents(home / "agents.db").authenticate(token)


def test_the_options_of_the_command_are_its_own(program, behind):
    done = program("run", "-q", *behind, "sh", "-c", 'echo "$@"', "sh", "--json", "--", "-q")
    assert done.out == "--json -- -q\n"


def test_a_mistyped_option_is_not_the_command(program):
    done = program("run", "--agnt", "x", "--", "true")
    assert done.code == 2
    assert "--agnt" in done.err


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("sh", "-c", "exit 7"), 7),
        (("sh", "-c", "kill -KILL $$"), 137),
        (("aegis-no-such-command",), 127),
        (("/etc/passwd",), 126),
    ],
)
def test_the_codes_of_a_shell(program, behind, command, code):
    assert program("run", *behind, "--", *command).code == code


def test_an_agent_of_its_own(program, behind, files, home):
    assert program("agents", "add", "planner").code == 0
    assert program("run", "--agent", "planner", *behind, "--", *curl(files)).code == 0
    (record,) = records(home, "decision")
    assert record["agent"].endswith("/agent/planner")


def test_an_unknown_agent_runs_nothing(program, behind, tmp_path, home):
    done = program("run", "--agent", "nobody", *behind, "--", "touch", tmp_path / "ran")
    assert done.code == 2
    assert "no agent 'nobody'" in done.err
    assert not (tmp_path / "ran").exists()


def test_a_policy_that_is_wrong_runs_nothing(program, tmp_path):
    (tmp_path / "policy.yaml").write_text("apiVersion: aegis/v1\nkind: Polity\n")
    done = program("run", "--policy", "policy.yaml", "--", "touch", tmp_path / "ran")
    assert done.code == 2
    assert "policy.yaml:2" in done.err
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT"])
def test_signals_reach_the_command(spawn, behind, name):
    process = spawn("run", "-q", *behind, "--", "sh", "-c", TRAP.format(name=name))
    assert process.stdout.readline() == "ready\n"
    process.send_signal(getattr(signal, f"SIG{name}"))
    assert process.stdout.readline() == "told\n"
    assert process.wait(20) == 9


def test_a_signal_while_the_firewall_starts_leaves_nothing_behind(spawn, behind, home):
    process = spawn("run", *behind, "--", "sleep", "60")
    wait_for(lambda: firewalls(home))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    wait_for(lambda: not firewalls(home))


def test_the_firewall_does_not_outlive_a_run_that_is_killed(spawn, behind, home):
    process = spawn("run", *behind, "--", "sh", "-c", "echo $$; exec sleep 60")
    command = int(process.stdout.readline())
    process.kill()
    wait_for(lambda: not firewalls(home))
    os.kill(command, signal.SIGTERM)


def test_two_runs_at_once_do_not_disturb_each_other(spawn, program, behind, files, tmp_path):
    wait = f"echo ready; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exec curl -sS $0"
    first = spawn("run", *behind, "--", "sh", "-c", wait, f"{files.url}/echo")
    assert first.stdout.readline() == "ready\n"
    assert program("run", *behind, "--", *curl(files)).code == 0
    assert program("status").code == 1
    (tmp_path / "go").touch()
    out, err = first.communicate(timeout=20)
    assert first.returncode == 0, err
    assert json.loads(out)["target"] == "/echo"


def test_the_firewall_that_runs_is_used(spawn, program, behind, files, home):
    up = spawn("up", "--port", "0", *behind)
    wait_for(lambda: (home / "proxy.json").exists() or up.poll())
    done = program("run", "--", *curl(files))
    assert done.code == 0, done.err
    assert len(records(home, "start")) == 1
    assert program("status").code == 0


def test_a_firewall_that_ends_in_the_middle_is_told_of(spawn, behind, files, home):
    wait = "echo ready; read line; exec curl -sS $0"
    process = spawn("run", *behind, "--", "sh", "-c", wait, f"{files.url}/echo", stdin=-1)
    assert process.stdout.readline() == "ready\n"
    for pid in firewalls(home):
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not [p for p in firewalls(home) if Path(f"/proc/{p}/exe").exists()])
    out, err = process.communicate("go\n", timeout=20)
    assert process.returncode in (7, 56)  # curl: not connected, or cut off; nothing goes around
    assert out == ""
    assert "the firewall ended during the run" in err


def test_the_folder_one_stands_in_is_not_imported_from(program, behind, files, tmp_path):
    place = tmp_path / "repository"
    for package in ("addons", "redaction", "rules", "control"):
        (place / package).mkdir(parents=True)
        for module in ("__init__", "__main__", "worker"):
            (place / package / f"{module}.py").write_text("print('mine'); raise SystemExit(0)")
    done = program("run", *behind, "--", *curl(files), cwd=place)
    assert done.code == 0, done.err
    assert json.loads(done.out)["target"] == "/echo"


def test_ctrl_c_reaches_the_command_once(behind, home, tmp_path):
    """In a terminal the command gets it from there; passed on as well, it would come twice."""
    script = (
        "import signal, time\n"
        "told = []\n"
        "signal.signal(signal.SIGINT, lambda *_: told.append(1))\n"
        "print('ready', flush=True)\n"
        "end = time.monotonic() + 1.5\n"
        "while time.monotonic() < end: time.sleep(0.05)\n"
        "print(f'told {len(told)};', flush=True)\n"
    )
    # Who leads a session and opens a terminal is controlled by it.
    opens = 'exec 0<>"$0" 1>&0 2>&0; exec "$@"'
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-c", opens, os.ttyname(end), *COMMAND]
        + ["run", "-q", *behind, "--", sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        start_new_session=True,
    )

    def read_until(what):
        said = b""
        while what not in said:
            said += os.read(terminal, 1000)
        return said

    read_until(b"ready")
    os.write(terminal, b"\x03")
    assert b"told 1;" in read_until(b";")
    assert process.wait(20) == 0
    os.close(end)
    os.close(terminal)
