"""A real firewall process and real upstreams over real TLS, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.firewall import Firewall
from tests.support.upstreams import (
    EhrApi,
    FileApi,
    GitServer,
    LlmApi,
    LocalCa,
    McpServer,
    PaymentsApi,
    Upstream,
)

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: test}}
mode: {mode}
limits: {{max_body: 1MB, larger_bodies: {larger}}}
destinations:
  - id: llm
    hosts: [{llm.name}]
    ports: [{llm.port}]
    addresses: [127.0.0.0/8]
  - id: payments
    hosts: [{payments.name}]
    ports: [{payments.port}]
    addresses: [127.0.0.0/8]
    region: us
  - id: ehr
    hosts: [{ehr.name}]
    ports: [{ehr.port}]
    addresses: [127.0.0.0/8]
  - id: files
    hosts: [{files.name}, "*.files.example.test"]
    ports: [{files.port}]
    addresses: [127.0.0.0/8]
  - id: plain
    hosts: [{plain.name}]
    ports: [{plain.port}]
    schemes: [http]
    addresses: [127.0.0.0/8]
  - id: inside
    hosts: [inside.example.test]
    ports: [{files.port}]
  - id: mcp
    hosts: [{mcp.name}]
    ports: [{mcp.port}]
    addresses: [127.0.0.0/8]
  - id: git
    hosts: [{git.name}]
    ports: [{git.port}]
    addresses: [127.0.0.0/8]
  - id: nowhere
    hosts: [nowhere.example.test]
tools:
  - id: payments.create
    destination: payments
    http: {{methods: [POST], path: /v1/payments}}
    arguments:
      max_amount: 5000
      currency: {{enum: [USD, EUR]}}
      memo: {{pattern: "[A-Za-z ]*"}}
  - id: payments.list
    destination: payments
    http: {{methods: [GET], path: /v1/payments}}
  - id: notes.write
    mcp: {{server: mcp, tool: write_note}}
  - id: notes.pay
    mcp: {{server: mcp, tool: pay}}
    arguments: {{max_amount: 100}}
rules:
  - id: models
    agents: ["*"]
    destinations: [llm, files, plain, inside, git, nowhere]
    effect: allow
  - id: payments
    agents: ["*"]
    tools: [payments.create, payments.list]
    effect: allow
  - id: records
    agents: ["*"]
    destinations: [ehr]
    effect: allow
  - id: tools
    agents: ["*"]
    tools: [notes.write, notes.pay]
    effect: allow
redaction:
  - id: no-ssn-in-records
    destinations: [ehr]
    entities:
      US_SSN: {{operator: mask, keep_last: 4}}
      EMAIL_ADDRESS: hash
"""


@dataclass
class World:
    """The upstreams, and a way to start firewalls in front of them."""

    folder: Path
    llm: LlmApi
    payments: PaymentsApi
    ehr: EhrApi
    files: FileApi
    plain: FileApi
    mcp: McpServer
    git: GitServer

    @property
    def upstreams(self) -> list[Upstream]:
        """All of them."""
        return [self.llm, self.payments, self.ehr, self.files, self.plain, self.mcp, self.git]

    def policy(self, mode: str = "enforce", larger: str = "deny") -> str:
        """Give the tests' policy with the upstreams' ports in it."""
        return POLICY.format(mode=mode, larger=larger, **vars(self))

    def firewall(self, folder: Path, policy: str | None = "", **options: Any) -> Firewall:
        """Make a firewall in front of the upstreams; with None it uses what was applied."""
        hosts = {
            "inside.example.test": "127.0.0.1",
            "a.files.example.test": "127.0.0.1",
            "evilfiles.example.test": "127.0.0.1",
        }
        text = self.policy() if policy == "" else policy
        return Firewall(folder, text, *self.upstreams, hosts=hosts, **options)

    @property
    def touched(self) -> list[str]:
        """Names of the upstreams that somebody connected to."""
        return [upstream.name for upstream in self.upstreams if not upstream.untouched]

    def forget(self) -> None:
        """Forget what the upstreams saw so far."""
        for upstream in self.upstreams:
            upstream.forget()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    ca = LocalCa(folder / "ca")
    with (
        LlmApi(ca) as llm,
        PaymentsApi(ca) as payments,
        EhrApi(ca) as ehr,
        FileApi(ca, "files.example.test", "a.files.example.test") as files,
        FileApi(None, "plain.example.test") as plain,
        McpServer(ca) as mcp,
        GitServer(ca, folder) as git,
    ):
        yield World(folder, llm, payments, ehr, files, plain, mcp, git)


@pytest.fixture(scope="module", params=["own", "mitmdump"])
def firewall(
    world: World, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Firewall]:
    """The same firewall twice: under its own master and in a stock mitmdump."""
    with world.firewall(tmp_path_factory.mktemp("firewall"), kind=request.param) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(world: World) -> None:
    world.forget()


@pytest.fixture
def start(world: World, tmp_path: Path) -> Iterator[Callable[..., Firewall]]:
    """Start firewalls of a test's own; they are stopped at its end."""
    running: list[Firewall] = []

    def make(**options: Any) -> Firewall:
        made = world.firewall(tmp_path / f"firewall{len(running)}", **options)
        running.append(made)
        return made.start()

    yield make
    for one in running:
        one.stop()
