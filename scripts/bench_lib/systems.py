"""The systems that are measured side by side, and the upstream they all call."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from scripts.bench_lib import machine
from scripts.bench_lib.load import Client, LoadError, Proxy, get, post
from tests.support.authority import LocalCa
from tests.support.firewall import Firewall, Kind
from tests.support.process import Program, beside_python, free_port, listens

PAY, CHAT, NAMES = range(3)
"""The upstream's ports: payments, chats, and chats whose names are taken out."""

PAYMENT = b'{"amount":40.5,"currency":"EUR","account":"acct_000001","memo":"%s"}' % (b"x" * 334)

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: bench}}
destinations:
  - {{id: pay, hosts: [localhost], ports: [{pay}], addresses: [127.0.0.0/8]}}
  - {{id: chat, hosts: [localhost], ports: [{chat}], addresses: [127.0.0.0/8]}}
  - {{id: names, hosts: [localhost], ports: [{names}], addresses: [127.0.0.0/8]}}
tools:
  - id: payments.create
    destination: pay
    http: {{methods: [POST], path: /v1/payments}}
    arguments:
      amount: {{max: 5000, required: true}}
      currency: {{enum: [USD, EUR]}}
rules:
  - id: agents-may-call
    agents: ["*"]
    destinations: [pay, chat, names]
    effect: allow
redaction:
  - id: patterns
    destinations: [chat, names]
    entities:
      US_SSN: {{operator: mask, keep_last: 4}}
      EMAIL_ADDRESS: hash
      CREDIT_CARD: replace
  - id: people
    destinations: [names]
    entities: {{PERSON: replace}}
"""


class System(Protocol):
    """A proxy under measurement."""

    name: str

    def start(self) -> Self:
        """Start it and wait until it answers."""
        ...

    def stop(self) -> object:
        """End it."""
        ...

    @property
    def pid(self) -> int:
        """Its process."""
        ...

    @property
    def proxy(self) -> Proxy:
        """How to go through it."""
        ...


class Upstream:
    """The upstream process and the collector of spans."""

    def __init__(self, folder: Path, core: int) -> None:
        self.ca = LocalCa(folder)
        chain, key = self.ca.write_key_pair(folder, "localhost")
        command = [*machine.pinned(core), beside_python("python"), "-m"]
        command += ["scripts.bench_lib.upstream", str(chain), str(key)]
        self._program = Program(command, folder / "upstream.out")
        self.ports: list[int] = []
        self.otlp = 0

    def start(self) -> Self:
        """Start it."""
        self._program.start()
        self._program.wait_until(lambda: "\n" in self._program.output, "its ports")
        said = json.loads(self._program.output)
        self.ports, self.otlp = said["ports"], said["otlp"]
        return self

    def stop(self) -> None:
        """End it."""
        self._program.stop()


class Stock:
    """mitmdump without addons of ours, its printing off; else as it comes."""

    name = "mitmdump"

    def __init__(self, folder: Path, upstream: Upstream, core: int) -> None:
        folder.mkdir(parents=True)
        self._conf, self._port = folder / "conf", free_port()
        settings = {
            "flow_detail": "0",
            "confdir": str(self._conf),
            "ssl_verify_upstream_trusted_ca": str(upstream.ca.pem),
        }
        command = [*machine.pinned(core), beside_python("mitmdump"), "-q"]
        command += ["--listen-host", "127.0.0.1", "--listen-port", str(self._port)]
        command += [part for n, v in settings.items() for part in ("--set", f"{n}={v}")]
        self._program = Program(command, folder / "mitmdump.out")

    def start(self) -> Self:
        """Start it and wait until it listens."""
        self._program.start()
        self._program.wait_until(lambda: listens(self._port), "listening")
        return self

    def stop(self) -> object:
        """End it."""
        return self._program.stop()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._program.pid

    @property
    def proxy(self) -> Proxy:
        """How to go through it."""
        return Proxy(self._port, "", self._conf / "mitmproxy-ca-cert.pem")


class Aegis:
    """The firewall with policy, log, redaction and spans on."""

    def __init__(
        self,
        name: str,
        kind: Kind,
        folder: Path,
        upstream: Upstream,
        core: int | None,
        policy: str,
        options: Mapping[str, str] | None = None,
    ) -> None:
        """Take the core to stay on, None for all of them."""
        self.name = name
        self.firewall = Firewall(
            folder,
            policy,
            kind=kind,
            ca=upstream.ca,
            otlp_endpoint=f"http://127.0.0.1:{upstream.otlp}",
            options={**(options or {}), **({} if kind == "own" else {"flow_detail": "0"})},
            prefix=() if core is None else machine.pinned(core),
        )

    def start(self) -> Self:
        """Start it and wait until it listens."""
        self.firewall.start()
        return self

    def stop(self) -> object:
        """End it."""
        return self.firewall.stop()

    @property
    def pid(self) -> int:
        """Its process."""
        return self.firewall.pid

    @property
    def proxy(self) -> Proxy:
        """How to go through it."""
        home = self.firewall.home
        token = (home / "default.token").read_text("ascii").strip()
        return Proxy(self.firewall.port, token, home / "ca.pem")


def policy_text(upstream: Upstream) -> str:
    """Write the policy for the ports of this run."""
    pay, chat, names = upstream.ports
    return POLICY.format(pay=pay, chat=chat, names=names)


@dataclass(frozen=True, slots=True)
class Sanity:
    """Whether a firewall does its work at all; a bench of one that does not is a lie."""

    system: System
    upstream: Upstream

    def check(self) -> None:
        """Raise `LoadError` when a bad call gets through or personal data arrives."""
        ports = self.upstream.ports
        over = PAYMENT.replace(b"40.5", b"5001")
        self._expect(403, PAY, post("/v1/payments", ports[PAY], over), b"")
        message = {"role": "user", "content": "My SSN is 536-90-4399, says Grace Keller."}
        chat = json.dumps({"model": "m", "messages": [message]}).encode()
        self._expect(200, CHAT, post("/echo", ports[CHAT], chat), b"536-90")
        self._expect(200, NAMES, post("/echo", ports[NAMES], chat), b"Keller")

    def _expect(self, status: int, port: int, request: bytes, absent: bytes) -> None:
        proxy = self.system.proxy
        client = Client(proxy, self.upstream.ports[port], proxy.trust())
        got, body = client.exchange(request)
        client.close()
        if got != status:
            raise LoadError(f"{self.system.name}: expected {status}, got {got}: {body[:300]!r}")
        if absent and absent in body:
            raise LoadError(f"{self.system.name}: {absent.decode()} got through")


def startup_seconds(system: System, upstream: Upstream) -> float:
    """Start a system and give the seconds until it has answered a first request."""
    start = time.perf_counter()
    system.start()
    proxy = system.proxy
    client = Client(proxy, upstream.ports[PAY], proxy.trust())
    client.exchange(post("/v1/payments", upstream.ports[PAY], PAYMENT))
    client.close()
    return time.perf_counter() - start


def download(system: System, upstream: Upstream, size: int = 10_000_000) -> Mapping[str, Any]:
    """Download so many bytes; gives milliseconds to the first byte and the peak memory."""
    proxy = system.proxy
    with machine.PeakRss(system.pid) as memory:
        client = Client(proxy, upstream.ports[PAY], proxy.trust())
        first, whole = client.first_byte(get(f"/bytes/{size}", upstream.ports[PAY]))
        client.close()
    return {"first_byte_ms": first * 1000, "whole_ms": whole * 1000, "peak": memory.peak}
