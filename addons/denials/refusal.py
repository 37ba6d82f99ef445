"""What a refusal says, and what of the refused call tells how to say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from mitmproxy import http

JSON = "application/json"

RETRY_SECONDS = "1"
"""When a call may be tried again that was refused because something is down."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was refused, without any of its values."""

    code: str
    message: str
    rule: str
    status: int
    decision_id: str
    retry: bool
    """Whether the same call may be let through in a moment."""

    @property
    def facts(self) -> dict[str, Any]:
        """What every JSON shape says under `error`."""
        return {
            "code": self.code,
            "message": self.message,
            "rule": self.rule,
            "decision_id": self.decision_id,
            "retry": self.retry,
        }


@dataclass(frozen=True, slots=True)
class Call:
    """What the client sent, as far as its dialect shows in it; none of it is checked."""

    scheme: str = ""
    host: str = ""
    path: str = ""
    http2: bool = False
    headers: Mapping[str, str] | None = None

    def header(self, name: str) -> str:
        """Give a header by its lower-case name, empty where there is none."""
        return (self.headers or {}).get(name, "")

    @property
    def media(self) -> str:
        """The media type of its body, without parameters."""
        return self.header("content-type").partition(";")[0].strip().lower()


Shape = Callable[[Refusal, Call], http.Response | None]
"""Gives the response in its dialect, None where the call speaks another one."""


def json_response(
    refusal: Refusal, body: Any, *, status: int = 0, headers: Mapping[str, str] | None = None
) -> http.Response:
    """Make a response of JSON, with what all shapes have in their head."""
    return response(refusal, orjson.dumps(body), JSON, status=status, headers=headers)


def response(
    refusal: Refusal,
    body: bytes,
    media: str,
    *,
    status: int = 0,
    headers: Mapping[str, str] | None = None,
) -> http.Response:
    """Make a response, with what all shapes have in their head."""
    head = {"content-type": media, "x-aegis-decision": refusal.decision_id, **(headers or {})}
    if refusal.retry:
        head["retry-after"] = RETRY_SECONDS
    made = http.Response.make(status or refusal.status, body, head)
    # Clients show no body of a refused CONNECT, but most show the reason phrase.
    made.reason = f"Refused by Aegis: {refusal.code} ({refusal.rule})"
    return made


def origin_status(refusal: Refusal, call: Call) -> int:
    """Give the status that an API has for a refusal: inside a tunnel nobody expects a proxy's."""
    return 401 if refusal.status == 407 and call.scheme == "https" else refusal.status
