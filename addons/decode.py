"""Content encodings undone under a bound on size and ratio, so that bombs do not go off."""

from __future__ import annotations

import zlib

import brotli
import zstandard

MAX_LAYERS = 2
"""How many encodings may lie on top of each other."""

_RATIO_FLOOR = 64 * 1024
"""Bytes of output below which a ratio says nothing."""


class DecodeError(ValueError):
    """The body cannot be decoded within its bounds; the message is for people."""


def decode(data: bytes, encodings: str, *, max_bytes: int, max_ratio: int) -> bytes:
    """Undo a Content-Encoding (RFC 9110 section 8.4).

    `max_bytes` bounds the output, `max_ratio` output to input. Raises `DecodeError`.
    """
    if not encodings:
        return data
    layers = [name.strip().lower() for name in encodings.split(",") if name.strip()]
    layers = [name for name in layers if name != "identity"]
    if len(layers) > MAX_LAYERS:
        raise DecodeError(f"more than {MAX_LAYERS} content encodings")
    for name in reversed(layers):
        bound = min(max_bytes, max(len(data) * max_ratio, _RATIO_FLOOR))
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise DecodeError("a content encoding other than gzip, br, zstd, deflate")
        try:
            plain = decoder(data, bound)
        except (zlib.error, brotli.error, zstandard.ZstdError):
            raise DecodeError(f"not valid {_PLAIN_NAMES.get(name, name)} data") from None
        if len(plain) > bound:
            raise DecodeError(f"decodes to more than {bound} bytes")
        data = plain
    return data


def _zlib(data: bytes, bound: int, wbits: int) -> bytes:
    decoder = zlib.decompressobj(wbits)
    plain = decoder.decompress(data, bound + 1)
    if len(plain) > bound:
        return plain
    if not decoder.eof:
        raise zlib.error
    if decoder.unused_data:
        # A second member would be read by some servers and not by others.
        raise zlib.error
    return plain


def _gzip(data: bytes, bound: int) -> bytes:
    return _zlib(data, bound, 16 + zlib.MAX_WBITS)


def _deflate(data: bytes, bound: int) -> bytes:
    try:
        return _zlib(data, bound, zlib.MAX_WBITS)
    except zlib.error:
        return _zlib(data, bound, -zlib.MAX_WBITS)


def _brotli(data: bytes, bound: int) -> bytes:
    decoder = brotli.Decompressor()
    plain = bytes(decoder.process(data, output_buffer_limit=bound + 1))
    while len(plain) <= bound and not decoder.is_finished():
        if decoder.can_accept_more_data():
            raise brotli.error
        plain += decoder.process(b"", output_buffer_limit=bound + 1 - len(plain))
    return plain


def _zstd(data: bytes, bound: int) -> bytes:
    decoder = zstandard.ZstdDecompressor(max_window_size=8 * 1024 * 1024).decompressobj()
    plain = bytearray()
    # The decoder knows no bound on its output: small pieces keep what one can unpack to small.
    for start in range(0, len(data), _ZSTD_PIECE):
        plain += decoder.decompress(data[start : start + _ZSTD_PIECE])
        if len(plain) > bound:
            return bytes(plain)
        if decoder.eof:
            if decoder.unused_data or start + _ZSTD_PIECE < len(data):
                raise zstandard.ZstdError
            return bytes(plain)
    raise zstandard.ZstdError


_ZSTD_PIECE = 256

_DECODERS = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
_PLAIN_NAMES = {"x-gzip": "gzip"}
