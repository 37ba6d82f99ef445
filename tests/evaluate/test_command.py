from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from scripts import evaluate
from scripts.evaluate_lib import running
from scripts.evaluate_lib.model import Case
from scripts.evaluate_lib.systems import SYSTEMS
from scripts.evaluate_lib.systems.base import Found, Options, Outcome, SystemMissing

Writer = Callable[[str, str], Path]
ROOT = Path(__file__).parents[2]


class Words:
    """Finds the word Ann and nothing else."""

    name = "words"
    families = frozenset({"NAME"})

    def find(self, texts: Sequence[str]) -> list[list[Found]]:
        return [
            [Found(t.find("Ann"), t.find("Ann") + 3, "PERSON", 1.0)] if "Ann" in t else []
            for t in texts
        ]

    def redact(self, case: Case) -> Outcome:
        return Outcome(output=case.body.replace("Ann", "<PERSON>"))


def missing(options: Options) -> Words:
    raise SystemMissing("it is not installed.")


@pytest.fixture(autouse=True)
def systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SYSTEMS, "words", lambda options: Words())
    monkeypatch.setitem(SYSTEMS, "none", missing)
    monkeypatch.setattr(running, "_loaded", {})


@pytest.fixture
def notes(write: Writer) -> Path:
    lines = [
        {
            "text": "Ann met Bo in 2019",
            "spans": [[0, 3, "NAME"], [8, 10, "NAME"], [14, 18, "DATE"]],
        },
        {"text": "nothing here", "spans": []},
    ]
    return write("set.jsonl", "\n".join(map(json.dumps, lines)))


def test_json_of_a_set(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(notes), "--systems", "words,none", "--json", "--worst", "2"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)[str(notes)]["words"]
    assert (result["spans"], result["cover"], result["span_precision"]) == (2, 0.5, 1.0)
    assert (result["texts_that_leak"], result["clean_texts_touched"]) == (1, 0)
    assert result["worst"]["misses"][0]["value"] == "Aa"
    assert "no none: it is not installed." in err
    assert "Bo" not in out + err


def test_tables_and_values_on_demand(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(notes), "--systems", "words", "--worst", "2", "--show-values"]) == 0
    out, _ = capsys.readouterr()
    assert "50.0" in out
    assert "«Bo»" in out


def test_strict_counts_years_too(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main([str(notes), "--systems", "words", "--json", "--strict"]) == 0
    assert json.loads(capsys.readouterr().out)[str(notes)]["words"]["spans"] == 3


def test_bodies(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    record = {
        "content_type": "application/json",
        "body": '["Ann", "Bo"]',
        "values": [{"value": "Ann", "label": "NAME"}, {"value": "Bo", "label": "NAME"}],
    }
    path = write("bodies.jsonl", json.dumps(record))
    assert evaluate.main([str(path), "--systems", "words", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)[str(path)]["words"]
    assert (result["values"], result["cover"], result["bodies_that_leak"]) == (2, 0.5, 1)


def test_the_limit_draws_by_the_seed(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps({"text": f"Ann {n}", "spans": [[0, 3, "NAME"]]}) for n in range(20)]
    path = write("set.jsonl", "\n".join(lines))
    assert evaluate.main([str(path), "--systems", "words", "--json", "--limit", "5"]) == 0
    assert json.loads(capsys.readouterr().out)[str(path)]["words"]["spans"] == 5


def test_synthetic_sets_are_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--systems", "words", "--json", "--count", "3"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [name.split()[1].rstrip(",") for name in result] == list(evaluate.BUILT_IN)
    assert all("testing" in name for name in result)


def test_generated_sets_can_be_read_again(
    write: Writer, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--generate", "notes", "--count", "4", "--seed", "3", "--split", "tuning"]
    assert evaluate.main(arguments) == 0
    lines = capsys.readouterr().out
    assert len(lines.splitlines()) == 4
    path = write("made.jsonl", lines)
    assert evaluate.main([str(path), "--systems", "words", "--json"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-file.jsonl"], "no such file"),
        (["--systems", "nobody"], "there is no system 'nobody'"),
        (["--systems", "none", "--count", "1"], "none of the systems can run here"),
        (["--generate", "notes", "x.jsonl"], "takes no sets"),
        (["SET", "--limit", "0", "--systems", "words"], "--limit must be at least 1"),
        (["SET", "--count", "3", "--systems", "words"], "use --limit"),
        (["SET", "--systems", "aegis", "--profile", "nobody"], "no redaction profile 'nobody'"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    notes: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    arguments = [str(notes) if each == "SET" else each for each in arguments]
    assert evaluate.main(arguments) == 2
    err = capsys.readouterr().err.splitlines()
    assert message in err[-1]
    assert err[-1].startswith("evaluate: ")


def test_unknown_labels_are_told(write: Writer, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("set.jsonl", json.dumps({"text": "Ann", "spans": [[0, 3, "WIDGET"]]}))
    assert evaluate.main([str(path), "--systems", "words"]) == 0
    assert "labels not known, counted as they are: WIDGET" in capsys.readouterr().out


def test_stock_and_ours_for_real(write: Writer) -> None:
    text = "Dr. Jane Doe, SSN 123-45-6789."
    lines = [
        {"text": text, "spans": [[4, 12, "NAME"], [18, 29, "SSN"]]},
        {
            "content_type": "application/json",
            "body": '{"ssn": "123-45-6789", "status": "active"}',
            "values": [{"value": "123-45-6789", "label": "SSN"}],
        },
    ]
    path = write("set.jsonl", "\n".join(map(json.dumps, lines)))
    run = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "scripts.evaluate",
            str(path),
            "--systems",
            "aegis,stock",
            "--json",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    result = json.loads(run.stdout)[str(path)]
    assert result["aegis"]["families"]["SSN"]["cover"] == 1.0
    assert result["stock"]["families"]["SSN"]["cover"] == 0.0, "stock calls it a sample number"
    assert result["stock"]["families"]["NAME"]["cover"] == 1.0
    bodies = result["aegis bodies"]
    assert (bodies["cover"], bodies["harmless_lost"]) == (1.0, 0)
