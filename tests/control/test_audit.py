"""The log shown, verified and exported, on real logs."""

import json
import signal
import sqlite3

import pytest

from ledger import SqliteLog, load_or_create_signer
from tests.control.conftest import decision


def tamper(log, sql):
    with sqlite3.connect(log) as database:
        database.execute("DROP TRIGGER IF EXISTS records_stay")
        database.execute("DROP TRIGGER IF EXISTS records_remain")
        database.execute(sql)


def test_a_whole_log_verifies(aegis, log):
    done = aegis("audit", "verify")
    assert done.code == 0
    assert "10 records" in done.out
    report = json.loads(aegis("audit", "verify", "--json").out)
    assert report["ok"] is True
    assert report["records"] == report["proven"] == 10


def test_a_changed_record_is_named(aegis, log):
    tamper(log, "UPDATE records SET body = replace(body, 'deny', 'pass') WHERE seq = 4")
    done = aegis("audit", "verify")
    assert done.code == 1
    assert "record 4" in done.out.lower()
    report = json.loads(aegis("audit", "verify", "--json").out)
    assert report["ok"] is False
    assert report["problems"][0]["seq"] == 4


def test_a_cut_log_is_found_by_its_witness(aegis, log, tmp_path):
    witness = tmp_path / "kept"
    witness.write_text((log.parent / "checkpoint").read_text())
    tamper(log, "DELETE FROM records WHERE seq > 8")
    tamper(log, "DELETE FROM checkpoints WHERE size > 8")
    (log.parent / "checkpoint").unlink()
    done = aegis("audit", "verify", log, "--witness", witness)
    assert done.code == 1
    assert "removed" in done.out


def test_the_wrong_key_is_found(aegis, log, tmp_path):
    load_or_create_signer(tmp_path / "other.key")
    assert aegis("audit", "verify", "--key", tmp_path / "other.pub").code == 1


@pytest.mark.parametrize("option", ["--key", "--witness"])
def test_a_file_that_is_not_there_is_bad_input(aegis, log, tmp_path, option):
    done = aegis("audit", "verify", option, tmp_path / "none")
    assert done.code == 2
    assert str(tmp_path / "none") in done.err


def test_no_log_is_bad_input(aegis, home):
    for command in (("verify",), ("show",), ("export", home.parent / "out.jsonl")):
        done = aegis("audit", *command)
        assert done.code == 2
        assert str(home) in done.err
    assert not (home.parent / "out.jsonl").exists()


def test_a_log_without_a_key_beside_it_takes_the_homes(aegis, log, tmp_path):
    copy = tmp_path / "copy" / "ledger.db"
    copy.parent.mkdir()
    copy.write_bytes(log.read_bytes())
    assert aegis("audit", "verify", copy).code == 0


def test_show_is_a_line_a_decision(aegis, log):
    lines = aegis("audit", "show").out.splitlines()
    assert len(lines) == 9  # a start and eight decisions; outcomes are not shown
    assert lines[3].split()[2:6] == ["deny", "default", "GET", "h3.test:443"]
    assert "default-deny, developer.yaml:7" in lines[3]
    assert "No rule allows this." in lines[3]
    assert "planner mail.send h8.test:443" in lines[-1]
    assert "redacted 2 US_SSN" in lines[-1]


def test_show_filters(aegis, log):
    def hosts(*options):
        return [
            json.loads(line)["destination"]["host"]
            for line in aegis("audit", "show", "--json", *options).out.splitlines()
        ]

    assert hosts("--effect", "deny") == ["h3.test", "h6.test"]
    assert hosts("--agent", "planner") == ["h8.test"]
    assert hosts("--agent", "spiffe://aegis.local/tenant/default/agent/planner") == ["h8.test"]
    assert hosts("--id", "d4") == ["h4.test"]
    assert hosts("--limit", "2") == ["h7.test", "h8.test"]
    assert hosts("--effect", "deny", "--limit", "1") == ["h6.test"]
    wrong = aegis("audit", "show", "--effect", "denied")
    assert wrong.code == 2
    assert "sanitize" in wrong.err


def test_show_finds_what_lies_far_back(aegis, log):
    more = SqliteLog(log, load_or_create_signer(log.parent / "log.key"))
    more.append([decision(n) for n in range(2500)])
    more.close()
    lines = aegis("audit", "show", "--effect", "deny", "--limit", "2").out.splitlines()
    assert [line.split()[5] for line in lines] == ["h3.test:443", "h6.test:443"]


def test_what_would_have_been_done_is_told_apart(aegis, log):
    more = SqliteLog(log, load_or_create_signer(log.parent / "log.key"))
    more.append([decision(9, "deny", enforced=False)])
    more.close()
    assert "would deny" in aegis("audit", "show", "--limit", "1").out


def test_nothing_in_a_record_steers_the_terminal(aegis, log):
    more = SqliteLog(log, load_or_create_signer(log.parent / "log.key"))
    more.append([decision(9, "deny", rule="\x1b[2Jgone", reason="[bold]\nnext line")])
    more.close()
    done = aegis("audit", "show", "--limit", "1")
    assert "\x1b" not in done.out
    assert "[bold]" in done.out
    assert len(done.out.splitlines()) == 1


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_who_leaves_ends_show_quietly(spawn, log, form):
    more = SqliteLog(log, load_or_create_signer(log.parent / "log.key"))
    more.append([decision(n) for n in range(2000)])
    more.close()
    process = spawn("audit", "show", *form, "--limit", "5000")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""


def test_follow_shows_what_comes_and_ends_with_ctrl_c(spawn, log):
    process = spawn("audit", "show", "--follow", "--limit", "1", "--effect", "deny")
    assert "h6.test" in process.stdout.readline()
    more = SqliteLog(log, load_or_create_signer(log.parent / "log.key"))
    more.append([decision(21), decision(22, "deny")])
    assert "h22.test" in process.stdout.readline()
    more.close()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_an_export_verifies_without_the_log(aegis, log, tmp_path):
    target = tmp_path / "out.jsonl"
    assert aegis("audit", "export", target).code == 0
    assert len(target.read_text().splitlines()) == 10
    assert aegis("audit", "verify", target).code == 0
    target.write_text(target.read_text().replace("h3.test", "h4.test"))
    assert aegis("audit", "verify", target).code == 1


def test_an_export_replaces_nothing(aegis, log, tmp_path):
    (tmp_path / "out.jsonl").write_text("mine")
    assert aegis("audit", "export", tmp_path / "out.jsonl").code == 2
    assert (tmp_path / "out.jsonl").read_text() == "mine"
    wrong = aegis("audit", "export", tmp_path / "out.csv")
    assert wrong.code == 2
    assert ".jsonl" in wrong.err
