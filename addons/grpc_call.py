"""What makes a request a gRPC call, and one whose body may be a stream."""

from __future__ import annotations

import re

from mitmproxy import http

_MEDIA = re.compile(r"application/grpc(?:-web(?:-text)?)?(?:\+[a-z0-9.-]+)?")


def is_grpc(media: str) -> bool:
    """Say whether a media type (lower case, without parameters) is one of gRPC or gRPC-Web."""
    return media.startswith("application/grpc") and _MEDIA.fullmatch(media) is not None


def media_type(message: http.Message) -> str:
    """Give a message's media type in lower case, without parameters."""
    declared: str = message.headers.get("content-type", "")
    return declared.partition(";")[0].strip().lower()


def has_unsized_body(request: http.Request) -> bool:
    """Say whether a request without Content-Length has a body, as far as its head shows."""
    if request.is_http2:
        return request.method in _WITH_BODY
    return "transfer-encoding" in request.headers


_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
