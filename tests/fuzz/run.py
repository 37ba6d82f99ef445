"""Runs fuzz targets for a time: `python -m tests.fuzz.run [TARGET] [SECONDS]`."""

from __future__ import annotations

import sys
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tests.fuzz.head import HeadFuzz
from tests.fuzz.targets import TARGETS, Target

KEPT = Path(__file__).resolve().parents[2] / ".hypothesis" / "fuzz"
"""Where what failed is kept, to be tried first the next time."""

ROUND = 300


def fuzz(name: str, target: Target, seconds: float, examples: int = ROUND) -> tuple[int, str]:
    """Fuzz one target for so long; gives the number of cases and, when one failed, how."""
    end, cases = time.monotonic() + seconds, 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=DirectoryBasedExampleDatabase(KEPT / name),
        suppress_health_check=list(HealthCheck),
        phases=(Phase.reuse, Phase.generate, Phase.shrink),
    )
    @given(target.inputs)
    def once(value: object) -> None:
        nonlocal cases
        cases += 1
        target.check(value)

    while time.monotonic() < end:
        try:
            once()
        except Exception:
            return cases, traceback.format_exc()
    return cases, ""


def main(arguments: list[str]) -> int:
    """Fuzz the targets that are named, or all; gives 1 when one of them failed."""
    names = [name for name in arguments if not name.isdigit()]
    seconds = next((int(name) for name in arguments if name.isdigit()), 600)
    unknown = [name for name in names if name not in (*TARGETS, "head")]
    if unknown:
        print(f"There is no target '{unknown[0]}'; there are: {', '.join([*TARGETS, 'head'])}.")
        return 2
    failed = 0
    for name in names or [*TARGETS, "head"]:
        begun = time.monotonic()
        if name == "head":
            with HeadFuzz() as head:
                cases, how = fuzz(name, head.target, seconds, 50)
        else:
            cases, how = fuzz(name, TARGETS[name], seconds)
        took = time.monotonic() - begun
        print(f"{name:10} {cases:9} cases {cases / took:8.0f} /s  {'FAILED' if how else 'ok'}")
        if how:
            failed = 1
            print(how)
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
