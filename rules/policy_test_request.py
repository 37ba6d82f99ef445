"""The request of a policy test's case, or of a question about a policy: checked and built."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from rules.decision import AgentRef, Facts, HttpRequest
from rules.errors import HostError
from rules.hosts import canonical_host
from rules.marked_yaml import Path
from rules.tools import FILE
from rules.units import size

DEFAULT_PORTS = {"https": 443, "http": 80}
BODIES = ("json", "form", "text", "mcp", "a2a", "multipart", "ndjson", "xml", "opaque")

Mistake = tuple[Path, str, str]
"""Where in the request, what, and how to mend it."""

_ENCODED_SLASH = re.compile(r"%(2[fF]|5[cC])")


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """A request as the data plane would know it when it decides."""

    stage: str
    agent: AgentRef
    on_behalf_of: tuple[AgentRef, ...]
    http: HttpRequest
    data: tuple[str, ...]
    now: float
    facts: Facts
    environment: Mapping[str, str]


def merge(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put parts of requests together, deep; of two values for a key the later wins."""
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            known = merged.get(key)
            both = isinstance(known, Mapping) and isinstance(value, Mapping)
            merged[key] = merge([known, value]) if both else value  # type: ignore[list-item]
    return merged


def mistakes(request: Mapping[str, Any], *, whole: bool) -> Iterator[Mistake]:
    """Give the mistakes in a request of the right shape; one that is whole needs all its parts."""
    if whole and "agent" not in request:
        yield (), "the request has no agent", "Add `agent: ID`."
    if whole and "url" not in request:
        yield (), "the request has no url", "Add `url: https://host/path`."
    bodies = [key for key in BODIES if key in request]
    if len(bodies) > 1:
        yield (bodies[1],), f"the request has {' and '.join(bodies)}", "Give it one body."
    if "url" in request:
        yield from _wrong_url(request["url"])
    if "at" in request:
        try:
            if datetime.fromisoformat(request["at"]).tzinfo is None:
                yield ("at",), "the time has no zone", "Write it like 2026-03-02T10:00:00Z."
        except ValueError:
            yield (
                ("at",),
                f"'{request['at']}' is no time",
                "Write it like 2026-03-02T10:00:00Z.",
            )


def build_request(request: Mapping[str, Any], tenants: Mapping[str, str]) -> AskedRequest:
    """Build a request that is whole and has no mistakes; `tenants` are those of known agents."""
    url = urlsplit(request["url"])
    connect = request.get("connect", False)
    kind, body, opaque = _body(request)
    method = "CONNECT" if connect else request.get("method", "GET" if kind == "none" else "POST")
    at = request.get("at")
    return AskedRequest(
        stage="connect" if connect else "request",
        agent=_agent({**request, "id": request["agent"]}, tenants),
        on_behalf_of=tuple(
            _agent({"id": other} if isinstance(other, str) else other, tenants)
            for other in request.get("on_behalf_of", ())
        ),
        http=HttpRequest(
            method=method,
            scheme="https" if connect else url.scheme,
            host=canonical_host(url.hostname or ""),
            port=url.port or DEFAULT_PORTS[url.scheme],
            path=_path(url),
            query=parse_qs(url.query, keep_blank_values=True),
            body=body,
            body_kind=kind,
            opaque=opaque,
            headers={
                name.lower(): _texts(value) for name, value in request.get("headers", {}).items()
            },
        ),
        data=tuple(request.get("data", ())),
        now=datetime.fromisoformat(at).timestamp() if at else 0.0,
        facts=Facts(tuple(request.get("exceeded", ())), tuple(request.get("approved", ()))),
        environment=dict(request.get("environment", {})),
    )


def _agent(item: Mapping[str, Any], tenants: Mapping[str, str]) -> AgentRef:
    name = item["id"]
    return AgentRef(
        name,
        item.get("tenant") or tenants.get(name) or "default",
        tuple(item.get("groups", ())),
        item.get("proof", "token"),
    )


def _wrong_url(text: str) -> Iterator[Mistake]:
    try:
        url = urlsplit(text)
        port = url.port
        if url.scheme not in DEFAULT_PORTS or not url.hostname:
            yield ("url",), f"'{text}' is no URL of http or https", "Write https://host/path."
            return
        canonical_host(url.hostname)
    except HostError as error:
        yield ("url",), f"its host is none: {error}", "Correct the name."
        return
    except ValueError:
        yield ("url",), f"'{text}' is no URL", "Write https://host:port/path."
        return
    if port == 0:
        yield ("url",), "its port is 0", "Leave the port out, or name one."
    if url.username is not None or url.fragment:
        yield ("url",), "it holds a user or a fragment", "Leave out what is never sent."
    if any(part in (".", "..") for part in _path(url).split("/")):
        yield ("url",), "its path has dot segments, which are never sent", "Write it plainly."


def _path(url: SplitResult) -> str:
    return unquote(_ENCODED_SLASH.sub("%25\\g<1>", url.path)) or "/"


def _body(request: Mapping[str, Any]) -> tuple[str, Any, int]:
    """Give what kind of body it has, what was read of it and how much of it nobody can read."""
    if "json" in request:
        return "json", request["json"], 0
    if "form" in request:
        return "form", {name: _texts(value) for name, value in request["form"].items()}, 0
    if "text" in request:
        return "text", request["text"], 0
    if "multipart" in request:
        parts = {
            name: value if isinstance(value, list) else [value]
            for name, value in request["multipart"].items()
        }
        hidden = sum(_hidden(one) for values in parts.values() for one in values)
        fields = {name: [_part(one) for one in values] for name, values in parts.items()}
        return "multipart", fields, hidden
    if "ndjson" in request:
        return "ndjson", request["ndjson"], 0
    if "xml" in request:
        return "xml", None, 0
    if "opaque" in request:
        return "opaque", None, size(request["opaque"])
    if "mcp" in request:
        params = {
            "name": request["mcp"]["tool"],
            "arguments": request["mcp"].get("arguments", {}),
        }
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        return "json", message, 0
    if "a2a" in request:
        called = {"method": request["a2a"]["method"], "params": request["a2a"].get("params", {})}
        return "json", {"jsonrpc": "2.0", "id": 1, **called}, 0
    return "none", None, 0


def _part(value: Any) -> Any:
    """Give what the firewall knows of a part: its text, its JSON, or that it is a file."""
    if not isinstance(value, dict):
        return str(value)
    if "file" not in value:
        return value["json"]
    return {FILE: {"name": value["file"], "type": "", "size": _hidden(value)}}


def _hidden(value: Any) -> int:
    return size(value.get("size", 1)) if isinstance(value, dict) and "file" in value else 0


def _texts(value: Any) -> list[str]:
    return [str(item) for item in (value if isinstance(value, list) else [value])]
