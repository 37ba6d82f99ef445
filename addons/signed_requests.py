"""Signed requests: what redaction must not change, and checksums that are made anew.

The firewall has no credential of an agent, so a signature cannot be made anew; a checksum can.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mitmproxy import http

from addons.signatures import coverages


@dataclass(frozen=True, slots=True)
class Changed:
    """What redaction has changed, or will: `path` with the query, headers by name, the body."""

    path: bool = False
    headers: Collection[str] = ()
    body: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """A signature that would not hold any more, in words for a denial; it holds no value."""

    scheme: str
    parts: tuple[str, ...]

    code = "signature_broken"
    status = 422

    @property
    def message(self) -> str:
        """What is wrong, and how it is mended."""
        parts = " and ".join(self.parts)
        return (
            f"Personal data would have to be taken out of the {parts} of this request, which a "
            f"signature covers ({self.scheme}); the destination would refuse it, so nothing was "
            "sent. Take the data out before the request is signed, or have policy leave this "
            "destination out of its redaction."
        )


def check(request: http.Request, changed: Changed) -> Problem | None:
    """Say which signature the changes would break, None where there is none.

    The request may be as it was or as it will be: the changed parts are only named.
    """
    for signed in coverages(request):
        parts = []
        if changed.path and signed.path:
            parts.append("URL")
        if any(signed.covers(name.lower()) for name in changed.headers):
            parts.append("headers")
        if changed.body and signed.body:
            parts.append("body")
        if parts:
            return Problem(signed.scheme, tuple(parts))
    if changed.body and _in_signed_chunks(request):
        return Problem("aws-chunked", ("body",))
    return None


def recompute(request: http.Request) -> None:
    """Make the checksums of a body anew after it has changed; what cannot be made is left out.

    They are of the body as it is sent, with its content encoding. Call it only after `check`.
    """
    body = request.raw_content or b""
    for name, make in _CHECKSUMS.items():
        values = request.headers.get_all(name)
        if values:
            new = make(", ".join(values), body)
            if new:
                request.headers[name] = new
            else:
                del request.headers[name]


def drop_checksums(response: http.Response) -> None:
    """Take off an answer the checksums of a body that will be another one."""
    for name in _CHECKSUMS:
        response.headers.pop(name, None)


def _in_signed_chunks(request: http.Request) -> bool:
    """Say whether the body is framed by AWS's chunks, which carry signatures or a checksum."""
    return "aws-chunked" in request.headers.get("content-encoding", "").lower()


def _base64(algorithm: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(algorithm, body, usedforsecurity=False).digest()).decode()


def _content_sha256(old: str, body: bytes) -> str:
    # Else it says that the body is not signed, or how it is framed.
    return hashlib.sha256(body).hexdigest() if re.fullmatch(r"[0-9A-Fa-f]{64}", old) else old


def _digest(old: str, body: bytes) -> str:
    """RFC 3230: `SHA-256=...,MD5=...`."""
    names = [item.partition("=")[0].strip() for item in old.split(",")]
    known = {"SHA-256": "sha256", "SHA-512": "sha512", "SHA": "sha1", "MD5": "md5"}
    return ",".join(
        f"{name}={_base64(known[name.upper()], body)}" for name in names if name.upper() in known
    )


def _content_digest(old: str, body: bytes) -> str:
    """RFC 9530: `sha-256=:...:`; other algorithms are deprecated."""
    names = [item.partition("=")[0].strip().lower() for item in old.split(",")]
    known = {"sha-256": "sha256", "sha-512": "sha512"}
    return ", ".join(f"{name}=:{_base64(known[name], body)}:" for name in names if name in known)


def _goog_hash(old: str, body: bytes) -> str:
    return f"md5={_base64('md5', body)}" if "md5=" in old.lower() else ""


def _crc32(_: str, body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4)).decode()


def _left_out(_: str, __: bytes) -> str:
    return ""


_CHECKSUMS: dict[str, Callable[[str, bytes], str]] = {
    "content-md5": lambda _, body: _base64("md5", body),
    "x-amz-content-sha256": _content_sha256,
    "x-ms-content-sha256": lambda _, body: _base64("sha256", body),
    "digest": _digest,
    "content-digest": _content_digest,
    "repr-digest": _content_digest,
    "x-amz-checksum-sha256": lambda _, body: _base64("sha256", body),
    "x-amz-checksum-sha1": lambda _, body: _base64("sha1", body),
    "x-amz-checksum-crc32": _crc32,
    # Those that no library at hand computes; the services take a request without.
    "x-amz-checksum-crc32c": _left_out,
    "x-amz-checksum-crc64nvme": _left_out,
    "x-goog-hash": _goog_hash,
}
