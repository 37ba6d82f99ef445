"""Read: the body, decoded under bounds and parsed, and the tools it calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

import jiter
from mitmproxy import http

from addons.decode import DecodeError, decode
from addons.exchange import Body, Exchange, exchange_of
from addons.services import Services
from rules import HttpRequest, ToolCall, ToolError

MAX_FIELDS = 1000
"""Names in a query or form beyond which it is refused."""


class Read:
    """Reads what a request carries and matches the tools it calls."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Settle what happens to a body larger than the bound of inspection."""
        exchange = exchange_of(flow)
        limits = self._services.policy.limits
        length = _content_length(exchange.header(flow.request, b"content-length"))
        if length is None or length <= limits.max_body_bytes:
            return
        if limits.larger_bodies != "pass":
            too_large(exchange, limits.max_body_bytes)
            return
        exchange.streamed = True
        exchange.body = Body(kind="uninspected")
        exchange.calls = self._match(flow, exchange)
        flow.request.stream = _counted(exchange)

    def request(self, flow: http.HTTPFlow) -> None:
        """Decode and parse the body, and match the tools."""
        exchange = exchange_of(flow)
        if exchange.streamed:
            return
        limits = self._services.policy.limits
        raw = flow.request.raw_content or b""
        content_type = b",".join(exchange.header(flow.request, b"content-type"))
        exchange.request_bytes = len(raw)
        if exchange.body.kind == "uninspected" or len(raw) > limits.max_body_bytes:
            too_large(exchange, limits.max_body_bytes)
            return
        try:
            data = raw and decode(
                raw,
                b",".join(exchange.header(flow.request, b"content-encoding")).decode("latin-1"),
                max_bytes=limits.max_body_bytes,
                max_ratio=limits.max_ratio,
            )
            exchange.body = parse(data, content_type.decode("latin-1"))
        except DecodeError as error:
            exchange.deny(
                "body_unreadable",
                f"The request's body cannot be inspected: {error}.",
                rule="read",
                status=400,
            )
            return
        exchange.calls = self._match(flow, exchange)

    def _match(self, flow: http.HTTPFlow, exchange: Exchange) -> Sequence[ToolCall]:
        destination, body = exchange.destination, exchange.body
        assert destination is not None
        _note_rpc(exchange)
        path, _, search = flow.request.path.partition("?")
        try:
            query = (
                parse_qs(search, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
                if search
                else {}
            )
            calls: list[ToolCall] = []
            policy = self._services.policy
            headers = exchange.texts_of_headers(flow.request) if policy.reads_headers else {}
            for reading in readings(path):
                request = HttpRequest(
                    method=flow.request.method,
                    scheme=destination.scheme,
                    host=destination.host,
                    port=destination.port,
                    path=reading,
                    query=query,
                    body=body.value,
                    body_kind=body.kind,
                    headers=headers,
                )
                calls += [call for call in policy.match_tools(request) if call not in calls]
            return calls
        except ToolError as error:
            exchange.deny("tool_call_malformed", str(error), rule="read", status=400)
        except ValueError:
            exchange.deny(
                "url_unreadable",
                "The request's path or query cannot be read the one way that the firewall and "
                "the destination would agree on (encoding, dot segments or too many fields).",
                rule="read",
                status=400,
            )
        return ()


def too_large(exchange: Exchange, bound: int) -> None:
    """Refuse a body beyond the bound of inspection."""
    exchange.deny(
        "body_too_large",
        f"The request's body is larger than the {bound} bytes that policy lets be inspected "
        "(limits.max_body).",
        rule="limits.max_body",
        status=413,
    )


def parse(data: bytes, content_type: str) -> Body:
    """Parse a decoded body by what it is, not only by what it says it is.

    Raises `DecodeError` when it claims to be JSON or a form and is not.
    """
    if not data:
        return Body()
    media = content_type.partition(";")[0].strip().lower()
    says_json = media == "application/json" or media.endswith("+json")
    if says_json or data.lstrip()[:1] in (b"{", b"["):
        try:
            value = jiter.from_json(
                data, allow_inf_nan=False, catch_duplicate_keys=True, partial_mode=False
            )
            return Body("json", data, value)
        except ValueError:
            if says_json and media != "application/x-ndjson":
                raise DecodeError("not valid JSON, or a key stands in it twice") from None
    if media == "application/x-www-form-urlencoded":
        try:
            fields = parse_qs(
                data.decode("ascii"),
                keep_blank_values=True,
                max_num_fields=MAX_FIELDS,
                errors="strict",
            )
        except ValueError:
            raise DecodeError("not a valid form") from None
        return Body("form", data, fields)
    if media.startswith("text/") or media in ("", "application/x-ndjson", "application/xml"):
        try:
            return Body("text", data, data.decode("utf-8"))
        except UnicodeDecodeError:
            pass
    return Body("opaque", data)


def _note_rpc(exchange: Exchange) -> None:
    """Keep the ids of JSON-RPC requests, so that a denial can answer each of them."""
    value = exchange.body.value
    batch = isinstance(value, list)
    messages = value if batch else [value]
    ids = [
        message["id"]
        for message in messages[:64]
        if isinstance(message, dict)
        and message.get("jsonrpc") == "2.0"
        and isinstance(message.get("method"), str)
        and isinstance(message.get("id"), str | int)
    ]
    if ids:
        exchange.rpc_ids, exchange.rpc_batch = ids, batch


def readings(path: str) -> list[str]:
    """Give the ways in which servers may read a path; a tool called in any of them is called.

    The first is the plain one. A second is there when the path holds an encoded slash, a
    backslash, doubled or trailing slashes or parameters after `;`, which servers treat differently.
    Raises `ValueError` for dot segments, NUL and what is not UTF-8.
    """
    if path == "*":
        return [path]
    if not path.startswith("/"):
        raise ValueError
    if _PLAIN_PATH.fullmatch(path):
        plain = path
    else:
        kept = _ENCODED_SLASH.sub("%25\\g<1>", path)
        plain = unquote(kept, errors="strict")
    loose = unquote(path, errors="strict").replace("\\", "/")
    loose = _PARAMETERS.sub("", loose)
    loose = "/" + "/".join(segment for segment in loose.split("/") if segment)
    both = plain + loose
    if "\0" in both or any(part in (".", "..") for part in re.split(r"[/\\]", both)):
        raise ValueError
    return [plain] if loose == plain else [plain, loose]


_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9._~@:+=,$!*'()&-]+)+|/")
_ENCODED_SLASH = re.compile(r"%(2[fF]|5[cC])")
_PARAMETERS = re.compile(r";[^/]*")


def _content_length(values: Sequence[bytes]) -> int | None:
    return int(values[0]) if len(values) == 1 and values[0].isdigit() else None


def _counted(exchange: Exchange) -> Any:
    def count(chunk: bytes) -> bytes:
        exchange.request_bytes += len(chunk)
        return chunk

    return count
