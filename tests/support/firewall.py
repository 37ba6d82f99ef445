"""The firewall as a process of its own, as its users run it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Literal, Self

from ledger import (
    DuplicateAgent,
    LogCorrupt,
    LogReader,
    LogUnavailable,
    SqliteAgents,
    VerifyReport,
    verify_log,
)
from tests.support.authority import LocalCa, write_hosts
from tests.support.process import Program, ProgramError, beside_python, free_port, listens
from tests.support.server import Upstream

Kind = Literal["own", "mitmdump"]


class Firewall:
    """Runs `python -m addons` (kind "own") or `mitmdump -s addons/firewall.py` in `folder`.

    `policy` is a policy's text or its path, None for what was applied on the home folder; `place`
    is what `--policy` says instead, as the URL of a bundle server. The upstreams' names resolve to
    127.0.0.1 and their CA is trusted; `hosts` names further ones. `options` are `--set` pairs, `prefix` comes before the
    command (`("taskset", "-c", "0")`), `arguments` after it.
    """

    def __init__(
        self,
        folder: Path,
        policy: str | Path | None,
        *upstreams: Upstream,
        kind: Kind = "own",
        place: str = "",
        workers: int = 1,
        hosts: Mapping[str, str] | None = None,
        ca: LocalCa | None = None,
        otlp_endpoint: str = "",
        options: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        arguments: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.home = folder, folder / "home"
        if isinstance(policy, str):
            self.policy = folder / "policy.yaml"
            self.policy.write_text(policy, "utf-8")
        else:
            self.policy = policy or folder / "no-policy"
        self.host, self.port = "127.0.0.1", free_port()
        names = {name: "127.0.0.1" for upstream in upstreams for name in upstream.names}
        hosts_file = write_hosts(folder / "hosts", {**names, **(hosts or {})})
        ca = ca or next((upstream.ca for upstream in upstreams if upstream.ca), None)
        self._kind: Kind = kind
        settings = {
            "hosts_file": str(hosts_file),
            "otlp_endpoint": otlp_endpoint,
            "policy": place or ("" if policy is None else str(self.policy)),
            "home": str(self.home),
        }
        make = self._own if kind == "own" else self._mitmdump
        command = make(settings, ca, workers, options or {})
        self._program = Program(
            [*prefix, *command, *arguments], folder / "firewall.out", environment
        )

    def _own(
        self,
        settings: Mapping[str, str],
        ca: LocalCa | None,
        workers: int,
        options: Mapping[str, str],
    ) -> list[str]:
        command = [beside_python("python"), "-m", "addons"]
        for name, value in settings.items():
            if value:
                command += ["--" + name.replace("_", "-"), value]
        command += ["--host", self.host, "--port", str(self.port), "--workers", str(workers)]
        if ca is not None:
            command += ["--upstream-ca", str(ca.pem)]
        return command + [part for n, v in options.items() for part in ("--set", f"{n}={v}")]

    def _mitmdump(
        self,
        settings: Mapping[str, str],
        ca: LocalCa | None,
        workers: int,
        options: Mapping[str, str],
    ) -> list[str]:
        if workers != 1:
            raise ValueError("mitmdump runs one worker")
        sets = {f"aegis_{name}": value for name, value in settings.items() if value}
        sets["confdir"] = str(self.home / "ca")
        if ca is not None:
            sets["ssl_verify_upstream_trusted_ca"] = str(ca.pem)
        command = [beside_python("mitmdump"), "-s", "addons/firewall.py"]
        command += ["--listen-host", self.host, "--listen-port", str(self.port)]
        pairs = {**sets, **options}.items()
        return command + [part for n, v in pairs for part in ("--set", f"{n}={v}")]

    # Life ---------------------------------------------------------------------------------

    def start(self, seconds: float = 60) -> Self:
        """Start it and wait until it takes connections; raises `ProgramError` with its output."""
        self._program.start()
        self._program.wait_until(self._ready, "listening", seconds)
        return self

    def stop(self) -> int:
        """Ask it to end and wait; gives the exit code."""
        return self._program.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ready(self) -> bool:
        # mitmdump writes no proxy.json.
        told = (self.home / "proxy.json").exists() if self._kind == "own" else listens(self.port)
        return told and self._started()

    def _started(self) -> bool:
        """Tell whether the log has its first record; it may be in the making still."""
        try:
            return bool(self.records("start"))
        except LogCorrupt:
            return False

    @property
    def pid(self) -> int:
        """The process id of the firewall, or of its supervisor when it has several workers."""
        return self._program.pid

    @property
    def exit_code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._program.exit_code

    @property
    def output(self) -> str:
        """All it has printed."""
        return self._program.output

    @property
    def running(self) -> dict[str, Any]:
        """What proxy.json says."""
        said: dict[str, Any] = json.loads((self.home / "proxy.json").read_text("utf-8"))
        return said

    # For clients --------------------------------------------------------------------------

    def token(
        self,
        agent: str = "default",
        *,
        tenant: str = "default",
        groups: Sequence[str] = (),
        ttl_seconds: int | None = None,
    ) -> str:
        """Mint a token of an agent, which is made when it is new."""
        with closing(SqliteAgents(self.home / "agents.db")) as agents:
            with suppress(DuplicateAgent):
                agents.add(agent, tenant, groups)
            return agents.mint(agent, ttl_seconds)

    def proxy_url(self, token: str | None = None) -> str:
        """Give the proxy's address with a token in it: the given one, else the default agent's."""
        if token is None:
            token = (self.home / "default.token").read_text("ascii").strip()
        return f"http://aegis:{token}@{self.host}:{self.port}"

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.host, self.port

    @property
    def ca_bundle(self) -> Path:
        """What clients must trust: the system's roots and the firewall's own."""
        return self.home / "ca-bundle.pem"

    def environment(self, token: str | None = None) -> dict[str, str]:
        """Give the variables by which a client process goes through the firewall."""
        proxy, bundle = self.proxy_url(token), str(self.ca_bundle)
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        variables = dict.fromkeys([*names, *(name.lower() for name in names)], proxy)
        trust = (
            "SSL_CERT_FILE",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "GIT_SSL_CAINFO",
            "NODE_EXTRA_CA_CERTS",
        )
        return {**variables, **dict.fromkeys(trust, bundle), "NO_PROXY": "", "no_proxy": ""}

    # Evidence -----------------------------------------------------------------------------

    @property
    def log(self) -> Path:
        """The decision log."""
        return self.home / "ledger.db"

    def records(self, kind: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """Read the log's records, of one kind or of all; none while there is no log."""
        try:
            found = list(LogReader(self.log).records(after))
        except LogUnavailable:
            return []
        return [record for record in found if kind in (None, record["kind"])]

    def decisions(self, after: int = 0, **fields: Any) -> list[dict[str, Any]]:
        """Read the decisions whose top-level fields have these values (`effect="deny"`)."""
        return [r for r in self.records("decision", after) if _agrees(r, fields.items())]

    def outcomes(self, after: int = 0) -> list[dict[str, Any]]:
        """Read what came of the exchanges that were let through."""
        return self.records("outcome", after)

    def wait_for(self, kind: str, count: int = 1, seconds: float = 10) -> list[dict[str, Any]]:
        """Wait until the log has so many records of a kind; raises `ProgramError`."""
        end = time.monotonic() + seconds
        while len(found := self.records(kind)) < count:
            if time.monotonic() > end:
                raise ProgramError(f"{len(found)} of {count} {kind} records.\n{self.output}")
            time.sleep(0.02)
        return found

    def verify(self) -> VerifyReport:
        """Verify the log with the public key in its home."""
        return verify_log(self.log, (self.home / "log.pub").read_text("utf-8"))


def _agrees(record: Mapping[str, Any], fields: Iterable[tuple[str, Any]]) -> bool:
    return all(record.get(name) == value for name, value in fields)
