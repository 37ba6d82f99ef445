"""Measures what redaction finds and what it leaves, beside stock Presidio, on labelled sets.

scripts/evaluate SET ...                       labelled files or folders in the usual shapes
scripts/evaluate                               the synthetic sets that come with it
scripts/evaluate --generate KIND --count 500   writes a synthetic set, as JSON lines
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from scripts.evaluate_lib import data, report, worst
from scripts.evaluate_lib.generate import KINDS, SPLITS, TESTING, generate, synthetic_set
from scripts.evaluate_lib.labels import Counting, label_map
from scripts.evaluate_lib.masking import Shower
from scripts.evaluate_lib.model import Case, Example, Notes, SetError
from scripts.evaluate_lib.readers import FORMATS, read_set
from scripts.evaluate_lib.running import Runner
from scripts.evaluate_lib.scoring import score
from scripts.evaluate_lib.structured import score_cases
from scripts.evaluate_lib.systems import SYSTEMS, Options, SystemMissing

DEFAULT_COUNT = 200
BUILT_IN = {"notes": 200, "queries": 300, "general": 250, "fhir": 120, "hl7v2": 120, "chats": 100}
"""How many there are of each synthetic set where nothing is asked for: some two minutes in all."""


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    about, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="scripts/evaluate",
        description=about,
        epilog=usage,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("sets", nargs="*", type=Path, metavar="SET", help="a labelled file or folder")
    add("--format", choices=FORMATS, help="the shape of the sets, where it is not told rightly")
    add("--systems", default=",".join(SYSTEMS), help=f"of {', '.join(SYSTEMS)} (default: all)")
    add(
        "--profile",
        default="safe-harbor",
        help="a profile, or a file of one (default: safe-harbor)",
    )
    add("--threshold", type=float, default=0.4, help="the lowest score that counts (default: 0.4)")
    add("--limit", type=int, help="at most so many texts of each set, drawn by the seed")
    add("--seed", type=int, default=0, help="the seed of all that is drawn")
    add("--strict", action="store_true", help="count every label, also what Safe Harbor leaves")
    add("--ignore", default="", help="more labels or families that do not count, with commas")
    add("--worst", type=int, default=0, metavar="N", help="show N misses and N false alarms")
    add("--show-values", action="store_true", help="show values, of your own or synthetic data")
    add("--json", action="store_true", help="print JSON instead of tables")
    add("--processes", type=int, default=1, help="how many processes search (default: 1)")
    add("--generate", choices=KINDS, metavar="KIND", help=f"write a set: {', '.join(KINDS)}")
    add("--count", type=int, help="how many texts or bodies of a synthetic set")
    add("--split", choices=SPLITS, help="which templates of a synthetic set (default: testing)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run; gives the exit status, 2 where the input cannot be used."""
    options = _arguments(argv)
    try:
        return _generate(options) if options.generate else _evaluate(options)
    except BrokenPipeError:
        # Whoever reads has enough; nothing must be written at the end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (SetError, SystemMissing, ValueError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2


def _generate(options: argparse.Namespace) -> int:
    if options.sets:
        raise ValueError("--generate writes to the standard output and takes no sets.")
    count = DEFAULT_COUNT if options.count is None else options.count
    for record in generate(options.generate, count, options.seed, options.split or TESTING):
        print(json.dumps(record, ensure_ascii=False))
    sys.stdout.flush()
    return 0


def _sets(options: argparse.Namespace) -> list[tuple[str, list[Example | Case], Notes]]:
    """Read the sets that are named, or make the synthetic ones."""
    if options.sets:
        if options.count is not None or options.split is not None:
            raise ValueError("--count and --split are of synthetic sets; use --limit for others.")
        return [(str(path), *read_set(path, options.format)) for path in options.sets]
    count, split = options.count, options.split or TESTING
    return [
        (
            f"synthetic {kind}, {split}",
            synthetic_set(kind, count or few, options.seed, split),
            Notes(),
        )
        for kind, few in BUILT_IN.items()
    ]


def _evaluate(options: argparse.Namespace) -> int:
    names = [name.strip() for name in options.systems.split(",") if name.strip()]
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"there is no system {unknown[0]!r}; they are {', '.join(SYSTEMS)}.")
    for name in ("limit", "count", "processes"):
        number = getattr(options, name)
        if number is not None and number < 1:
            raise ValueError(f"--{name} must be at least 1.")
    sets = _sets(options)
    runner = Runner(Options(options.profile, options.threshold), options.processes)
    console = Console(stderr=options.json, width=None if sys.stdout.isatty() else 160)
    families = _load(names, runner, console)
    sought = frozenset().union(*(families[n] for n in families if n != "stock"))
    ignore = frozenset(name.strip().upper() for name in options.ignore.split(",") if name.strip())
    counting = Counting(label_map(), sought, options.strict, ignore)
    results: dict[str, Any] = {}
    for title, items, notes in sets:
        console.print(f"\n[bold]{escape(title)}[/bold] ({len(items)})", highlight=False)
        for sentence, count in notes.counts.items():
            console.print(f"note: {count} {sentence}", highlight=False)
        results[title] = _one_set(
            _drawn(items, options), list(families), runner, counting, options, console
        )
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        print()
    return 0


def _load(names: list[str], runner: Runner, console: Console) -> dict[str, frozenset[str]]:
    families = {}
    for name in names:
        try:
            families[name] = runner.families(name)
        except SystemMissing as error:
            console.print(f"note: no {name}: {error}", highlight=False)
    if not families:
        raise SystemMissing("none of the systems can run here.")
    return families


def _drawn(items: list[Example | Case], options: argparse.Namespace) -> list[Example | Case]:
    if options.limit is None or options.limit >= len(items):
        return items
    chosen = random.Random(options.seed).sample(range(len(items)), options.limit)
    return [items[index] for index in sorted(chosen)]


def _one_set(
    items: list[Example | Case],
    names: list[str],
    runner: Runner,
    counting: Counting,
    options: argparse.Namespace,
    console: Console,
) -> dict[str, Any]:
    examples = [item for item in items if isinstance(item, Example)]
    cases = [item for item in items if isinstance(item, Case)]
    answers = {name: runner.run(name, items) for name in names}
    seconds = {name: answer.seconds for name, answer in answers.items()}
    result: dict[str, Any] = {}
    _tell_unknown(examples, cases, counting, console)
    if examples:
        scores = {n: score(examples, a.found, counting) for n, a in answers.items()}
        report.print_texts(console, scores, seconds)
        shower = Shower(examples, options.show_values)
        for name, each in scores.items():
            result[name] = data.of_texts(each, seconds[name])
            if options.worst:
                worst.print_worst(console, name, each, shower, options.worst)
                result[name]["worst"] = worst.as_data(each, shower, options.worst)
    if cases:
        bodies = {n: score_cases(cases, a.outcomes, counting) for n, a in answers.items()}
        report.print_bodies(console, bodies, seconds)
        for name, body in bodies.items():
            result[f"{name} bodies" if examples else name] = data.of_bodies(body, seconds[name])
            if options.worst:
                worst.print_worst_values(
                    console, name, body, options.worst, show_values=options.show_values
                )
    return result


def _tell_unknown(
    examples: list[Example], cases: list[Case], counting: Counting, console: Console
) -> None:
    """Say which labels the map does not have: they are families of their own."""
    labels = {span.label for example in examples for span in example.spans}
    labels |= {value.label for case in cases for value in case.values}
    unknown = sorted(label for label in labels if not counting.labels.is_known(label))
    if unknown:
        console.print(f"note: labels not known, counted as they are: {', '.join(unknown)}")


if __name__ == "__main__":
    sys.exit(main())
