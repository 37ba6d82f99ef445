"""Many different documents through one worker process (`python -m redaction.worker`).

Prints its memory as it goes. Every document has words that no other has, so that whatever keeps
words grows; fails where the memory grows by more than `--growth` MB once the worker is warm.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from redaction import BodyQuestion, RuleSet, Scope, protocol
from scripts.bench_lib.health_data import FHIR_TYPE, HL7_TYPE, fhir_bundle, hl7_file
from scripts.bench_lib.prose import prose

ROOT = Path(__file__).resolve().parent.parent
MB = 1024 * 1024
TEXTS_EACH = 2


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/soak-redaction", description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--every", type=int, default=10_000, help="documents between two lines")
    parser.add_argument("--warm-up", type=int, default=10_000, help="documents before that counts")
    parser.add_argument("--growth", type=int, default=32, help="MB it may grow when warm")
    parser.add_argument("--models", default="spacy,rampart", help="the language models")
    parser.add_argument("--seed", default="soak")
    return parser.parse_args()


class SoakedWorker:
    """A worker process, asked over its own frames."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "redaction.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            cwd=ROOT,
        )
        self.refused = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def memory(self) -> int:
        """Its resident bytes."""
        pages = Path(f"/proc/{self._process.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def ask(self, frame: bytes) -> dict[str, Any]:
        """Send a question and read its answer; raises `ValueError` for one that tells of a bug."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(frame)
        self._process.stdin.flush()
        answered = protocol.read_frame(self._process.stdout)  # type: ignore[arg-type]
        if answered is None:
            raise ValueError("the worker ended")
        answer, _ = protocol.read_answer(answered)
        return answer


def word(chance: random.Random) -> str:
    """Make a word that no document has had."""
    letters = "".join(chance.choices("abcdefghijklmnoprstuvwz", k=chance.randint(7, 11)))
    return letters.capitalize() if chance.random() < 0.5 else letters


def strange_prose(chance: random.Random, chars: int) -> str:
    """Make prose in which many words are new."""
    words = prose(chance, chars, chance.random()).split(" ")
    for index in range(0, len(words), 4):
        words[index] = word(chance)
    return " ".join(words)


def rules_of(models: str) -> RuleSet:
    """Give rules that look for all, with these models, and put surrogates in."""
    rule = {"id": "soak", "profile": "safe-harbor", "models": models.split(",")}
    return RuleSet.of([{**rule, "operator": {"operator": "surrogate"}}])


def question(chance: random.Random, number: int, rules: RuleSet) -> bytes:
    """Make the frame of one document of some kind."""
    kinds: list[tuple[int, Callable[[], bytes]]] = [
        (60, lambda: _texts(chance, rules)),
        (20, lambda: _body(chance, "text/plain", strange_prose(chance, 300).encode(), rules)),
        (12, lambda: _body(chance, "application/json", _chat(chance), rules)),
        (4, lambda: _body(chance, FHIR_TYPE, fhir_bundle(1, f"{number}"), rules)),
        (4, lambda: _body(chance, HL7_TYPE, hl7_file(1, f"{number}"), rules)),
    ]
    _, make = chance.choices(kinds, [weight for weight, _ in kinds])[0]
    return make()


def _texts(chance: random.Random, rules: RuleSet) -> bytes:
    texts = [strange_prose(chance, chance.randint(20, 100)) for _ in range(TEXTS_EACH)]
    hints = [f"{word(chance)}/note" for _ in texts]
    return protocol.pack_question(texts, hints, rules.profile.search)


def _chat(chance: random.Random) -> bytes:
    messages = [{"role": "user", word(chance): strange_prose(chance, 120)} for _ in range(2)]
    return json.dumps({"model": "m", "messages": messages}).encode()


def _body(chance: random.Random, kind: str, body: bytes, rules: RuleSet) -> bytes:
    scope = Scope(key=b"soak" * 8, session=word(chance))
    asked = BodyQuestion(kind, rules, "refuse", scope, b"salt")
    return protocol.pack({"id": 0, "document": asked.as_json()}, body)


def main() -> int:
    """Run the soak; gives 1 where the worker has grown."""
    options = arguments()
    chance, rules = random.Random(options.seed), rules_of(options.models)
    begun = time.monotonic()
    warm = highest = 0
    with SoakedWorker() as worker:
        for number in range(1, options.documents + 1):
            worker.ask(question(chance, number, rules))
            if number == min(options.warm_up, options.documents // 2):
                warm = worker.memory
            if number % options.every == 0:
                rate = number / (time.monotonic() - begun)
                print(f"{number:8} documents  {rate:4.0f} /s  {worker.memory // MB} MB", flush=True)
        highest = worker.memory
    grown = (highest - warm) / MB
    print(f"grown by {grown:.1f} MB since it was warm; {options.growth} are allowed")
    return 1 if grown > options.growth else 0


if __name__ == "__main__":
    sys.exit(main())
