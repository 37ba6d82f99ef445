"""Each client does its work, and is told of a refusal by an error of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.conftest import PROGRAMS, Clients, node, python
from tests.support.jailer import Jailer, why_not
from tests.support.model_apis import REPLY

NO_RULE = "No rule allows this agent to do this here. Add a rule that does."
TUNNEL = "Refused by Aegis: policy_denied (default-deny)"


@dataclass(frozen=True)
class Case:
    """What a program says when all is allowed, when its call is refused and when its tunnel is."""

    program: str
    upstream: str
    says: tuple[str, ...]
    call: str
    tunnel: str
    node: str = ""

    def __str__(self) -> str:
        return f"{self.program}{self.node}"

    @property
    def command(self) -> list[str | Path]:
        if self.node:
            return [node(self.node), PROGRAMS / f"{self.program}.mjs"]
        return [python(), PROGRAMS / f"{self.program}.py"]


CASES = (
    Case(
        "openai_sdk", "llm", (REPLY,) * 3,
        f"openai.PermissionDeniedError: Error code: 403 - {NO_RULE}",
        f"403 {TUNNEL}",
    ),
    Case(
        "anthropic_sdk", "llm", (REPLY,) * 2,
        "anthropic.PermissionDeniedError: Error code: 403",
        f"403 {TUNNEL}",
    ),
    Case(
        "openai_agents", "tools", ("The tool said: rain in Oslo",),
        f"openai.PermissionDeniedError: Error code: 403 - {NO_RULE}",
        f"403 {TUNNEL}",
    ),
    Case(
        "langgraph_agent", "tools", ("The tool said: rain in Oslo", REPLY),
        f"OpenAIPermissionDeniedError: Error code: 403 - {NO_RULE}",
        f"403 {TUNNEL}",
    ),
    Case(
        "google_genai", "gemini", (REPLY,) * 2,
        "google.genai.errors.ClientError: 403 PERMISSION_DENIED.", f"ProxyError: 403 {TUNNEL}",
    ),
    Case(
        "google_genai_async", "gemini", (REPLY,) * 2,
        "google.genai.errors.ClientError: 403 PERMISSION_DENIED.", f"403, message='{TUNNEL}'",
    ),
    Case(
        "bedrock", "bedrock", (REPLY,) * 4,
        f"(AccessDeniedException) when calling the Converse operation: {NO_RULE}",
        f"403 {TUNNEL}",
    ),
    Case(
        "grpc_client", "grpc", ("hello", "again again again"),
        f'details = "{NO_RULE}"', "HTTP proxy returned response code 403",
    ),
    Case(
        "websocket_client", "socket", ("hello",),
        "InvalidStatus: server rejected WebSocket connection: HTTP 403",
        "InvalidProxyStatus: proxy rejected connection: HTTP 403",
    ),
    Case(
        "mcp_client", "mcp", ("add pay write_note", "noted 5 characters"),
        f"MCPError: {NO_RULE}", f"ProxyError: 403 {TUNNEL}",
    ),
    Case("aiohttp_environment", "files", ("200",), f"403, message='{TUNNEL}'", f"403, message='{TUNNEL}'"),
    Case("node_fetch", "files", ("200",), NO_RULE, "Proxy response (403)", node="22"),
    Case("node_fetch", "files", ("200",), NO_RULE, "Proxy response (403)", node="24"),
    Case("node_https", "files", ("200",), NO_RULE, "403", node="22"),
    Case("node_https", "files", ("200",), NO_RULE, "403", node="24"),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_does_its_work(clients: Clients, case: Case) -> None:
    url = clients.upstreams[case.upstream].url
    before = len(clients.decided("worker", "allow"))
    done = clients.run("worker", *case.command, url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == list(case.says)
    assert clients.touched == [case.upstream]
    assert len(clients.decided("worker", "allow")) > before


@pytest.mark.parametrize("agent", ["reader", "stranger"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_told_of_a_refusal(clients: Clients, case: Case, agent: str) -> None:
    before = len(clients.decided(agent, "deny"))
    done = clients.run(agent, *case.command, clients.upstreams[case.upstream].url)
    assert done.returncode != 0
    assert (case.call if agent == "reader" else case.tunnel) in done.stderr
    assert clients.touched == []
    assert len(clients.decided(agent, "deny")) > before
    if agent == "stranger":
        assert clients.decided(agent, "allow") == []


AROUND = ("aiohttp_plain", "urllib3_plain", "node_fetch")


def around(program: str) -> list[str | Path]:
    if program.startswith("node"):
        return [node("20"), PROGRAMS / f"{program}.mjs"]
    return [python(), PROGRAMS / f"{program}.py"]


@pytest.mark.parametrize("program", AROUND)
def test_without_a_jail_these_go_around_the_firewall(clients: Clients, program: str) -> None:
    # Nothing in the environment can help it: that is what a jail is for.
    files = clients.upstreams["files"]
    before = len(clients.firewall.decisions())
    done = clients.run("stranger", *around(program), files.local_url)
    assert done.returncode != 0  # it trusts the firewall's CA, and not the upstream's own
    assert not files.untouched
    assert len(clients.firewall.decisions()) == before


@pytest.mark.parametrize("program", AROUND)
def test_a_jail_catches_them(clients: Clients, program: str) -> None:
    if reason := why_not("root"):
        pytest.skip(reason)
    files, llm = clients.upstreams["files"], clients.upstreams["llm"]
    policy = clients.policy.replace("[worker, default]", "[worker]").replace(
        "agents: [reader], tools: [", "agents: [default], tools: [files.echo, "
    )
    echo = "  - {id: files.echo, destination: files, http: {path: /echo}}\ntools:\n"
    policy = policy.replace("tools:\n", "tools:\n" + echo.removesuffix("tools:\n"), 1)
    with Jailer("root", policy, list(clients.upstreams.values())) as jail:
        done = jail.run(*jail.behind, "--", *around(program), files.url)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == ["200"]
        assert clients.touched == ["files"]
        clients.forget()
        done = jail.run(*jail.behind, "--", *around(program), llm.url)
        assert "403" in done.stdout + done.stderr
        assert clients.touched == []
        effects = [record["effect"] for record in jail.records("decision")]
        assert effects == ["allow", "deny"]


@pytest.mark.parametrize("agent", ["worker", "reader", "stranger"])
def test_chromium(clients: Clients, tmp_path: Path, agent: str) -> None:
    # Playwright takes the proxy's credential; what Chromium trusts stands in an NSS database.
    database = tmp_path / ".pki" / "nssdb"
    database.mkdir(parents=True)
    certutil = ["certutil", "-d", f"sql:{database}"]
    subprocess.run([*certutil, "-N", "--empty-password"], check=True)
    own = clients.firewall.home / "ca.pem"
    subprocess.run([*certutil, "-A", "-t", "C,,", "-n", "aegis", "-i", str(own)], check=True)
    browser = shutil.which("chromium") or "chromium"
    done = clients.run(
        agent, python(), PROGRAMS / "chromium_page.py", clients.upstreams["page"].url, browser,
        HOME=str(tmp_path),
    )  # fmt: skip
    if agent == "stranger":
        assert "net::ERR_TUNNEL_CONNECTION_FAILED" in done.stderr
        assert clients.touched == []
        return
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["fetch"] == [200, "/data"]
    assert told["xhr"] == 200
    paths = [request.path for request in clients.upstreams["page"].requests]
    if agent == "worker":
        assert told["refused"] == [200, "/secret"]
        assert told["socket"] == "hello"
    else:
        assert told["refused"] == [403, "policy_denied"]
        assert told["socket"] == 1006
        assert "/secret" not in paths
        assert clients.touched == ["page"]


def test_npm(clients: Clients, tmp_path: Path) -> None:
    index = clients.upstreams["packages"]

    def install(agent: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / agent
        folder.mkdir()
        options = ["--no-audit", "--no-fund", "--no-package-lock", "--fetch-retries=0"]
        return clients.run(
            agent, "npm", "install", "--prefix", folder, f"--registry={index.url}/",
            f"--cache={folder / 'cache'}", f"--userconfig={os.devnull}", *options, "aegis-sample",
        )  # fmt: skip

    done = install("worker")
    assert done.returncode == 0, done.stderr
    module = tmp_path / "worker" / "node_modules" / "aegis-sample" / "index.js"
    assert "sample 1.2.3" in module.read_text("utf-8")
    clients.forget()
    for agent in ("reader", "stranger"):
        done = install(agent)
        assert done.returncode != 0
        assert "403" in done.stderr, done.stderr
        assert clients.touched == []
        assert clients.decided(agent, "deny")


def test_uv(clients: Clients, tmp_path: Path) -> None:
    index = clients.upstreams["packages"]

    def install(agent: str) -> subprocess.CompletedProcess[str]:
        options = ["--no-cache", "--no-config", "--target", str(tmp_path / agent)]
        return clients.run(
            agent, python().with_name("uv"), "pip", "install", "--python", python(), *options,
            "--default-index", f"{index.url}/simple/", "aegis-sample", UV_HTTP_RETRIES="0",
        )  # fmt: skip

    done = install("worker")
    assert done.returncode == 0, done.stderr
    assert "1.2.3" in (tmp_path / "worker" / "aegis_sample.py").read_text("utf-8")
    clients.forget()
    for agent in ("reader", "stranger"):
        done = install(agent)
        assert done.returncode != 0
        assert clients.touched == []
        assert clients.decided(agent, "deny")
        assert "403" in done.stderr or "tunnel" in done.stderr, done.stderr
