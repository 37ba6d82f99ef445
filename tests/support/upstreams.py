"""The upstreams that tests, demo and bench call through the firewall."""

from __future__ import annotations

import asyncio
import gzip
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.support.authority import LocalCa, write_hosts
from tests.support.llm_api import LlmApi
from tests.support.mcp_api import McpServer
from tests.support.server import (
    Connection,
    HangUp,
    Reply,
    Request,
    Upstream,
    json_reply,
)

__all__ = [
    "Collector",
    "Connection",
    "EhrApi",
    "FileApi",
    "GitServer",
    "HangUp",
    "LlmApi",
    "LocalCa",
    "McpServer",
    "PaymentsApi",
    "Reply",
    "Request",
    "Upstream",
    "hosts_file",
    "json_reply",
    "write_hosts",
]


def hosts_file(path: Path, *upstreams: Upstream) -> Path:
    """Write a hosts(5) file by which the names of the upstreams mean 127.0.0.1."""
    names = [name for upstream in upstreams for name in upstream.names if "*" not in name]
    return write_hosts(path, dict.fromkeys(names, "127.0.0.1"))


class PaymentsApi(Upstream):
    """POST /v1/payments makes a payment; `payments` holds those that were made."""

    names = ("pay.example.test",)

    def __init__(self, ca: LocalCa | None, *names: str, http2: bool = True) -> None:
        super().__init__(ca, *names, http2=http2)
        self.payments: list[dict[str, Any]] = []

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        if request.method == "POST" and request.path.startswith("/v1/payments"):
            payment = {"id": f"pay_{len(self.payments) + 1}", "status": "paid", **request.json()}
            self.payments.append(payment)
            return json_reply(payment, 201)
        if request.method == "GET" and request.path == "/v1/payments":
            return json_reply({"data": self.payments})
        return json_reply({"error": "no such path"}, 404)


class EhrApi(Upstream):
    """A FHIR R4 server of two resource types, and POST /notes that takes a text.

    `resources` maps "Patient/1" to the resource as it came in, `notes` holds the texts.
    """

    names = ("ehr.example.test",)
    types = ("Patient", "DocumentReference")
    _fhir = ("content-type", "application/fhir+json")

    def __init__(self, ca: LocalCa | None, *names: str, http2: bool = True) -> None:
        super().__init__(ca, *names, http2=http2)
        self.resources: dict[str, dict[str, Any]] = {}
        self.notes: list[str] = []

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        if request.method == "POST" and request.path == "/notes":
            self.notes.append(request.body.decode("utf-8"))
            return json_reply({"id": len(self.notes)}, 201)
        parts = request.path.strip("/").split("/")
        if parts[0] != "fhir" or len(parts) < 2 or parts[1] not in self.types:
            return self._outcome(404, "not-found")
        if request.method == "POST":
            resource = request.json()
            if resource.get("resourceType") != parts[1]:
                return self._outcome(400, "invalid")
            key = f"{parts[1]}/{len(self.resources) + 1}"
            self.resources[key] = resource
            stored = {**resource, "id": key.partition("/")[2]}
            return json_reply(stored, 201, self._fhir, ("location", f"/fhir/{key}"))
        if len(parts) == 3:
            found = self.resources.get("/".join(parts[1:]))
            return json_reply(found, 200, self._fhir) if found else self._outcome(404, "not-found")
        entries = [
            {"fullUrl": f"{self.url}/fhir/{key}", "resource": resource}
            for key, resource in self.resources.items()
            if key.startswith(f"{parts[1]}/")
        ]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
        return json_reply({**bundle, "entry": entries}, 200, self._fhir)

    def _outcome(self, status: int, code: str) -> Reply:
        issue = {"severity": "error", "code": code}
        return json_reply(
            {"resourceType": "OperationOutcome", "issue": [issue]}, status, self._fhir
        )


class FileApi(Upstream):
    """Bytes of all kinds.

    /bytes/N sends N bytes in pieces; /slow?seconds= answers late; /sse?n=&delay= sends timed
    events; /gzip answers compressed; /echo tells what came; /hangup closes without an answer;
    /redirect?to= redirects; POST /upload counts the body.
    """

    names = ("files.example.test",)

    async def handle(self, request: Request) -> Reply:
        """Answer a request."""
        first, _, rest = request.path.lstrip("/").partition("/")
        query = {name: values[0] for name, values in request.query.items()}
        binary = ("content-type", "application/octet-stream")
        if first == "bytes":
            size = ("content-length", rest)
            return Reply(200, [binary, size], self._bytes(int(rest)))
        if first == "slow":
            await asyncio.sleep(float(query.get("seconds", "1")))
            return json_reply({"ok": True})
        if first == "upload":
            return json_reply({"bytes": len(request.body)}, 201)
        if first == "sse":
            events = self._events(int(query.get("n", "5")), float(query.get("delay", "0.1")))
            return Reply(200, [("content-type", "text/event-stream")], events)
        if first == "gzip":
            body = gzip.compress(b'{"ok": true, "padding": "%s"}' % (b"x" * 1000))
            return Reply(
                200, [("content-type", "application/json"), ("content-encoding", "gzip")], body
            )
        if first == "hangup":
            raise HangUp
        if first == "redirect":
            return Reply(302, [("location", query["to"])])
        if first == "echo":
            return json_reply(
                {
                    "method": request.method,
                    "target": request.target,
                    "headers": [list(pair) for pair in request.headers],
                    "body": request.body.decode("latin-1"),
                    "protocol": request.protocol,
                }
            )
        return json_reply({"error": "no such path"}, 404)

    async def _bytes(self, count: int) -> AsyncIterator[bytes]:
        block = bytes(range(256)) * 256
        while count > 0:
            yield block[:count]
            count -= len(block)

    async def _events(self, count: int, delay: float) -> AsyncIterator[bytes]:
        for number in range(1, count + 1):
            yield b"id: %d\ndata: event %d\n\n" % (number, number)
            if number < count:
                await asyncio.sleep(delay)


class Collector(Upstream):
    """An OTLP/HTTP collector of traces; `spans` holds (name, attributes) of each span."""

    names = ("collector.example.test",)

    def __init__(self, ca: LocalCa | None = None, *names: str, http2: bool = False) -> None:
        super().__init__(ca, *names, http2=http2)
        self.spans: list[tuple[str, dict[str, Any]]] = []

    @property
    def endpoint(self) -> str:
        """The base address that exporters take."""
        return self.local_url

    async def handle(self, request: Request) -> Reply:
        """Take spans in."""
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

        if request.path != "/v1/traces":
            return json_reply({"error": "no such path"}, 404)
        packed = request.header("content-encoding") == "gzip"
        sent = trace_service_pb2.ExportTraceServiceRequest.FromString(
            gzip.decompress(request.body) if packed else request.body
        )
        self.spans += [
            (span.name, {a.key: _plain_value(a.value) for a in span.attributes})
            for resource in sent.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        return Reply(200, [("content-type", "application/x-protobuf")])


def _plain_value(value: Any) -> Any:
    return getattr(value, value.WhichOneof("value"))


class GitServer(Upstream):
    """Serves one bare repository, /demo.git, by git's smart HTTP protocol."""

    names = ("git.example.test",)

    def __init__(self, ca: LocalCa | None, folder: Path, *names: str, http2: bool = False) -> None:
        super().__init__(ca, *names, http2=http2)
        self.folder = folder
        self._make()

    @property
    def clone_url(self) -> str:
        """The address that `git clone` takes."""
        return f"{self.url}/demo.git"

    async def handle(self, request: Request) -> Reply:
        """Answer a request by git's own CGI program."""
        environment = {
            **_git_environment(),
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.target.partition("?")[2],
            "CONTENT_TYPE": request.header("content-type") or "",
            "CONTENT_LENGTH": str(len(request.body)),
            "HTTP_CONTENT_ENCODING": request.header("content-encoding") or "",
            "GIT_PROTOCOL": request.header("git-protocol") or "",
            "REMOTE_ADDR": "127.0.0.1",
        }
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend",
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        output, _ = await process.communicate(request.body)
        head, _, body = output.partition(b"\r\n\r\n")
        pairs = [line.partition(": ") for line in head.decode("latin-1").split("\r\n") if line]
        headers = [(name, value) for name, _, value in pairs]
        status = next((int(v.split()[0]) for n, v in headers if n.lower() == "status"), 200)
        return Reply(status, [(n, v) for n, v in headers if n.lower() != "status"], body)

    def _make(self) -> None:
        """Make a bare repository with one commit."""
        self.folder.mkdir(parents=True, exist_ok=True)
        work = self.folder / "work"
        for command in (
            ["init", "-q", "-b", "main", str(work)],
            ["-C", str(work), "commit", "-q", "--allow-empty", "-m", "first"],
        ):
            subprocess.run(["git", *command], check=True, env=_git_environment())
        (work / "README.md").write_text("A repository of the tests.\n", "utf-8")
        for command in (
            ["-C", str(work), "add", "README.md"],
            ["-C", str(work), "commit", "-q", "-m", "readme"],
            ["clone", "-q", "--bare", str(work), str(self.folder / "demo.git")],
        ):
            subprocess.run(["git", *command], check=True, env=_git_environment())


def _git_environment() -> dict[str, str]:
    """Keep the person's own git settings out of it."""
    who = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", "Test"), ("EMAIL", "test@example.test"))
    }
    return {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **who,
    }
