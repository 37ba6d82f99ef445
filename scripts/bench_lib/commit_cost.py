"""What it costs to make a decision durable: group commit into the signed log."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from ledger import GroupCommit, SqliteLog, load_or_create_signer

_ENTRY: dict[str, Any] = {
    "kind": "decision",
    "id": "d" * 20,
    "time": "2026-01-01T00:00:00.000000Z",
    "mode": "enforce",
    "effect": "allow",
    "enforced": True,
    "rule": "agents-may-call",
    "reason": "The rule allows it.",
    "source": "policy.yaml:1",
    "revision": "0" * 16,
    "tenant": "default",
    "agent": "spiffe://aegis.local/tenant/default/agent/default",
    "destination": {"id": "pay", "scheme": "https", "host": "localhost", "port": 443},
    "request": {"method": "POST", "path": "0" * 64, "bytes": 400, "digest": "0" * 64},
    "tools": ["payments.create"],
    "redacted": {},
}


async def commit_costs(folder: Path, count: int) -> dict[str, list[float]]:
    """Append so many decisions, one after another and eight at once; gives microseconds each."""
    log = SqliteLog(folder / "commit.db", load_or_create_signer(folder / "commit.key"))
    costs: dict[str, list[float]] = {}
    try:
        async with GroupCommit(log) as group:

            async def append(times: list[float], each: int) -> None:
                for _ in range(each):
                    start = time.perf_counter()
                    await group.append(_ENTRY)
                    times.append((time.perf_counter() - start) * 1e6)

            for label, at_once in (("one at a time", 1), ("eight at once", 8)):
                times = costs[label] = []
                await asyncio.gather(*(append(times, count // at_once) for _ in range(at_once)))
    finally:
        log.close()
    return costs
