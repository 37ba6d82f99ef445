"""One answer on its way to the agent: whole, or piece by piece as it comes."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any

from mitmproxy import http

from addons import answer_layer
from addons.answer_kind import AnswerKind, frames_of, kind_of
from addons.answer_rules import AnswerPolicy, AnswerRules
from addons.decode import DecodeError, decode
from addons.decode_stream import StreamDecoder
from addons.denial import render
from addons.event_frames import Frames, StreamUnreadable
from addons.exchange import Denial, Exchange
from addons.grpc_call import media_type
from addons.redact_events import EventRedactor
from addons.redactor import Part, RawBody, RedactionFailed
from addons.restore_events import EventRestorer
from addons.restore_text import TextRestorer
from addons.services import Services
from addons.signed_requests import drop_checksums
from addons.way_back import Ways
from redaction import HeaderDocument, Redacted, RedactionError
from redaction.media_type import read_media_type

HEADERS = frozenset({"location", "content-location", "link", "content-disposition", "refresh"})
"""Headers of an answer that may say what the request said, or what was asked for."""

_WHY = {
    "binary": "it is in a form that cannot be searched for personal data",
    "unreadable": "it cannot be read the one way that a search for personal data needs",
    "partial": "it is a part of a whole (Range), at whose edge personal data may be cut in two",
    "too_large": "it is too large to be searched for personal data (limits.max_body)",
    "search_failed": "the search for personal data failed",
}

Rewrite = Callable[[bytes], list[bytes]]


class Answer:
    """One answer on its way to the agent."""

    def __init__(
        self,
        services: Services,
        policy: AnswerPolicy,
        flow: http.HTTPFlow,
        exchange: Exchange,
        rules: AnswerRules | None,
        ways: Ways | None,
    ) -> None:
        assert flow.response is not None
        self._services = services
        self._flow, self._exchange, self._response = flow, exchange, flow.response
        self._rules, self._ways = rules, ways
        self._limits = services.policy.limits
        given = ways.surrogates if ways is not None else ()
        self._scope = policy.scope(exchange, given)
        self._decoder: StreamDecoder | None = None
        self._searching = True
        """False when the rest goes on as it is, or nothing more goes on."""

    @property
    def bound(self) -> int:
        """Bytes of the longest answer that is read whole."""
        return self._limits.max_body_bytes

    # The head -----------------------------------------------------------------------------

    async def headers(self) -> None:
        """Search and restore those headers that may repeat what was sent."""
        fields = list(self._response.headers.fields)
        mine = [
            (index, name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
            for index, (name, value) in enumerate(fields)
            if name.decode("latin-1").lower() in HEADERS
        ]
        if not mine:
            return
        document = HeaderDocument([(name, value) for _, name, value in mine])
        try:
            content = document.rebuild({})
            if self._rules is not None:
                content = (await self._redact([document]))[0].content
        except (RedactionError, RedactionFailed) as error:
            self._failed("unreadable" if isinstance(error, RedactionError) else "search_failed")
            return
        for (index, _, old), (name, value) in zip(mine, HeaderDocument.parse(content), strict=True):
            if self._ways is not None:
                value = self._ways.header(name, value)
            if value != old:
                fields[index] = (fields[index][0], value.encode("utf-8", "surrogateescape"))
        self._response.headers.fields = tuple(fields)

    # How it is read -----------------------------------------------------------------------

    def begin(self, kind: AnswerKind) -> None:
        """Settle how the body is read, and what becomes of it."""
        if self._rules is not None:
            if kind is AnswerKind.BINARY and self._rules.opaque != "pass":
                self._failed("binary")
            elif self._response.status_code == 206:
                # A value may lie across its edge.
                self._failed("partial")
            elif kind is AnswerKind.EVENTS and answer_layer.installed:
                self._by_pieces(self._searched_events())
            elif self._too_large():
                self._failed("too_large")
            elif kind is not AnswerKind.BINARY:
                self._exchange.whole_answer = self
        elif self._ways is not None and kind is not AnswerKind.BINARY:
            self._restore(kind)

    def _restore(self, kind: AnswerKind) -> None:
        if kind is AnswerKind.DOCUMENT and not self._too_large():
            self._exchange.whole_answer = self
        elif kind is not AnswerKind.BINARY:
            self._by_pieces(self._restored(kind))

    def _too_large(self) -> bool:
        length = self._response.headers.get("content-length", "")
        return length.isdigit() and int(length) > self.bound

    def _restored(self, kind: AnswerKind) -> EventRestorer | TextRestorer:
        assert self._ways is not None
        if kind is AnswerKind.EVENTS:
            frames = frames_of(self._flow.request, self._response)
            assert frames is not None
            return EventRestorer(frames, self._ways, self.bound)
        media = read_media_type(self._response.headers.get("content-type", ""))
        return TextRestorer(self._ways, media.charset, code=media.kind in ("json", "ndjson"))

    def _by_pieces(self, what: EventRestorer | TextRestorer | EventRedactor) -> None:
        """Have the body go on while it comes."""
        if not self._decodes():
            return
        headers = self._response.headers
        headers.pop("content-length", None)
        headers.pop("accept-ranges", None)
        drop_checksums(self._response)
        request, response = self._flow.request, self._response
        if request.http_version == "HTTP/1.1" and response.http_version != "HTTP/1.0":
            headers["transfer-encoding"] = "chunked"
        if isinstance(what, EventRedactor):
            self._exchange.slow = self._slowly(what)
            self._exchange.held = _HeldSlowly(what)
        else:
            self._exchange.rewrite_also(self._guarded(what))
            self._exchange.held = what

    def _decodes(self) -> bool:
        """Undo a content encoding that nobody asked for."""
        encoding = self._response.headers.get("content-encoding", "").strip().lower()
        if encoding in ("", "identity"):
            return True
        try:
            self._decoder = StreamDecoder(encoding, self._limits.max_ratio)
        except DecodeError:
            self._failed("unreadable")
            return False
        del self._response.headers["content-encoding"]
        return True

    def _plain(self, data: bytes) -> Iterator[bytes]:
        if self._decoder is None:
            if data:
                yield data
        else:
            yield from self._decoder.feed(data)

    # Piece by piece -----------------------------------------------------------------------

    def _guarded(self, what: EventRestorer | TextRestorer) -> Rewrite:
        """Restore a stream; one that cannot be read goes on as it is, with its surrogates."""

        def rewrite(data: bytes) -> list[bytes]:
            done: list[bytes] = []
            try:
                for plain in self._plain(data):
                    done += self._restored_piece(what, plain)
                if not data:
                    done += self._restored_piece(what, b"")
            except DecodeError:
                self._cut("unreadable")
            return [piece for piece in done if piece]

        return rewrite

    def _restored_piece(self, what: EventRestorer | TextRestorer, data: bytes) -> list[bytes]:
        if not self._searching:
            return [data]
        try:
            return what.feed(data)
        except StreamUnreadable:
            self._searching = False
            self._exchange.answer_problem = "unreadable"
            return what.unread() if isinstance(what, EventRestorer) else []

    def _searched_events(self) -> EventRedactor:
        frames = frames_of(self._flow.request, self._response)
        assert frames is not None
        return EventRedactor(frames, self._redact, self._ways, self.bound)

    def _slowly(self, what: EventRedactor) -> Callable[[bytes | None], Awaitable[list[bytes]]]:
        """Search a stream; one that cannot be searched ends, or goes on as policy says."""

        async def rewrite(data: bytes | None) -> list[bytes]:
            exchange = self._exchange
            if data is None:
                return await self._safely(what, what.release())
            exchange.response_bytes += len(data)
            first = exchange.rewrite
            done: list[bytes] = []
            try:
                for piece in [data] if first is None else first(data):
                    for plain in self._plain(piece):
                        done += await self._searched_piece(what, plain)
            except DecodeError:
                return [*done, *self._broken("unreadable")]
            if not data:
                done += await self._searched_piece(what, b"")
            return done

        return rewrite

    async def _searched_piece(self, what: EventRedactor, data: bytes) -> list[bytes]:
        if self._exchange.answer_cut:
            return []
        if not self._searching:
            return [data]
        return await self._safely(what, what.feed(data))

    async def _safely(
        self, what: EventRedactor, work: Coroutine[Any, Any, list[bytes]]
    ) -> list[bytes]:
        assert self._rules is not None
        try:
            return await work
        except (RedactionError, StreamUnreadable):
            why = "unreadable"
        except RedactionFailed:
            why = "search_failed"
        self._searching = False
        if self._rules.passes:
            self._exchange.answer_problem = why
            return what.unsearched()
        return self._broken(why)

    def _broken(self, why: str) -> list[bytes]:
        """End a stream with an error in the client's dialect."""
        assert self._rules is not None
        self._cut(why)
        exchange = self._exchange
        told = denial_of(exchange, self._flow.request, refusal(why, self._rules.first))
        content = told.content or b"{}"
        if media_type(self._response) == "text/event-stream":
            name = b"" if exchange.rpc_ids else b"event: error\n"
            return [name + b"data: " + content + b"\n\n"]
        return [content + b"\n"]

    def _cut(self, why: str) -> None:
        exchange = self._exchange
        exchange.answer_problem = why
        exchange.answer_refused = exchange.answer_cut = True

    # Whole --------------------------------------------------------------------------------

    def outgrown(self) -> bool:
        """Decide on an answer that is longer than what is read whole."""
        self._exchange.whole_answer = None
        if self._rules is not None:
            self._failed("too_large")
            if self._exchange.answer_denial is not None:
                return True
        if self._ways is not None:
            kind = kind_of(self._flow.request, self._response)
            self._by_pieces(self._restored(kind))
        # What was read so far, and all that follows.
        self._response.stream = self._exchange.stream
        return False

    async def finish(self) -> None:
        """Search and restore the body, which has come whole."""
        response, exchange = self._response, self._exchange
        raw = response.raw_content or b""
        exchange.response_bytes += len(raw)
        if exchange.rewrite is not None:
            raw = b"".join([*exchange.rewrite(raw), *exchange.rewrite(b"")])
        encoding = response.headers.get("content-encoding", "")
        try:
            data = decode(raw, encoding, max_bytes=self.bound, max_ratio=self._limits.max_ratio)
            new = await self._new_body(data)
        except (DecodeError, RedactionError, StreamUnreadable):
            self._failed("unreadable")
            new = None
        except RedactionFailed:
            self._failed("search_failed")
            new = None
        if new is not None and new != data:
            drop_checksums(response)
            response.headers.pop("content-encoding", None)
            raw = new
        response.raw_content = raw
        if "transfer-encoding" not in response.headers:
            response.headers["content-length"] = str(len(raw))

    async def _new_body(self, data: bytes) -> bytes:
        if not data:
            return data
        declared = self._response.headers.get("content-type", "")
        if self._rules is not None:
            frames = frames_of(self._flow.request, self._response)
            if frames is not None:
                return await self._whole_events(frames, data)
            part = RawBody(declared, data, self._rules.opaque)
            data = (await self._redact([part]))[0].content
        if self._ways is None:
            return data
        # Taken apart away from the other exchanges.
        return await asyncio.to_thread(self._ways.body, declared, data)

    async def _whole_events(self, frames: Frames, data: bytes) -> bytes:
        events = EventRedactor(frames, self._redact, self._ways, self.bound)
        return b"".join([*(await events.feed(data)), *(await events.feed(b""))])

    async def _redact(self, parts: Sequence[Part]) -> list[Redacted]:
        assert self._rules is not None
        results = await self._services.redactor.redact(parts, self._rules.rules, self._scope)
        for result in results:
            self._exchange.redacted_answer.update(result.counts)
        return results

    def _failed(self, why: str) -> None:
        """Note that the answer cannot be searched, and refuse it unless policy lets it pass."""
        self._exchange.answer_problem = why
        if self._rules is not None and not self._rules.passes:
            self._exchange.answer_refused = True
            self._exchange.answer_denial = refusal(why, self._rules.first)
            self._exchange.whole_answer = None
            self._flow.response = denial_of(self._exchange, self._flow.request)


class _HeldSlowly:
    """What a search holds back; the piece `None` asks it for that."""

    def __init__(self, what: EventRedactor) -> None:
        self._what = what

    @property
    def holding(self) -> bool:
        return self._what.holding

    def release(self) -> list[bytes]:
        return []


def refusal(why: str, rule: str) -> Denial:
    """Give the denial of an answer that cannot be searched."""
    failed = why == "search_failed"
    return Denial(
        "redaction_failed" if failed else "answer_unreadable",
        f"The destination has answered, but {_WHY[why]}, and policy wants personal data taken out "
        "of what it answers. The request itself was carried out.",
        rule,
        503 if failed else 403,
    )


def denial_of(
    exchange: Exchange, request: http.Request, denial: Denial | None = None
) -> http.Response:
    """Make what the agent is told in place of its answer."""
    told = copy.copy(exchange)
    told.denial = denial or exchange.answer_denial
    return render(told, request)
