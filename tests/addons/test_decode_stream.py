"""Content encodings undone piece by piece, and bombs that do not go off."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
import zstandard

from addons.decode import DecodeError
from addons.decode_stream import StreamDecoder

TEXT = b"".join(b"event %d: words that come and words that go\n" % n for n in range(3000))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": ("gzip", gzip.compress(TEXT)),
    "zlib": ("deflate", zlib.compress(TEXT)),
    "deflate": ("Deflate", raw_deflate(TEXT)),
    "br": ("br", brotli.compress(TEXT)),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress(TEXT)),
}


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
@pytest.mark.parametrize("name", PACKED)
def test_it_is_undone_wherever_it_is_cut(name: str, size: int) -> None:
    encoding, packed = PACKED[name]
    decoder = StreamDecoder(encoding, 1000)
    pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(plain for piece in [*pieces, b""] for plain in decoder.feed(piece)) == TEXT


@pytest.mark.parametrize("name", PACKED)
def test_a_piece_gives_what_is_in_it(name: str) -> None:
    """A server that flushes after each event is heard after each event."""
    encoding, packed = PACKED[name]
    if name == "gzip":
        packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
        packed = packer.compress(b"first event\n") + packer.flush(zlib.Z_SYNC_FLUSH)
        assert b"".join(StreamDecoder(encoding, 100).feed(packed)) == b"first event\n"
    assert b"".join(StreamDecoder(encoding, 1000).feed(packed)) == TEXT or name == "gzip"


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(50_000_000))),
        ("br", brotli.compress(bytes(50_000_000), quality=5)),
        ("zstd", zstandard.ZstdCompressor().compress(bytes(50_000_000))),
    ],
)
def test_a_bomb_does_not_go_off(encoding: str, bomb: bytes) -> None:
    size = 0
    with pytest.raises(DecodeError):
        for plain in StreamDecoder(encoding, 20).feed(bomb):
            size += len(plain)
            assert len(plain) < 8_000_000
    assert size < 3_000_000


@pytest.mark.parametrize("name", PACKED)
def test_other_data_is_refused(name: str) -> None:
    encoding, packed = PACKED[name]
    broken = b"\x00" + packed[1:] if name == "deflate" else b"\x07\x07" + packed[2:]
    with pytest.raises(DecodeError):
        list(StreamDecoder(encoding, 1000).feed(broken + b"\xff" * 10))


def test_unknown_encodings_are_refused() -> None:
    for encoding in ("compress", "gzip, br", "x"):
        with pytest.raises(DecodeError):
            StreamDecoder(encoding, 10)
