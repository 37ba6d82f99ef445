"""Several processes on one log, as with `--workers 4`, and one of them killed."""

import signal
import subprocess
import sys
from pathlib import Path

from ledger import LogReader, Signer, SqliteLog, verify_log

WRITER = """
import sys
from pathlib import Path
from ledger import SqliteLog, load_or_create_signer
home, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
log = SqliteLog(home / "ledger.db", load_or_create_signer(home / "log.key"), busy_ms=20_000)
print("ready", flush=True)
sys.stdin.readline()
for n in range(count):
    log.append([{"kind": "decision", "writer": name, "n": n}])
    if n == 20:
        print("twenty", flush=True)
log.close()
"""


def start(home: Path, name: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home), name, str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def go(writers: "list[subprocess.Popen[str]]") -> None:
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()


def test_four_processes_make_one_log(tmp_path: Path, signer: Signer, public: str) -> None:
    writers = [start(tmp_path, str(number), 200) for number in range(4)]
    go(writers)
    for writer in writers:
        assert writer.wait(60) == 0
        writer.communicate()
    report = verify_log(tmp_path / "ledger.db", public)
    assert report.ok, report.problems
    assert report.records == 800
    assert (tmp_path / "checkpoint").read_text().split("\n")[1] == "800"
    for name in "0123":
        mine = [r["n"] for r in LogReader(tmp_path / "ledger.db").records() if r["writer"] == name]
        assert mine == list(range(200))


def test_a_killed_process_leaves_a_log_that_goes_on(
    tmp_path: Path, signer: Signer, public: str
) -> None:
    writers = [start(tmp_path, "victim", 100_000), start(tmp_path, "other", 100)]
    go(writers)
    victim = writers[0]
    assert victim.stdout is not None
    assert victim.stdout.readline() == "twenty\n"
    victim.send_signal(signal.SIGKILL)
    for writer in writers:
        writer.communicate(timeout=60)
    assert writers[1].returncode == 0
    report = verify_log(tmp_path / "ledger.db", public)
    assert report.ok, report.problems
    names = [r["writer"] for r in LogReader(tmp_path / "ledger.db").records()]
    assert names.count("other") == 100
    assert names.count("victim") >= 21
    log = SqliteLog(tmp_path / "ledger.db", signer)
    assert log.append([{"kind": "start"}])[0].seq == len(names) + 1
    log.close()
    assert verify_log(tmp_path / "ledger.db", public).ok
