from __future__ import annotations

import io
import json
import sys

import pytest

NOTE = (
    "Patient: Ann Whitcombe   MRN: 00412345\n"
    "SSN 078-05-1120, call (415) 555-0142 or ann.w@example.com.\n"
    "BP 120/80, metformin 500 mg, Parkinson's disease.\n"
)
VALUES = ("Whitcombe", "00412345", "078-05-1120", "555-0142", "ann.w@example.com")


@pytest.fixture
def note(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text(NOTE)
    return path


def test_writes_the_file_without_the_values_and_reports_beside_it(aegis, note):
    done = aegis("redact", note)
    assert done.code == 0
    assert done.out.startswith("Patient: <PERSON>   MRN: <MEDICAL_RECORD_NUMBER>\nSSN <US_SSN>,")
    assert "BP 120/80, metformin 500 mg, Parkinson's disease." in done.out
    assert "US_SSN" in done.err
    for value in VALUES:
        assert value not in done.out + done.err


def test_explains_each_span_by_its_form_and_not_its_value(aegis, note):
    done = aegis("redact", note, "--explain", "--json", "--output", note.with_suffix(".out"))
    told = json.loads(done.out)
    assert told["redacted"]["US_SSN"] == 1
    [ssn] = [f for f in told["findings"] if f["entity"] == "US_SSN"]
    assert ssn["value"] == "999-99-9999"
    assert NOTE[ssn["start"] : ssn["end"]] == "078-05-1120"
    assert ssn["why"] == "UsSsnRecognizer"
    for value in VALUES:
        assert value not in done.out + done.err
    assert "<US_SSN>" in note.with_suffix(".out").read_text()


def test_shows_values_only_where_that_is_asked_for(aegis, note, tmp_path):
    page = tmp_path / "page.html"
    aegis("redact", note, "--check", "--html", page)
    assert "078-05-1120" not in page.read_text()
    assert "&lt;US_SSN&gt;" in page.read_text()
    aegis("redact", note, "--check", "--html", page, "--show-values")
    assert "<del>078-05-1120</del>" in page.read_text()
    assert "<script" not in page.read_text()


def test_a_check_writes_nothing_and_fails_on_a_find(aegis, note, tmp_path):
    done = aegis("redact", note, "--check", "--profile", "ssn-only")
    assert done.code == 1
    assert "<US_SSN>" not in done.out
    clean = tmp_path / "clean.txt"
    clean.write_text("The build took 12 minutes.\n")
    assert aegis("redact", clean, "--check").code == 0


def test_knows_a_format_by_the_name_of_its_file(aegis, tmp_path):
    message = (
        "MSH|^~\\&|LAB|GOOD HEALTH|EHR|X|20240512093000||ORU^R01|1|P|2.5\r"
        "PID|1||00412345^^^H^MR||WHITCOMBE^ANN||19610314|F|||12 OAK ST^^SPRINGFIELD^IL^62704\r"
        "OBX|1|NM|718-7^Hemoglobin^LN||13.2|g/dL\r"
    )
    path = tmp_path / "result.hl7"
    path.write_bytes(message.encode())
    done = aegis("redact", path)
    assert "WHITCOMBE" not in done.out
    assert "00412345" not in done.out
    assert "|13.2|g/dL" in done.out
    assert "PID-" in done.err


def test_reads_standard_input(aegis, monkeypatch):
    data = io.BytesIO(b'{"ssn": "078-05-1120", "n": 1.10}')
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    done = aegis("redact", "-", "--type", "application/json", "--profile", "ssn-only")
    assert done.out == '{"ssn": "<US_SSN>", "n": 1.10}'


def test_takes_recognisers_of_the_users_own(aegis, tmp_path):
    own = tmp_path / "own.yaml"
    own.write_text(
        "recognizers:\n"
        "  - name: badge\n"
        "    supported_entity: BADGE_NUMBER\n"
        "    patterns: [{name: badge, regex: 'B-[0-9]{6}', score: 0.8}]\n"
    )
    text = tmp_path / "text.txt"
    text.write_text("badge B-123456 opened the door")
    done = aegis("redact", text, "--profile", "ssn-only", "--recognizers", own)
    assert done.out == "badge <BADGE_NUMBER> opened the door"


@pytest.mark.parametrize(
    ("name", "content", "arguments", "said"),
    [
        ("a.json", b'{"ssn": "078-05-1120"', [], "not JSON"),
        ("a.txt", b"\xff\x00\x01", [], "not text"),
        ("a.txt", b"text", ["--profile", "no-such"], "safe-harbor"),
        ("a.txt", b"text", ["--type", "text/plain; charset=klingon"], "charset"),
        ("a.txt", b"text", ["--model", "no-such"], "no-such"),
    ],
)
def test_says_in_one_line_what_is_wrong(aegis, tmp_path, name, content, arguments, said):
    path = tmp_path / name
    path.write_bytes(content)
    done = aegis("redact", path, *arguments)
    assert done.code == 2
    assert said in done.err
    assert done.out == ""
    assert len(done.err.strip().splitlines()) == 1
    assert "078-05" not in done.err


def test_says_that_there_is_no_such_file(aegis, tmp_path):
    done = aegis("redact", tmp_path / "none.txt")
    assert done.code == 2
    assert "none.txt" in done.err


def test_what_was_encrypted_is_put_back_by_whoever_has_the_key(aegis, home, tmp_path):
    home.mkdir(mode=0o700)
    (home / "hash.key").write_bytes(b"k" * 32)
    profile = tmp_path / "mine.yaml"
    profile.write_text("entities: {US_SSN: encrypt}\n")
    note = tmp_path / "note.json"
    note.write_text('{"note": "ssn 078-05-1120"}')
    sealed = tmp_path / "sealed.json"
    assert aegis("redact", note, "--profile", profile, "-o", sealed).code == 0
    assert "078-05-1120" not in sealed.read_text()
    assert "<US_SSN:enc:" in sealed.read_text()
    assert aegis("redact", sealed, "--decrypt").out == note.read_text()
    other = aegis("redact", sealed, "--decrypt", "--tenant", "other")
    assert other.code == 2
    assert "another key" in other.err
