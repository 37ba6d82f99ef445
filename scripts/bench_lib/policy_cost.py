"""What a decision costs, by the size of the policy and by the engine."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import regorus

from rules import (
    AgentRef,
    Bundle,
    PolicySet,
    RegorusEngine,
    ToolCall,
    compile_policy,
    drive,
    parse_policy,
)
from rules.own_rego import EMBEDDED, OWN_PATH
from scripts.bench_lib.rounds import percentile
from tests.support.opa import OpaLibrary

SIZES = (10, 1_000, 10_000)
TOOLS = 50
GROUPS = 5


def policy_of(size: int) -> str:
    """Write a policy of this many agents and of as many domains, with 50 tools."""
    agents = [{"id": f"agent-{n}", "groups": [f"team-{n % GROUPS}"]} for n in range(size)]
    destinations = [
        {
            "id": f"place-{n}",
            "hosts": [f"api-{n}.example.test", f"*.wide-{n}.example.test"],
            "region": "us",
        }
        for n in range(size)
    ]
    tools = [
        {
            "id": f"tool-{n}",
            "destination": f"place-{n % size}",
            "http": {"methods": ["POST"], "path": f"/v1/act-{n}"},
            "arguments": {
                "max_amount": 5000,
                "currency": {"enum": ["USD", "EUR"], "required": True},
                "account": {"pattern": "[A-Z]{2}[0-9]+"},
            },
        }
        for n in range(TOOLS)
    ]
    rules: list[dict[str, Any]] = [
        {
            "id": f"team-{n}",
            "agents": [f"group:team-{n}"],
            "destinations": [f"place-{m}" for m in range(size) if m % GROUPS == n] or ["place-0"],
            "effect": "allow",
        }
        for n in range(GROUPS)
    ]
    rules.append(
        {"id": "act", "agents": ["*"], "tools": [t["id"] for t in tools], "effect": "allow"}
    )
    rules.append(
        {
            "id": "large",
            "agents": ["*"],
            "tools": [t["id"] for t in tools],
            "when": {"arguments": {"amount": {"over": 1000}}},
            "effect": "require_approval",
        }
    )
    return json.dumps(
        {
            "apiVersion": "aegis/v1",
            "kind": "Policy",
            "metadata": {"name": "bench"},
            "agents": agents,
            "destinations": destinations,
            "tools": tools,
            "rules": rules,
        }
    )


def questions(size: int, count: int) -> Iterator[dict[str, Any]]:
    """Give questions that differ each time, over the whole policy."""
    for n in range(count):
        place = (n * 7919) % size
        tool = place % TOOLS
        calls = []
        if place < TOOLS:
            arguments = {"amount": n % 900 + n / count, "currency": "USD", "account": "US12"}
            calls = [ToolCall(f"tool-{tool}", "http", arguments)]
        yield {
            "stage": "request",
            "agent": AgentRef(f"agent-{(n * 104729) % size}"),
            "scheme": "https",
            "host": f"api-{place}.example.test",
            "port": 443,
            "calls": calls,
        }


def documents(policy: PolicySet, size: int, count: int) -> list[dict[str, Any]]:
    """Give the input documents of such questions."""
    found: list[dict[str, Any]] = []

    def note(document: Any) -> Any:
        found.append(document)
        return policy.evaluate(document)

    for asked in questions(size, count):
        drive(policy.asking(**asked), note)
    return found


class Interpreter:
    """Regorus' interpreter on the same bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._engine = regorus.Engine()
        for path, module in {**bundle.modules, OWN_PATH: EMBEDDED}.items():
            self._engine.add_policy(path, module)
        self._engine.add_data_json(json.dumps(bundle.data))

    def evaluate(self, document: Any) -> Any:
        """Give the decision."""
        self._engine.set_input_json(json.dumps(document))
        return json.loads(self._engine.eval_rule_as_json("data.aegis.decision"))


def timed(work: Callable[[Any], Any], inputs: list[Any]) -> dict[str, float]:
    """Give the microseconds of one call: median and 99th of the wall, mean of the CPU."""
    walls = []
    before = time.process_time()
    for one in inputs:
        began = time.perf_counter()
        work(one)
        walls.append((time.perf_counter() - began) * 1e6)
    cpu = (time.process_time() - before) * 1e6 / len(inputs)
    return {"p50": percentile(walls, 50), "p99": percentile(walls, 99), "cpu": cpu}


def measure(sizes: tuple[int, ...], count: int) -> list[dict[str, Any]]:
    """Measure policies of these sizes."""
    rows: list[dict[str, Any]] = []
    for size in sizes:
        text = policy_of(size)
        began = time.perf_counter()
        bundle = compile_policy(parse_policy(text, "bench.json"))
        compiled = time.perf_counter() - began
        began = time.perf_counter()
        policy = PolicySet(bundle)
        loaded = time.perf_counter() - began
        asked = list(questions(size, count))
        inputs = documents(policy, size, min(count, 1000))
        fresh = PolicySet(bundle)
        row: dict[str, Any] = {
            "size": size,
            "compile_s": compiled,
            "load_s": loaded,
            "bundle_kb": len(bundle.to_bytes()) / 1000,
            "decide": timed(lambda asked, p=fresh: p.decide(**asked), asked),
        }
        same = asked[0]
        fresh.decide(**same)
        repeated = [timed(lambda _, p=fresh, s=same: p.decide(**s), [0] * 2000) for _ in range(5)]
        row["cached_us"] = statistics.median(each["p50"] for each in repeated)
        library = OpaLibrary(bundle)
        engines = {
            "embedded": RegorusEngine(bundle),
            "interpreter": Interpreter(bundle),
            "OPA's library": library,
        }
        row["engines"] = {}
        for name, engine in engines.items():
            some = inputs if name == "embedded" else inputs[:200]
            timed(engine.evaluate, some[:20])
            row["engines"][name] = timed(engine.evaluate, some)
        library.close()
        rows.append(row)
    return rows


def main() -> None:
    """Measure in a process of its own and print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    print(json.dumps(measure(SIZES[:2] if quick else SIZES, 1000 if quick else 4000)))


if __name__ == "__main__":
    main()
