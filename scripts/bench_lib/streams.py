"""Measure long bodies through the firewall: memory, back-pressure, and how late events come.

    .venv/bin/python -m scripts.bench_lib.streams [--size 1000] [--http 1.1,2] [--json FILE]

Each run is a process of curl, the firewall and an upstream of this process. `growth` is how far the
firewall's resident memory rose above what it was before the run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scripts.bench_lib.rounds import percentile
from tests.support.firewall import Firewall
from tests.support.stream_api import StreamApi
from tests.support.upstreams import LocalCa

EVENTS = 200
SLOW = 30
"""Megabytes a second of a slow reader or upstream."""

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: streams}}
limits: {{max_body: 1MB, larger_bodies: pass}}
destinations:
  - id: streams
    hosts: [{name}]
    ports: [{port}]
    addresses: [127.0.0.0/8]
    request_streams: pass
rules:
  - {{id: all, agents: ["*"], destinations: [streams], effect: allow}}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run all measures; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=1000, help="megabytes of a body")
    parser.add_argument("--http", default="1.1,2", help="versions of HTTP")
    parser.add_argument("--json", type=Path, help="write the results there too")
    given = parser.parse_args(argv)
    results: dict[str, Any] = {"size_mb": given.size, "bodies": [], "events": []}
    with tempfile.TemporaryDirectory(prefix="aegis-streams-") as name:
        folder = Path(name)
        ca = LocalCa(folder / "ca")
        with (
            StreamApi(ca) as upstream,
            Firewall(
                folder / "home", POLICY.format(name=upstream.name, port=upstream.port), upstream
            ) as firewall,
        ):
            for version in given.http.split(","):
                runs = _Runs(firewall, upstream, folder, version, given.size)
                results["bodies"] += runs.bodies()
                results["events"] += runs.events()
    _show(results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    return 0


class _Runs:
    def __init__(
        self, firewall: Firewall, upstream: StreamApi, folder: Path, version: str, size: int
    ) -> None:
        self._firewall, self._upstream = firewall, upstream
        self._version, self._size = version, size
        self._body = folder / "body"
        with self._body.open("wb") as file:
            file.truncate(size * 1_000_000)
        self._curl(f"{upstream.url}/bytes/5000000")

    def bodies(self) -> list[dict[str, Any]]:
        """Send and fetch long bodies, to and from sides that are fast or slow."""
        down = f"{self._upstream.url}/bytes/{self._size * 1_000_000}"
        up = ("-X", "POST", "-T", str(self._body), f"{self._upstream.url}/sink")
        unsized = ("-H", "Content-Length:", "-H", "Transfer-Encoding: chunked")
        slowly = ("--limit-rate", f"{SLOW}M")
        return [
            self._measured("download", lambda: self._curl(down)),
            self._measured("download, slow client", lambda: self._curl(*slowly, down)),
            self._measured("upload", lambda: self._curl(*up)),
            self._measured(
                "upload that does not say its size",
                lambda: self._curl(*(unsized if self._version == "1.1" else unsized[:2]), *up),
            ),
            self._measured("upload, slow upstream", lambda: self._paced(*up)),
        ]

    def events(self) -> list[dict[str, Any]]:
        """Time events from the upstream's hand to the client's, and the same without a firewall."""
        found = []
        for through in (True, False):
            late = self._late(through)
            found.append(
                {
                    "http": self._version,
                    "through": "firewall" if through else "nothing",
                    "events": len(late),
                    "median_ms": statistics.median(late),
                    "p99_ms": percentile(late, 99),
                    "max_ms": max(late),
                }
            )
        return found

    def _measured(self, what: str, run: Callable[[], None]) -> dict[str, Any]:
        before = _reset_peak(self._firewall.pid)
        begun = time.monotonic()
        run()
        seconds = time.monotonic() - begun
        return {
            "http": self._version,
            "what": what,
            "seconds": seconds,
            "mb_per_second": self._size / seconds,
            "growth_mb": (_status(self._firewall.pid, "VmHWM") - before) / 1e6,
        }

    def _paced(self, *arguments: str) -> None:
        self._upstream.pace = 1 / SLOW
        try:
            self._curl(*arguments)
        finally:
            self._upstream.pace = 0.0

    def _curl(self, *arguments: str) -> None:
        usual = ("-sS", "--fail", f"--http{self._version}", "-H", "Expect:", "-o", os.devnull)
        done = subprocess.run(
            ["curl", *usual, *arguments],
            env={**os.environ, **self._firewall.environment()},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"streams: curl: {done.stderr}")

    def _late(self, through: bool) -> list[float]:
        assert self._upstream.ca is not None
        url = f"{self._upstream.url}/sse/{EVENTS}"
        command = ["curl", "-sSN", f"--http{self._version}"]
        if through:
            environment = {**os.environ, **self._firewall.environment()}
        else:
            environment = {**os.environ}
            command += ["--cacert", str(self._upstream.ca.pem)]
            command += ["--resolve", f"{self._upstream.name}:{self._upstream.port}:127.0.0.1"]
        late: list[float] = []
        with subprocess.Popen([*command, url], env=environment, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(b"data: "):
                    late.append((time.monotonic_ns() - int(line[6:])) / 1e6)
        return late


def _reset_peak(pid: int) -> int:
    """Forget the highest memory so far; gives what is resident now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", "ascii")
    return _status(pid, "VmRSS")


def _status(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024


def _show(results: dict[str, Any]) -> None:
    console = Console(width=120)
    bodies = Table(title=f"Bodies of {results['size_mb']} MB", title_justify="left")
    for column in ("HTTP", "what", "s", "MB/s", "growth MB"):
        bodies.add_column(column, justify="left" if column == "what" else "right")
    for row in results["bodies"]:
        bodies.add_row(
            row["http"],
            row["what"],
            f"{row['seconds']:.1f}",
            f"{row['mb_per_second']:.0f}",
            f"{row['growth_mb']:.1f}",
        )
    events = Table(title="Server-sent events, ms from hand to hand", title_justify="left")
    for column in ("HTTP", "through", "events", "median", "p99", "max"):
        events.add_column(column, justify="right")
    for row in results["events"]:
        times = [f"{row[name]:.2f}" for name in ("median_ms", "p99_ms", "max_ms")]
        events.add_row(row["http"], row["through"], str(row["events"]), *times)
    console.print(bodies)
    console.print(events)


if __name__ == "__main__":
    raise SystemExit(main())
