"""Small calls through a firewall that is redacting a large body, and through one that is not."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from scripts.bench_lib.load import Client, LoadError, post
from scripts.bench_lib.prose import DENSE, SPARSE, prose
from scripts.bench_lib.redactors import models_of
from scripts.bench_lib.rounds import percentile
from scripts.bench_lib.systems import NAMES, PAY, PAYMENT, Aegis, Upstream

LARGE_CHARS = 1_000_000
WORKERS = 2
OPTIONS = {"aegis_redaction_workers": str(WORKERS), "aegis_redaction_timeout": "120"}


def beside_large(system: Aegis, upstream: Upstream, quick: bool) -> list[dict[str, Any]]:
    """Measure small calls one at a time: alone, and while a body of 1 MB is redacted."""
    rows = []
    count = 150 if quick else 500
    for label, small in (("not redacted", PAY), ("redacted itself", NAMES)):
        alone = _small_calls(system, upstream, small, count, threading.Event())
        over = threading.Event()
        large: list[float] = []
        thread = threading.Thread(
            target=_large_calls, args=(system, upstream, 1 if quick else 3, large, over)
        )
        thread.start()
        time.sleep(0.2)
        beside = _small_calls(system, upstream, small, 100_000, over)
        thread.join()
        if not large:
            raise LoadError("a large body was not redacted")
        # Before and after, for what else the machine does may change meanwhile.
        alone += _small_calls(system, upstream, small, count, threading.Event())
        rows.append(
            {
                "call": label,
                "models": models_of("model"),
                "alone": alone,
                "beside": beside,
                "large_s": large,
            }
        )
    return rows


def growth(row: dict[str, Any]) -> float:
    """Give by how many milliseconds the 99th percentile grew."""
    return percentile(row["beside"], 99) - percentile(row["alone"], 99)


def _small_calls(
    system: Aegis, upstream: Upstream, which: int, count: int, over: threading.Event
) -> list[float]:
    """Give the milliseconds of calls with a pause after each, until enough or `over`."""
    proxy, port = system.proxy, upstream.ports[which]
    spent: list[float] = []
    with closing(Client(proxy, port, proxy.trust())) as client:
        for request in itertools.islice(_requests(which, port), count):
            if over.is_set():
                break
            begun = time.perf_counter()
            status, body = client.exchange(request)
            spent.append((time.perf_counter() - begun) * 1000)
            if status != 200:
                raise LoadError(f"a small call was answered with {status}: {body[:300]!r}")
            time.sleep(0.004)
    return spent


def _requests(which: int, port: int) -> Iterator[bytes]:
    for _ in itertools.count():
        if which == PAY:
            yield post("/v1/payments", port, PAYMENT)
        else:
            message = {"role": "user", "content": prose(random.Random(), 300, SPARSE)}
            body = json.dumps({"model": "m", "messages": [message]}).encode()
            yield post("/v1/chat/completions", port, body)


def _large_calls(
    system: Aegis, upstream: Upstream, count: int, spent: list[float], over: threading.Event
) -> None:
    try:
        proxy, port = system.proxy, upstream.ports[NAMES]
        with closing(Client(proxy, port, proxy.trust())) as client:
            for number in range(count):
                body = json.dumps({"note": prose(random.Random(number), LARGE_CHARS, DENSE)})
                begun = time.perf_counter()
                status, said = client.exchange(post("/v1/notes", port, body.encode()))
                if status != 200:
                    print(f"bench: a large body was answered with {status}: {said[:300]!r}")
                    return
                spent.append(time.perf_counter() - begun)
    finally:
        over.set()
