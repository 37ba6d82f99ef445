"""Content encodings of answers undone piece by piece, under a bound on what a piece unpacks to."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol

import brotli
import zstandard

from addons.decode import DecodeError

_PIECE = 64 * 1024
_ZSTD_INPUT = 256
_FLOOR = 1024 * 1024
"""Bytes of output below which a ratio says nothing."""


class _Decoder(Protocol):
    def __call__(self, data: bytes) -> Iterator[bytes]: ...


class StreamDecoder:
    """Undoes one encoding; raises `DecodeError` for one that it does not know."""

    def __init__(self, encoding: str, max_ratio: int) -> None:
        name = encoding.strip().lower()
        make = _DECODERS.get(name)
        if make is None:
            raise DecodeError("a content encoding other than gzip, br, zstd, deflate")
        self._decode = make()
        self._max_ratio = max_ratio
        self._in = self._out = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take a piece and give what it unpacks to; raises `DecodeError`."""
        self._in += len(data)
        try:
            for plain in self._decode(data):
                self._out += len(plain)
                if self._out > max(_FLOOR, self._in * self._max_ratio):
                    raise DecodeError(f"it unpacks to more than {self._max_ratio} times its size")
                if plain:
                    yield plain
        except (zlib.error, brotli.error, zstandard.ZstdError):
            raise DecodeError("it is not in the content encoding that it says") from None


class _Zlib:
    def __init__(self, wbits: int) -> None:
        self._inner = zlib.decompressobj(wbits)

    def __call__(self, data: bytes) -> Iterator[bytes]:
        while data and not self._inner.eof:
            yield self._inner.decompress(data, _PIECE)
            data = self._inner.unconsumed_tail
        if self._inner.unused_data:
            raise zlib.error


class _Deflate:
    """RFC 9110 says zlib; some servers leave its head out."""

    def __init__(self) -> None:
        self._inner: _Zlib | None = None

    def __call__(self, data: bytes) -> Iterator[bytes]:
        if self._inner is None and data:
            self._inner = _Zlib(zlib.MAX_WBITS if data[0] & 0x0F == 8 else -zlib.MAX_WBITS)
        if self._inner is not None:
            yield from self._inner(data)


class _Brotli:
    def __init__(self) -> None:
        self._inner = brotli.Decompressor()

    def __call__(self, data: bytes) -> Iterator[bytes]:
        if data and self._inner.is_finished():
            raise brotli.error
        plain = bytes(self._inner.process(data, output_buffer_limit=_PIECE))
        while plain:
            yield plain
            # It may hold more than it says; when it is done it takes nothing more.
            done = self._inner.is_finished()
            plain = b"" if done else bytes(self._inner.process(b"", output_buffer_limit=_PIECE))


class _Zstd:
    def __init__(self) -> None:
        self._inner = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).decompressobj()

    def __call__(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), _ZSTD_INPUT):
            if self._inner.eof:
                raise zstandard.ZstdError
            yield self._inner.decompress(data[start : start + _ZSTD_INPUT])


_DECODERS: dict[str, Callable[[], _Decoder]] = {
    "gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "x-gzip": lambda: _Zlib(16 + zlib.MAX_WBITS),
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstd,
}
