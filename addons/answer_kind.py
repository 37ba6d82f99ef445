"""What an answer is: a stream of events, a text that may come bit by bit, a document, or binary."""

from __future__ import annotations

import enum
import re

from mitmproxy import http

from addons.event_frames import ArrayFrames, AwsFrames, Frames, LineFrames, SseFrames
from addons.grpc_call import is_grpc, media_type

_LINES = re.compile(
    r"application/(?:x-ndjson|ndjson|jsonl|x-jsonl|jsonlines|x-json-stream|stream\+json)"
    r"|application/json-lines"
)
_BINARY = re.compile(
    r"image/(?!svg\+xml)|audio/|video/|font/|application/(?:octet-stream|zip|gzip|pdf|wasm|"
    r"x-protobuf|protobuf|vnd\.google\.protobuf|x-tar|x-gzip|x-git-)"
)
_TEXT = re.compile(r"text/(?!event-stream)")
_PARSED = re.compile(r"text/(?:html|xml|csv|tab-separated-values|json|x-json)")


class AnswerKind(enum.Enum):
    """How an answer is read."""

    NONE = "none"
    """It has no body."""
    EVENTS = "events"
    TEXT = "text"
    """A text whose length is not known: it may be written while it is read."""
    DOCUMENT = "document"
    BINARY = "binary"


def kind_of(request: http.Request, response: http.Response) -> AnswerKind:
    """Say what an answer is, by its head."""
    status = response.status_code
    if request.method == "HEAD" or status < 200 or status in (204, 304):
        return AnswerKind.NONE
    length = response.headers.get("content-length")
    if length == "0":
        return AnswerKind.NONE
    media = media_type(response)
    if frames_of(request, response) is not None:
        return AnswerKind.EVENTS
    if is_grpc(media) or _BINARY.match(media):
        return AnswerKind.BINARY
    if length is None and _TEXT.match(media) and not _PARSED.match(media):
        return AnswerKind.TEXT
    return AnswerKind.DOCUMENT


def frames_of(request: http.Request, response: http.Response) -> Frames | None:
    """Give what takes a stream of events apart, None where it is none."""
    media = media_type(response)
    if media == "text/event-stream":
        return SseFrames()
    if _LINES.fullmatch(media):
        return LineFrames()
    if media == "application/json-seq":
        return LineFrames(b"\x1e")
    if media == "application/vnd.amazon.eventstream":
        return AwsFrames()
    if "json" in media and request.path.partition("?")[0].endswith(":streamGenerateContent"):
        return ArrayFrames()
    return None
