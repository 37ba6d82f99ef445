"""Rounds of load, the systems in turn, and what comes out of them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from scripts.bench_lib import chats, machine
from scripts.bench_lib.load import CONNECTIONS, endless, post, run
from scripts.bench_lib.systems import CHAT, NAMES, PAY, PAYMENT, Aegis, System, Upstream

Samples = dict[str, dict[str, dict[str, list[float]]]]
"""Workload, then measure, then system: one value a round."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A load by name; `requests` makes those of one connection in one round."""

    name: str
    title: str
    port: int
    requests: Callable[[Upstream, int, int], Iterable[bytes]]
    seconds: float
    connection_each: bool = False
    connections: int = CONNECTIONS


def workloads(seconds: float, chats_each: int, talkers: int = CONNECTIONS) -> list[Workload]:
    """Give the loads, for rounds of so many seconds or chats; names are asked for by `talkers`."""

    def payments(upstream: Upstream, _round: int, number: int) -> Iterator[bytes]:
        port = upstream.ports[PAY]
        return endless(post("/v1/payments", port, PAYMENT))(number)

    def talk(port: int) -> Callable[[Upstream, int, int], Iterable[bytes]]:
        def requests(upstream: Upstream, round_: int, number: int) -> list[bytes]:
            # New text in every round, the same for all systems: no cache has seen it.
            target = upstream.ports[port]
            return [
                post("/v1/chat/completions", target, body)
                for chat in range(chats_each)
                for body in chats.bodies(f"{port}/{round_}/{number}/{chat}")
            ]

        return requests

    long = 60.0
    size = len(PAYMENT)
    return [
        Workload("W1", f"keep-alive TLS, {size}-byte JSON", PAY, payments, seconds),
        Workload("W2", "a new TLS connection each", PAY, payments, seconds, True),
        Workload("W3", "growing chats, patterns redacted", CHAT, talk(CHAT), long),
        Workload(
            "W3n",
            f"the same, names too (NER, {talkers} at once)",
            NAMES,
            talk(NAMES),
            long,
            connections=talkers,
        ),
    ]


def measure(
    systems: Sequence[System],
    upstream: Upstream,
    loads: Sequence[Workload],
    rounds: int,
    tell: Callable[[str], None],
) -> Samples:
    """Run every load on every system in turn, round after round."""
    samples: Samples = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for number in range(rounds):
        for load in loads:
            for system in systems:
                tell(f"round {number + 1} of {rounds}: {load.name} {system.name}")
                for name, value in _once(system, upstream, load, number).items():
                    samples[load.name][name][system.name].append(value)
    return samples


def _once(
    system: System,
    upstream: Upstream,
    load: Workload,
    number: int,
    connections: int | None = None,
) -> dict[str, float]:
    connections = connections or load.connections
    prepared = [load.requests(upstream, number, n) for n in range(connections)]
    own, others = machine.cpu_seconds(system.pid)
    result = run(
        system.proxy,
        upstream.ports[load.port],
        lambda n: prepared[n],
        seconds=load.seconds,
        connection_each=load.connection_each,
        connections=connections,
    )
    own_after, others_after = machine.cpu_seconds(system.pid)
    count = len(result.latencies)
    return {
        "req/s": result.rate,
        "p50 ms": result.percentile(50),
        "p99 ms": result.percentile(99),
        "CPU us/req": (own_after - own + others_after - others) / count * 1e6,
        "of it workers": (others_after - others) / count * 1e6,
    }


def warm_up(systems: Sequence[System], upstream: Upstream) -> None:
    """Let every system see each kind of load for a moment."""
    for load in workloads(0.3, 1):
        for system in systems:
            _once(system, upstream, load, -1, connections=1)


def ratio(values: Sequence[float], base: Sequence[float]) -> tuple[float, float, float]:
    """Give the median of the rounds' ratios, and the lowest and highest of them."""
    ratios = [value / other for value, other in zip(values, base, strict=True) if other]
    if not ratios:
        return (float("nan"),) * 3
    return statistics.median(ratios), min(ratios), max(ratios)


def percentile(values: Sequence[float], percent: float) -> float:
    """Give a percentile of unsorted values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


StepCosts = dict[str, dict[str, list[float]]]
"""Destination, then step: microseconds of each decision."""


def step_costs(system: Aegis, upstream: Upstream, quick: bool) -> StepCosts:
    """Send requests one at a time, so that none waits for another, and read `timing_us`."""
    before = max((int(r["seq"]) for r in system.firewall.records()), default=0)
    for load in workloads(0.5 if quick else 2, 1 if quick else 4):
        if not load.connection_each:
            _once(system, upstream, load, -2, connections=1)
    found: StepCosts = defaultdict(lambda: defaultdict(list))
    for record in system.firewall.decisions(before):
        for step, spent in record["timing_us"].items():
            found[str(record["destination"]["id"])][step].append(float(spent))
    return found
