"""Real clients as their users run them: `aegis run` and the environment that it makes, no more.

`scripts/clients` installs them and names their folder; without it there are none to test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.agent import plain_environment
from tests.support.firewall import Firewall
from tests.support.grpc_api import GrpcApi
from tests.support.mcp_api import McpServer
from tests.support.model_apis import BedrockApi, GeminiApi, ToolLlm
from tests.support.package_index import PackageIndex
from tests.support.process import PROJECT
from tests.support.server import Upstream
from tests.support.upstreams import FileApi, LlmApi, LocalCa
from tests.support.web_page import WebPage
from tests.support.websocket_api import SocketApi

INSTALLED = os.environ.get("AEGIS_CLIENTS", "")
if not INSTALLED:
    collect_ignore_glob = ["test_*.py"]

PROGRAMS = Path(__file__).parent / "programs"
AEGIS = (sys.executable, "-P", "-c", "import sys; from control.cli import main; sys.exit(main())")
HEAD = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: clients}
"""


@dataclass(frozen=True)
class Clients:
    """A firewall before one upstream for each protocol.

    Three agents: `worker` may do everything, `reader` may only GET /page and /data (so the tunnel
    opens and the call in it is refused), `stranger` may not even connect.
    """

    folder: Path
    firewall: Firewall
    upstreams: dict[str, Upstream]
    policy: str

    def run(
        self, agent: str, *command: str | Path, timeout: float = 100, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command by `aegis run --agent AGENT`."""
        self.firewall.token(agent)  # makes the agent
        options = ["run", "--quiet", "--agent", agent, "--", *map(str, command)]
        mine = {"AEGIS_HOME": str(self.firewall.home), "PYTHONPATH": str(PROJECT), **variables}
        return subprocess.run(
            [*AEGIS, *options],
            env={**plain_environment(), **mine},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def decided(self, agent: str, effect: str) -> list[dict[str, Any]]:
        """Give the decisions about an agent."""
        return [
            record
            for record in self.firewall.decisions(effect=effect)
            if (record["agent"] or "").endswith(f"/agent/{agent}")
        ]

    def forget(self) -> None:
        """Forget what the upstreams saw."""
        for upstream in self.upstreams.values():
            upstream.forget()

    @property
    def touched(self) -> list[str]:
        """Those that somebody connected to."""
        return [name for name, upstream in self.upstreams.items() if not upstream.untouched]


def python() -> Path:
    """Give the interpreter that has the clients."""
    return Path(INSTALLED) / "bin" / "python"


def node(version: str) -> Path:
    """Give a Node of a version."""
    return Path(INSTALLED) / "node" / version / "node_modules" / ".bin" / "node"


def policy(upstreams: dict[str, Upstream]) -> str:
    """Write the policy of the three agents."""
    lines = ["destinations:"]
    lines += [
        f"  - {{id: {name}, hosts: [{u.name}], ports: [{u.port}], addresses: [127.0.0.0/8],"
        " websocket: allow, request_streams: pass}"
        for name, u in upstreams.items()
    ]
    lines.append("tools:")
    for name in upstreams:
        for path in ("page", "data"):
            lines.append(f"  - {{id: {name}.{path}, destination: {name}, http: {{path: /{path}}}}}")
    every = ", ".join(upstreams)
    tools: Sequence[str] = [f"{name}.{path}" for name in upstreams for path in ("page", "data")]
    lines += [
        "rules:",
        f"  - {{id: all, agents: [worker, default], destinations: [{every}], effect: allow}}",
        f"  - {{id: some, agents: [reader], tools: [{', '.join(tools)}], effect: allow}}",
    ]
    return HEAD + "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    folder = tmp_path_factory.mktemp("clients")
    ca = LocalCa(folder / "ca")
    with (
        LlmApi(ca) as llm,
        ToolLlm(ca) as tools,
        GeminiApi(ca) as gemini,
        BedrockApi(ca) as bedrock,
        GrpcApi(ca) as grpc,
        SocketApi(ca) as socket,
        McpServer(ca) as mcp,
        PackageIndex(ca) as packages,
        FileApi(ca) as files,
        WebPage(ca) as page,
    ):
        page.socket = socket.url.replace("https://", "wss://") + "/echo"
        upstreams: dict[str, Upstream] = {
            "llm": llm,
            "tools": tools,
            "gemini": gemini,
            "bedrock": bedrock,
            "grpc": grpc,
            "socket": socket,
            "mcp": mcp,
            "packages": packages,
            "files": files,
            "page": page,
        }
        text = policy(upstreams)
        with Firewall(folder / "firewall", text, *upstreams.values()) as firewall:
            yield Clients(folder, firewall, upstreams, text)


@pytest.fixture
def clients(shared: Clients) -> Clients:
    shared.forget()
    return shared
