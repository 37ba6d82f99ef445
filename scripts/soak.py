"""A long load of mixed requests against a real firewall: answers, memory and log must be right."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import resource
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx

from tests.support.firewall import Firewall
from tests.support.upstreams import EhrApi, FileApi, LocalCa, PaymentsApi

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: soak}}
limits: {{max_body: 1MB}}
destinations:
  - {{id: files, hosts: [{files.name}], ports: [{files.port}], addresses: [127.0.0.0/8]}}
  - {{id: pay, hosts: [{pay.name}], ports: [{pay.port}], addresses: [127.0.0.0/8]}}
  - {{id: ehr, hosts: [{ehr.name}], ports: [{ehr.port}], addresses: [127.0.0.0/8]}}
tools:
  - id: create
    destination: pay
    http: {{methods: [POST], path: /v1/payments}}
    arguments: {{max_amount: 5000}}
rules:
  - {{id: open, agents: ["*"], destinations: [files, ehr], effect: allow}}
  - {{id: pay, agents: ["*"], tools: [create], effect: allow}}
redaction:
  - {{id: no-ssn, destinations: [ehr], entities: {{US_SSN: {{operator: mask, keep_last: 4}}}}}}
"""

MB = 1024 * 1024
SSN = "078-05-1120"
LARGE = 300_000


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--clients", type=int, default=24, help="at a time")
    parser.add_argument("--every", type=int, default=10_000, help="requests between two lines")
    parser.add_argument("--growth", type=int, default=48, help="MB a process may grow when warm")
    parser.add_argument("--warm-up", type=int, default=20_000, help="requests before that counts")
    parser.add_argument("--idle", type=int, default=0, help="idle connections to hold beside it")
    return parser.parse_args()


class Soak:
    """The clients, what they count, and the memory of the firewall's processes."""

    def __init__(self, firewall: Firewall, files: FileApi, pay: PaymentsApi, ehr: EhrApi) -> None:
        self.firewall, self.files, self.pay, self.ehr = firewall, files, pay, ehr
        self.trust = ssl.create_default_context(cafile=str(firewall.ca_bundle))
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.kinds: list[tuple[int, Callable[[httpx.AsyncClient], Awaitable[bool]]]] = [
            (40, self.allowed), (15, self.payment), (15, self.refused), (8, self.redacted),
            (6, self.events), (4, self.large), (4, self.aborted), (6, self.compressed),
            (2, self.unknown),
        ]  # fmt: skip

    async def allowed(self, http: httpx.AsyncClient) -> bool:
        """An allowed request."""
        answer = await http.get(f"{self.files.url}/echo?n=1")
        return answer.status_code == 200 and answer.json()["method"] == "GET"

    async def payment(self, http: httpx.AsyncClient) -> bool:
        """A tool called within its bound."""
        answer = await http.post(f"{self.pay.url}/v1/payments", json={"amount": 40})
        return answer.status_code == 201

    async def refused(self, http: httpx.AsyncClient) -> bool:
        """A tool called beyond its bound."""
        answer = await http.post(f"{self.pay.url}/v1/payments", json={"amount": 9000})
        return answer.status_code == 403

    async def redacted(self, http: httpx.AsyncClient) -> bool:
        """A note with a number that must not leave."""
        answer = await http.post(f"{self.ehr.url}/notes", content=f"SSN {SSN} noted.")
        return answer.status_code == 201 and not any(SSN in note for note in self.ehr.notes[-40:])

    async def events(self, http: httpx.AsyncClient) -> bool:
        """Events as they come."""
        answer = await http.get(f"{self.files.url}/sse?n=3&delay=0.01")
        return answer.text.count("data:") == 3

    async def large(self, http: httpx.AsyncClient) -> bool:
        """A large upload and a large download."""
        sent = await http.post(f"{self.files.url}/upload", content=bytes(LARGE))
        got = await http.get(f"{self.files.url}/bytes/{LARGE}")
        return sent.json() == {"bytes": LARGE} and len(got.content) == LARGE

    async def aborted(self, http: httpx.AsyncClient) -> bool:
        """A client that leaves in the middle of an answer."""
        async with http.stream("GET", f"{self.files.url}/bytes/3000000") as answer:
            async for _ in answer.aiter_raw(1000):
                break
        return answer.status_code == 200

    async def compressed(self, http: httpx.AsyncClient) -> bool:
        """A compressed answer."""
        return (await http.get(f"{self.files.url}/gzip")).json()["ok"] is True

    async def unknown(self, http: httpx.AsyncClient) -> bool:
        """A host that policy does not name."""
        try:
            await http.get("https://unknown.example.test/")
        except httpx.ProxyError as error:
            return "403" in str(error)
        return False

    async def client(self, number: int, wanted: int) -> None:
        """Send requests until enough were sent; a new connection now and then."""
        chance = random.Random(number)
        weights = [weight for weight, _ in self.kinds]
        while self.done.total() < wanted:
            async with httpx.AsyncClient(
                proxy=self.firewall.proxy_url(), verify=self.trust, http2=False, timeout=60
            ) as http:
                for _ in range(chance.choice([1, 5, 50, 200])):
                    if self.done.total() >= wanted:
                        return
                    _, kind = chance.choices(self.kinds, weights)[0]
                    self.done[kind.__name__] += 1
                    try:
                        right = await kind(http)
                        what = "a wrong answer"
                    except Exception as error:
                        right, what = False, f"{type(error).__name__}: {error}"
                    if not right:
                        self.wrong.append(f"{kind.__name__}: {what}")

    async def by_http2(self, wanted: int) -> None:
        """Let curl send its own share by HTTP/2, many requests to a connection."""
        urls = [f"{self.files.url}/echo?h2={n}" for n in range(100)]
        parts = [part for url in urls for part in ("-o", os.devnull, url)]
        while self.done.total() < wanted:
            process = await asyncio.create_subprocess_exec(
                "curl", "-sS", "--http2", "--parallel", "--parallel-max", "20",
                "-w", "%{http_code}/%{http_version}\n", *parts,
                env={**os.environ, **self.firewall.environment()},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            output, _ = await process.communicate()
            answered = output.decode().split()
            self.done["http2"] += len(urls)
            if answered.count("200/2") != len(urls):
                self.wrong.append(f"http2: {Counter(answered)}")
            await asyncio.sleep(1)


def memory(pid: int) -> dict[int, tuple[str, int]]:
    """Give the name and the resident bytes of a process and of all below it."""
    found: dict[int, tuple[str, int]] = {}
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
            name = next((w.decode() for w in words if w.startswith((b"addons", b"redaction"))), "")
            pages = int(Path(f"/proc/{one}/statm").read_text("ascii").split()[1])
            found[one] = name or "process", pages * os.sysconf("SC_PAGE_SIZE")
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text("ascii").split())
    return found


async def watch(soak: Soak, options: argparse.Namespace) -> list[str]:
    """Run the load, print a line now and then; gives what was wrong."""
    wanted, begun = options.requests, time.monotonic()
    idle = [await asyncio.open_connection(*soak.firewall.address) for _ in range(options.idle)]
    tasks = [asyncio.create_task(soak.client(n, wanted)) for n in range(options.clients)]
    tasks.append(asyncio.create_task(soak.by_http2(wanted)))
    problems: list[str] = []
    warm: dict[int, tuple[str, int]] = {}
    line = options.every
    while not all(task.done() for task in tasks):
        await asyncio.sleep(0.2)
        # What the upstreams remember is not the firewall's.
        for upstream in (soak.files, soak.pay, soak.ehr):
            upstream.forget()
        del soak.ehr.notes[:-100], soak.pay.payments[:-100]
        count = soak.done.total()
        now = memory(soak.firewall.pid)
        if not warm and count >= min(options.warm_up, wanted // 2):
            warm = now
        if count >= line:
            line += options.every
            sizes = ", ".join(f"{name} {size // MB} MB" for name, size in now.values())
            rate = count / (time.monotonic() - begun)
            print(
                f"{count:8} requests  {rate:5.0f} /s  {len(soak.wrong)} wrong  {sizes}", flush=True
            )
    for pid, (name, size) in memory(soak.firewall.pid).items():
        before = warm.get(pid, (name, size))[1]
        if size - before > options.growth * MB:
            problems.append(f"{name} grew from {before // MB} to {size // MB} MB")
    for _, writer in idle:
        writer.close()
    await asyncio.gather(*tasks)
    return problems


def main() -> int:
    """Run the soak; gives 1 when anything was wrong."""
    options = arguments()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ca = LocalCa(folder / "ca")
        with FileApi(ca) as files, PaymentsApi(ca) as pay, EhrApi(ca) as ehr:
            policy = POLICY.format(files=files, pay=pay, ehr=ehr)
            bounds = {"aegis_max_connections": str(max(4096, options.idle + 1000))}
            with Firewall(folder / "firewall", policy, files, pay, ehr, options=bounds) as firewall:
                soak = Soak(firewall, files, pay, ehr)
                problems = asyncio.run(watch(soak, options))
                report = firewall.verify()
                records = len(firewall.decisions())
            if not report.ok:
                problems.append(f"the log does not verify: {report.problems}")
            if records < soak.done.total():
                problems.append(f"{records} decisions of {soak.done.total()} requests")
    print(f"{soak.done.total()} requests: {dict(soak.done)}; {records} decisions; log {report.ok}")
    problems += [f"{count} x {what}" for what, count in Counter(soak.wrong).most_common(5)]
    for problem in problems:
        print(f"WRONG: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
