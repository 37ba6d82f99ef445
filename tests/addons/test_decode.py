import gzip
import zlib

import brotli
import pytest
import zstandard

from addons.decode import DecodeError, decode

TEXT = b'{"note": "hello"}' * 50

ENCODERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def plain(data: bytes, encodings: str, max_bytes: int = 1_000_000, max_ratio: int = 100) -> bytes:
    return decode(data, encodings, max_bytes=max_bytes, max_ratio=max_ratio)


@pytest.mark.parametrize("name", ENCODERS)
def test_each_encoding_is_undone(name: str) -> None:
    assert plain(ENCODERS[name](TEXT), name) == TEXT


def test_raw_deflate_is_undone_too() -> None:
    raw = zlib.compressobj(wbits=-15)
    assert plain(raw.compress(TEXT) + raw.flush(), "deflate") == TEXT


def test_encodings_are_undone_in_reverse_order() -> None:
    assert plain(brotli.compress(gzip.compress(TEXT)), "gzip, br") == TEXT


def test_identity_changes_nothing() -> None:
    assert plain(TEXT, "identity") == TEXT
    assert plain(TEXT, "") == TEXT


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_does_not_go_off(name: str) -> None:
    bomb = ENCODERS[name](b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    with pytest.raises(DecodeError, match="decodes to more than"):
        plain(bomb, name, max_bytes=1_000_000)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_high_ratio_is_refused_within_the_size(name: str) -> None:
    with pytest.raises(DecodeError, match="decodes to more than"):
        plain(ENCODERS[name](b"\0" * 900_000), name, max_ratio=2)


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_cut_off_body_is_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        plain(ENCODERS[name](TEXT)[:-5], name)


@pytest.mark.parametrize("name", ["gzip", "br", "zstd", "deflate"])
def test_garbage_is_refused(name: str) -> None:
    with pytest.raises(DecodeError, match="not valid"):
        plain(b"\x07not compressed at all", name)


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_a_second_member_is_refused(name: str) -> None:
    with pytest.raises(DecodeError):
        plain(ENCODERS[name](TEXT) + ENCODERS[name](b"hidden"), name)


def test_unknown_and_stacked_encodings_are_refused() -> None:
    with pytest.raises(DecodeError, match="other than"):
        plain(TEXT, "compress")
    with pytest.raises(DecodeError, match="more than 2"):
        plain(TEXT, "gzip, gzip, gzip")
