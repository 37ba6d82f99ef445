"""Measure the firewall beside stock mitmproxy, in one run on this machine; `--help` says how."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from scripts.bench_lib import machine, redaction_report, report
from scripts.bench_lib.commit_cost import commit_costs
from scripts.bench_lib.load import LoadError, endless, post, run
from scripts.bench_lib.redaction_load import OPTIONS, beside_large
from scripts.bench_lib.rounds import measure, percentile, step_costs, warm_up, workloads
from scripts.bench_lib.systems import (
    PAY,
    PAYMENT,
    Aegis,
    Sanity,
    Stock,
    System,
    Upstream,
    download,
    policy_text,
    startup_seconds,
)
from tests.support.firewall import Kind
from tests.support.process import ProgramError

SYSTEMS = ("mitmdump", "aegis", "aegis/mitmdump")
REQUESTS_OF_FULL = 20_000
MIB = 1 << 20


def main(argv: Sequence[str] | None = None) -> int:
    """Run the bench; gives the exit code."""
    arguments = _arguments(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="aegis-bench-") as folder, ExitStack() as stack:
            if arguments.only_policies:
                results = _only_policies(arguments, console)
            elif arguments.only_redaction:
                results = _only_redaction(arguments, console, Path(folder), stack)
            else:
                results = _measure(arguments, console, Path(folder), stack)
    except (LoadError, ProgramError) as error:
        console.print(f"[red]bench: {error}[/]")
        return 1
    except KeyboardInterrupt:
        return 130
    results["seconds"] = round(time.monotonic() - started, 1)
    console.print(f"[dim]{results['seconds']} s on {results['machine']}[/]")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="less than a minute, rough")
    length.add_argument("--full", action="store_true", help="more rounds, and 20,000 requests")
    parser.add_argument("--rounds", type=int, help="rounds of load")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="which, the base first")
    parser.add_argument("--loads", default="W1,W2,W3,W3n", help="which loads")
    parser.add_argument("--no-redaction", action="store_true", help="skip the part on redaction")
    parser.add_argument("--no-policies", action="store_true", help="skip the part on policies")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--only-policies", action="store_true", help="nothing but that part")
    only.add_argument("--only-redaction", action="store_true", help="nothing but that part")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    given = parser.parse_args(argv)
    given.systems = given.systems.split(",")
    given.loads = given.loads.split(",")
    if unknown := set(given.systems) - set(SYSTEMS):
        parser.error(f"--systems: there is no {', '.join(unknown)}; choose of {', '.join(SYSTEMS)}")
    given.rounds = given.rounds or (2 if given.quick else 7 if given.full else 5)
    return given


def _measure(
    arguments: argparse.Namespace, console: Console, folder: Path, stack: ExitStack
) -> dict[str, Any]:
    proxy_core, load_core = machine.cores()
    os.sched_setaffinity(0, {load_core})
    upstream = Upstream(folder, load_core).start()
    stack.callback(upstream.stop)
    names: list[str] = arguments.systems
    quick: bool = arguments.quick
    singles: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with console.status("starting") as status:
        systems: list[System] = []
        for attempt in range(1 if quick else 3):
            for system in systems:
                system.stop()
            systems = [
                _make(name, folder / f"{number}-{attempt}", upstream, proxy_core)
                for number, name in enumerate(names)
            ]
            for system in systems:
                stack.callback(system.stop)
                taken = startup_seconds(system, upstream)
                singles["start to first answer, s"][system.name].append(taken)
        for system in systems:
            if isinstance(system, Aegis):
                Sanity(system, upstream).check()
        warm_up(systems, upstream)
        loads = [
            load
            for load in workloads(1 if quick else 3, 1 if quick else 2, 4 if quick else 8)
            if load.name in arguments.loads
        ]
        samples = measure(systems, upstream, loads, arguments.rounds, status.update)
        status.update("downloads")
        for _ in range(2 if quick else 4):
            for system in systems:
                got = download(system, upstream)
                singles["10 MB download: first byte, ms"][system.name].append(got["first_byte_ms"])
                singles["10 MB download: whole, ms"][system.name].append(got["whole_ms"])
                singles["10 MB download: peak RSS, MiB"][system.name].append(got["peak"] / MIB)
        if arguments.full:
            for system in systems:
                status.update(f"{REQUESTS_OF_FULL} requests: {system.name}")
                grown = _many(system, upstream)
                singles[f"RSS after {REQUESTS_OF_FULL:,} requests, MiB"][system.name].append(grown)
        aegis = next((system for system in systems if isinstance(system, Aegis)), None)
        status.update("steps one at a time")
        costs = step_costs(aegis, upstream, quick) if aegis else {}
        for system in systems:
            system.stop()
        commits = asyncio.run(commit_costs(folder, 200 if quick else 1000))
        policies: list[dict[str, Any]] = []
        if not arguments.no_policies:
            status.update("policies")
            policies = _on_core("policy_cost", quick, proxy_core)
        redaction: dict[str, Any] = {}
        if not arguments.no_redaction:
            redaction = _redaction(arguments, folder, upstream, proxy_core, status.update)
    tables = [report.loads_table(samples, loads, names), report.singles_table(singles, names)]
    if costs:
        title = "Cost of each step, us, one request at a time (timing_us of the decision records)"
        tables.append(report.steps_table(costs, title))
    tables.append(
        report.steps_table({"commit": commits}, "A decision made durable in the signed log, us")
    )
    if policies:
        tables.append(report.policies_table(policies))
    if redaction:
        tables += redaction_report.tables(redaction)
    report.show(console, *tables)
    return {
        "machine": _machine(),
        "rounds": arguments.rounds,
        "systems": names,
        "loads": samples,
        "singles": singles,
        "steps_us": {destination: _medians(by_step) for destination, by_step in costs.items()},
        "commit_us": _medians(commits),
        "policies": policies,
        "redaction": redaction,
    }


def _make(name: str, folder: Path, upstream: Upstream, core: int) -> System:
    if name == "mitmdump":
        return Stock(folder, upstream, core)
    kind: Kind = "own" if name == "aegis" else "mitmdump"
    return Aegis(name, kind, folder, upstream, core, policy_text(upstream))


def _many(system: System, upstream: Upstream) -> float:
    """Send many requests; gives the memory afterwards in MiB."""
    port, each = upstream.ports[PAY], REQUESTS_OF_FULL // 8
    request = post("/v1/payments", port, PAYMENT)

    def requests(number: int) -> Iterator[bytes]:
        return (r for r, _ in zip(endless(request)(number), range(each), strict=False))

    run(system.proxy, port, requests, seconds=300)
    return machine.rss_bytes(system.pid) / MIB


def _only_policies(arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    proxy_core, _ = machine.cores()
    with console.status("policies"):
        policies = _on_core("policy_cost", arguments.quick, proxy_core)
    report.show(console, report.policies_table(policies))
    return {"machine": _machine(), "policies": policies}


def _only_redaction(
    arguments: argparse.Namespace, console: Console, folder: Path, stack: ExitStack
) -> dict[str, Any]:
    proxy_core, load_core = machine.cores()
    upstream = Upstream(folder, load_core).start()
    stack.callback(upstream.stop)
    with console.status("redaction") as status:
        redaction = _redaction(arguments, folder, upstream, proxy_core, status.update)
    report.show(console, *redaction_report.tables(redaction))
    return {"machine": _machine(), "redaction": redaction}


def _redaction(
    arguments: argparse.Namespace,
    folder: Path,
    upstream: Upstream,
    core: int,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    quick: bool = arguments.quick
    tell("redaction beside Presidio")
    redaction: dict[str, Any] = _on_core("redaction_cost", quick, core)
    tell("small calls beside a large redaction")
    # On all cores, for the proxy and its workers do not share one in earnest either.
    os.sched_setaffinity(0, set(machine.cores()))
    firewall = Aegis(
        "aegis", "own", folder / "beside", upstream, None, policy_text(upstream), OPTIONS
    )
    firewall.start()
    try:
        redaction["beside"] = beside_large(firewall, upstream, quick)
    finally:
        firewall.stop()
    return redaction


def _machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}"


def _on_core(part: str, quick: bool, core: int) -> Any:
    """Measure a part in a process of its own, on the proxies' core."""
    command = [*machine.pinned(core), sys.executable, "-m", f"scripts.bench_lib.{part}"]
    done = subprocess.run(
        [*command, *(["--quick"] if quick else [])], capture_output=True, text=True, timeout=1800
    )
    if done.returncode:
        raise LoadError(f"measuring {part} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _medians(values: dict[str, list[float]]) -> dict[str, Any]:
    return {
        name: {"p50": percentile(each, 50), "p99": percentile(each, 99)}
        for name, each in values.items()
    }


if __name__ == "__main__":
    sys.exit(main())
