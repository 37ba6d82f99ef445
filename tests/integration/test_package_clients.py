"""Tools that fetch files and packages, with the variables that `aegis run` sets and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.agent import run_as
from tests.support.firewall import Firewall
from tests.support.package_index import PackageIndex
from tests.support.process import beside_python
from tests.support.upstreams import FileApi, LocalCa

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: packages}}
destinations:
  - {{id: packages, hosts: [{index.name}], ports: [{index.port}], addresses: [127.0.0.0/8]}}
  - {{id: files, hosts: [{files.name}], ports: [{files.port}], addresses: [127.0.0.0/8]}}
tools:
  - {{id: files.echo, destination: files, http: {{path: /echo}}}}
  - {{id: files.bytes, destination: files, http: {{path: "/bytes/{{size}}"}}}}
rules:
  - {{id: packages, agents: [builder], destinations: [packages], effect: allow}}
  - {{id: files, agents: [builder], tools: [files.echo, files.bytes], effect: allow}}
"""


@dataclass(frozen=True)
class Place:
    """A firewall between an agent and two upstreams."""

    firewall: Firewall
    index: PackageIndex
    files: FileApi

    def decided(self, effect: str, agent: str) -> int:
        """Count the decisions about an agent."""
        found = self.firewall.decisions(effect=effect)
        return sum(record["agent"].endswith(f"/agent/{agent}") for record in found)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("packages")
    ca = LocalCa(folder / "ca")
    with PackageIndex(ca) as index, FileApi(ca, "files.example.test") as files:
        policy = POLICY.format(index=index, files=files)
        with Firewall(folder / "firewall", policy, index, files) as firewall:
            yield Place(firewall, index, files)


@pytest.fixture
def place(shared: Place) -> Place:
    shared.index.forget()
    shared.files.forget()
    return shared


def test_wget(place: Place, tmp_path: Path) -> None:
    before = place.decided("allow", "builder")
    wget = ("wget", "-nv", "--tries=1", "-O")
    done = run_as(
        place.firewall, "builder", *wget, tmp_path / "got", f"{place.files.url}/bytes/200000"
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "got").stat().st_size == 200_000
    assert place.decided("allow", "builder") == before + 1
    place.files.forget()
    # Of the answer it shows the reason phrase alone.
    done = run_as(place.firewall, "builder", *wget, tmp_path / "no", f"{place.files.url}/slow")
    assert done.returncode == 8
    assert "ERROR 403: Refused by Aegis: policy_denied (default-deny)" in done.stderr
    assert place.files.untouched


def test_pip(place: Place, tmp_path: Path) -> None:
    def install(agent: str, into: Path) -> tuple[int, str]:
        options = ("install", "--no-cache-dir", "--retries=1", "--no-deps", "--target", str(into))
        index = ("--index-url", f"{place.index.url}/simple/", "aegis-sample")
        done = run_as(place.firewall, agent, beside_python("python"), "-m", "pip", *options, *index)
        return done.returncode, done.stdout + done.stderr

    code, out = install("builder", tmp_path / "in")
    assert code == 0, out
    assert "1.2.3" in (tmp_path / "in" / "aegis_sample.py").read_text("utf-8")
    assert [urlsplit(r.target).path for r in place.index.requests] == [
        "/simple/aegis-sample/",
        "/files/aegis_sample-1.2.3-py3-none-any.whl",
    ]
    place.index.forget()
    denied = place.decided("deny", "stranger")
    code, out = install("stranger", tmp_path / "out")
    assert code != 0
    # It tells the reason when it tries again, which it does five times unless told otherwise.
    assert "403 Refused by Aegis: policy_denied (default-deny)" in out, out
    assert place.index.untouched
    assert place.decided("deny", "stranger") > denied
