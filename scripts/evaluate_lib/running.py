"""Systems asked about a whole set, in this process or in several."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.evaluate_lib.model import Case, Example
from scripts.evaluate_lib.systems import Found, Options, Outcome, System, make

_CHUNK = 32

_loaded: dict[str, System] = {}


@dataclass(frozen=True, slots=True)
class Answers:
    """What a system said of a set."""

    found: list[list[Found]]
    outcomes: list[Outcome]
    seconds: float


class Runner:
    """Holds systems while sets are put to them."""

    def __init__(self, options: Options, processes: int) -> None:
        self.options = options
        self._processes = processes

    def families(self, name: str) -> frozenset[str]:
        """Load a system and tell what it looks for; raises `SystemMissing`."""
        return _system(name, self.options).families

    def run(self, name: str, items: Sequence[Example | Case]) -> Answers:
        """Put a set to a system."""
        chunks = [items[first : first + _CHUNK] for first in range(0, len(items), _CHUNK)]
        jobs = [(name, self.options, chunk) for chunk in chunks]
        start = time.perf_counter()
        if self._processes > 1:
            # Fresh processes: a forked one would share the state of the model's threads.
            context = multiprocessing.get_context("spawn")
            with context.Pool(self._processes) as pool:
                parts = pool.map(_answer, jobs, chunksize=1)
        else:
            parts = [_answer(job) for job in jobs]
        seconds = time.perf_counter() - start
        found = [each for part in parts for each in part[0]]
        return Answers(found, [each for part in parts for each in part[1]], seconds)


def _system(name: str, options: Options) -> System:
    if name not in _loaded:
        _loaded[name] = make(name, options)
    return _loaded[name]


def _answer(
    job: tuple[str, Options, Sequence[Example | Case]],
) -> tuple[list[list[Found]], list[Outcome]]:
    name, options, items = job
    system = _system(name, options)
    texts = [item.text for item in items if isinstance(item, Example)]
    return system.find(texts), [system.redact(item) for item in items if isinstance(item, Case)]
