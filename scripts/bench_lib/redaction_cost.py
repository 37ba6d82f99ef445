"""Redaction beside Presidio as it comes: texts of all sizes, growing chats, large records.

Prints one line of JSON: {"texts": [..], "chats": {..}, "records": [..], "steps": [..]}.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scripts.bench_lib import chats
from scripts.bench_lib.health_data import FHIR_TYPE, HL7_TYPE, fhir_bundle, hl7_file
from scripts.bench_lib.prose import DENSE, SPARSE, prose
from scripts.bench_lib.redaction_steps import steps
from scripts.bench_lib.redactors import SAFE_HARBOR, Child, Task, models_of

SIZES = {"100 B": 100, "1 KB": 1_000, "10 KB": 10_000, "100 KB": 100_000, "1 MB": 1_000_000}
KINDS = {"dense": DENSE, "sparse": SPARSE}
PAIRS, QUICK_PAIRS = 1_000_000, 60_000
"""Characters of each size and kind; at least three texts of each."""
STOCK_UP_TO, STOCK_FEW = 100_000, 2
CHATS, CHAT_TURNS = 12, 20
FHIR_BYTES, HL7_BYTES = 3_000_000, 1_000_000
STOCK_LEAVES, STOCK_MESSAGES = 300, 20


def texts(stock: Child, aegis: Child, quick: bool) -> Iterator[dict[str, Any]]:
    """Redact new texts of each size by both in turn."""
    for entities in ("patterns", "model"):
        for kind, personal in KINDS.items():
            for label, size in SIZES.items():
                if quick and size > STOCK_UP_TO:
                    continue
                count = min(200, max(3, (QUICK_PAIRS if quick else PAIRS) // size // 5))
                times: dict[str, list[float]] = {"stock": [], "aegis": []}
                for number in range(-2, count):
                    value = prose(random.Random(f"{label}/{kind}/{number}"), size, personal)
                    task = Task(value, entities)
                    for child in (stock, aegis):
                        few = 1 if quick else STOCK_FEW
                        if child is stock and (
                            size > STOCK_UP_TO or (size == STOCK_UP_TO and not 0 <= number < few)
                        ):
                            continue
                        if size > STOCK_UP_TO and number < 0:
                            continue
                        spent = child.do(task)["ms"]["all"]
                        if number >= 0:
                            times[child.name].append(spent)
                yield {
                    "text": label,
                    "kind": kind,
                    "entities": entities,
                    "models": models_of(entities),
                    "chars": size,
                    **times,
                }


def replayed(stock: Child, aegis: Child, quick: bool) -> dict[str, Any]:
    """Replay chats that resend their history each turn; stock reads only some of the turns."""
    turns: dict[str, list[float]] = {"stock": [], "aegis": []}
    ratios: list[float] = []
    sizes: list[int] = []
    every = 7 if quick else 3
    for chat in range(3 if quick else CHATS):
        for turn, body in enumerate(chats.bodies(f"replay/{chat}", CHAT_TURNS)):
            sizes.append(len(body))
            task = Task(body.decode(), "model", "application/json", remember=True)
            turns["aegis"].append(aegis.do(task)["ms"]["all"])
            if (turn + chat) % every == 0:
                turns["stock"].append(stock.do(task)["ms"]["all"])
                ratios.append(turns["stock"][-1] / turns["aegis"][-1])
    return {
        **turns,
        "ratio": statistics.median(ratios),
        "bytes": statistics.median(sizes),
        "stock_every": every,
        "models": models_of("model"),
    }


def records(stock: Child, aegis: Child, quick: bool) -> Iterator[dict[str, Any]]:
    """Redact large structured records; of those stock reads a sample, and the rest is reckoned."""
    for label, kind, make, notes, size, sample in (
        ("FHIR Bundle", FHIR_TYPE, fhir_bundle, False, FHIR_BYTES, STOCK_LEAVES),
        ("FHIR Bundle, notes", FHIR_TYPE, fhir_bundle, True, FHIR_BYTES, STOCK_LEAVES),
        ("HL7 v2 file", HL7_TYPE, hl7_file, False, HL7_BYTES, STOCK_MESSAGES),
        ("HL7 v2 file, notes", HL7_TYPE, hl7_file, True, HL7_BYTES, STOCK_MESSAGES),
    ):
        if quick and notes:
            continue
        by_step: dict[str, list[float]] = defaultdict(list)
        counts: dict[str, int] = {}
        cpu: list[float] = []
        for number in range(-1, 2 if quick or notes else 5):
            body = make(size, f"{label}/{number}", notes=notes).decode()
            answer = aegis.do(Task(body, SAFE_HARBOR, kind))
            if number >= 0:
                counts = answer["counts"]
                cpu.append(answer["cpu_ms"])
                for step, spent in answer["ms"].items():
                    by_step[step].append(spent)
        reckoned = stock.do(Task(body, "model", kind, sample=sample // (3 if quick else 1)))
        yield {
            "record": label,
            "bytes": len(body),
            "aegis": by_step,
            "cpu": cpu,
            "models": models_of(SAFE_HARBOR),
            "counts": counts,
            "stock": reckoned["ms"]["all"],
            "stock_part": reckoned["part"],
        }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick: bool = parser.parse_args().quick
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with Child("stock") as stock, Child("aegis") as aegis:
        results = {
            "texts": list(texts(stock, aegis, quick)),
            "chats": replayed(stock, aegis, quick),
            "records": list(records(stock, aegis, quick)),
        }
    results["steps"] = steps(quick)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
