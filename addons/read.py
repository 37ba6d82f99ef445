"""Read: the body, decoded under bounds and parsed, and the tools it calls."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Sequence
from typing import Any
from urllib.parse import parse_qs, unquote

from mitmproxy import http

from addons import mitm_patches
from addons.content import MAX_FIELDS, parse
from addons.decode import DecodeError, decode
from addons.exchange import UNKNOWN_BYTES, Body, Exchange, exchange_of
from addons.grpc_call import has_unsized_body
from addons.services import Services
from rules import HttpRequest, Limits, ToolCall, ToolError

LARGE_BYTES, LARGE_ENCODED_BYTES = 64 * 1024, 4096
"""Bytes of a body beyond which reading it would hold other exchanges up."""


class Read:
    """Reads what a request carries and matches the tools it calls."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Settle what happens to a body larger than the bound of inspection."""
        exchange = exchange_of(flow)
        limits = self._services.policy.limits
        length = _content_length(exchange.header(flow.request, b"content-length"))
        if length is None:
            if not self._passes_stream(flow, exchange):
                return
        elif length <= limits.max_body_bytes:
            return
        elif limits.larger_bodies != "pass":
            too_large(exchange, limits.max_body_bytes)
            return
        exchange.streamed = True
        size = UNKNOWN_BYTES if length is None else length
        exchange.body = Body(kind="uninspected", opaque=size)
        exchange.calls = self._match(flow, exchange)
        flow.request.stream = _counted(exchange)

    def _passes_stream(self, flow: http.HTTPFlow, exchange: Exchange) -> bool:
        """Say whether a body that does not tell its length goes through unread."""
        destination = exchange.destination
        if destination is None or not has_unsized_body(flow.request):
            return False
        if flow.request.is_http2 and not mitm_patches.fitting():
            return False
        options = self._services.policy.options_at(
            destination.scheme, destination.host, destination.port
        )
        return options.request_streams == "pass"

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Decode and parse the body, and match the tools."""
        exchange = exchange_of(flow)
        if exchange.streamed:
            return None
        limits = self._services.policy.limits
        raw = flow.request.raw_content or b""
        exchange.request_bytes = len(raw)
        if exchange.body.kind == "uninspected" or len(raw) > limits.max_body_bytes:
            too_large(exchange, limits.max_body_bytes)
            return None
        types = exchange.header(flow.request, b"content-type")
        encodings = exchange.header(flow.request, b"content-encoding")
        if raw and (len(types) > 1 or len(encodings) > 1):
            _unreadable(exchange, "it has a Content-Type or Content-Encoding header twice")
            return None
        declared = types[0].decode("latin-1") if types else ""
        encoding = encodings[0].decode("latin-1") if encodings else ""
        if len(raw) > (LARGE_ENCODED_BYTES if encoding else LARGE_BYTES):
            return self._read_large(flow, exchange, (raw, encoding, declared, limits))
        self._settle(flow, exchange, _body(raw, encoding, declared, limits))
        return None

    async def _read_large(
        self, flow: http.HTTPFlow, exchange: Exchange, given: tuple[bytes, str, str, Limits]
    ) -> None:
        self._settle(flow, exchange, await asyncio.to_thread(_body, *given))

    def _settle(self, flow: http.HTTPFlow, exchange: Exchange, body: Body | DecodeError) -> None:
        if isinstance(body, DecodeError):
            _unreadable(exchange, str(body))
            return
        exchange.body = body
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
                    ambiguous=body.ambiguous,
                    headers=headers,
                )
                calls += [call for call in policy.match_tools(request) if call not in calls]
                exchange.asked_regions += policy.asked_regions(request)
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


def _body(raw: bytes, encoding: str, declared: str, limits: Limits) -> Body | DecodeError:
    """Decode and parse a body, or give why that cannot be done."""
    try:
        data = raw and decode(
            raw, encoding, max_bytes=limits.max_body_bytes, max_ratio=limits.max_ratio
        )
        return parse(data, declared)
    except DecodeError as error:
        return error


def _unreadable(exchange: Exchange, why: str) -> None:
    exchange.deny(
        "body_unreadable",
        f"The request's body cannot be inspected: {why}.",
        rule="read",
        status=400,
    )


def too_large(exchange: Exchange, bound: int) -> None:
    """Refuse a body beyond the bound of inspection."""
    exchange.deny(
        "body_too_large",
        f"The request's body is larger than the {bound} bytes that policy lets be inspected "
        "(limits.max_body).",
        rule="limits.max_body",
        status=413,
    )


def _note_rpc(exchange: Exchange) -> None:
    """Keep the ids of JSON-RPC requests, so that a denial can answer each of them."""
    value: Any = exchange.body.value if exchange.body.kind == "json" else None
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
    if "\0" in loose or any(part in (".", "..") for part in re.split(r"[/\\]", plain + loose)):
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
