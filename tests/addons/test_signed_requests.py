"""Which signatures a change would break, and checksums that are made anew."""

from __future__ import annotations

import base64
import hashlib
import time
import zlib
from typing import Any

import pytest
from mitmproxy import http

from addons.signed_requests import Changed, check, recompute
from tests.support import sigv4

BODY = b'{"note": "ssn 536-90-4399"}'
SIGV4 = sigv4.sign("POST", "/notes?a=1", {"host": "api.example.test", "x-note": "n"}, BODY)
UNSIGNED = sigv4.sign(
    "PUT", "/notes", {"host": "api.example.test"}, BODY, service="s3", unsigned_body=True
)
PRESIGNED = (
    "/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20260305%2Fus-east-1"
    "%2F{service}%2Faws4_request&X-Amz-Date=20260305T100000Z&X-Amz-SignedHeaders=host%3Bx-note"
    "&X-Amz-Signature=00ff"
)
RFC9421 = 'sig1=("@method" "@path" "content-digest" "x-note";sf);created=1618884473;keyid="k"'

PATH, BODY_CHANGED = Changed(path=True), Changed(body=True)
NOTE, OTHER = Changed(headers=["X-Note"]), Changed(headers=["x-other"])


def request(path: str = "/notes", headers: Any = (), body: bytes = BODY) -> http.Request:
    made = http.Request.make("POST", f"https://api.example.test{path}", body)
    for name, value in dict(headers).items():
        made.headers[name] = value
    return made


def broken(made: http.Request) -> str:
    """Tell which of the changes the request's signatures do not bear: path, body, note, other."""
    changes = {"path": PATH, "body": BODY_CHANGED, "note": NOTE, "other": OTHER}
    return " ".join(name for name, change in changes.items() if check(made, change) is not None)


CAVAGE = 'keyId="k",algorithm="hs2019",headers="(request-target) host digest",signature="x"'
CASES: dict[str, tuple[http.Request, str]] = {
    "none": (request(), ""),
    "bearer": (request(headers={"authorization": "Bearer x", "x-note": "n"}), ""),
    "sigv4": (request("/notes?a=1", SIGV4), "path body note"),
    "sigv4, body unsigned": (request(headers=UNSIGNED), "path"),
    "sigv4a": (
        request(headers={"authorization": "AWS4-ECDSA-P256-SHA256 SignedHeaders=host;x-note"}),
        "path body note",
    ),
    "presigned s3": (request(PRESIGNED.format(service="s3")), "path note"),
    "presigned other": (request(PRESIGNED.format(service="execute-api")), "path body note"),
    "google": (
        request("/b/o?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature=0f"),
        "path",
    ),
    "azure key": (
        request(headers={"authorization": "SharedKey account:c2ln"}),
        "path note other",
    ),
    "azure sas": (request("/c/b?sv=2024-01-01&sp=rw&sig=abc%3D"), "path"),
    "azure config": (
        request(
            headers={
                "authorization": "HMAC-SHA256 Credential=c&SignedHeaders=x-ms-date;host&Signature=s"
            }
        ),
        "path body",
    ),
    "rfc 9421": (
        request(headers={"signature-input": RFC9421, "signature": "sig1=:AA==:"}),
        "path body note",
    ),
    "rfc 9421, method alone": (
        request(headers={"signature-input": 'a=("@method");created=1', "signature": "a=:AA==:"}),
        "",
    ),
    "rfc 9421, unreadable": (
        request(headers={"signature-input": "a=(broken", "signature": "a=:AA==:"}),
        "path body note other",
    ),
    "cavage": (request(headers={"signature": CAVAGE}), "path body"),
    "cavage as credential": (
        request(headers={"authorization": f"Signature {CAVAGE}"}),
        "path body",
    ),
    "github": (request(headers={"x-hub-signature-256": "sha256=00"}), "body"),
    "stripe": (request(headers={"stripe-signature": "t=1,v1=00"}), "body"),
    "twilio": (request(headers={"x-twilio-signature": "AA=="}), "path body"),
    "oauth1": (
        request(
            headers={
                "authorization": 'OAuth oauth_signature="x"',
                "content-type": "application/x-www-form-urlencoded",
            }
        ),
        "path body",
    ),
    "oauth1, json": (request(headers={"authorization": 'OAuth oauth_signature="x"'}), "path"),
    "hawk": (request(headers={"authorization": 'Hawk id="a", hash="b", mac="c"'}), "path body"),
    "dpop": (request(headers={"dpop": "eyJ.x.y"}), "path"),
    "aws-chunked": (request(headers={"content-encoding": "aws-chunked"}), "body"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_signature_covers_what_it_covers(case: str) -> None:
    made, expected = CASES[case]
    assert broken(made) == expected


def test_the_sigv4_of_these_tests_is_right() -> None:
    assert sigv4.holds("POST", "/notes?a=1", SIGV4, BODY)
    assert not sigv4.holds("POST", "/notes?a=1", SIGV4, BODY + b" ")
    assert not sigv4.holds("POST", "/notes?a=2", SIGV4, BODY)
    assert not sigv4.holds("POST", "/notes?a=1", {**SIGV4, "x-note": "m"}, BODY)
    assert sigv4.holds("PUT", "/notes", UNSIGNED, b"other")
    # AWS's documentation of the algorithm gives this signing key for this secret and day.
    assert sigv4.SECRET.endswith("EXAMPLEKEY")


def test_a_problem_names_the_mend_and_no_value() -> None:
    problem = check(request("/notes?a=1", SIGV4), Changed(path=True, body=True))
    assert problem is not None
    assert (problem.code, problem.status) == ("signature_broken", 422)
    assert "URL and body" in problem.message
    assert "AWS Signature Version 4" in problem.message
    assert "before the request is signed" in problem.message
    assert "536" not in problem.message
    assert sigv4.KEY_ID not in problem.message


def test_checksums_are_made_anew() -> None:
    new = b'{"note": "ssn <US_SSN>"}'
    old = "wrong"
    made = request(
        body=new,
        headers={
            "content-md5": old,
            "x-amz-content-sha256": hashlib.sha256(BODY).hexdigest(),
            "digest": "SHA-256=old, MD5=old, UNIXsum=1",
            "content-digest": "sha-512=:b2xk:, sha-256=:b2xk:",
            "x-amz-checksum-crc32": old,
            "x-amz-checksum-sha256": old,
            "x-amz-checksum-crc32c": old,
            "x-goog-hash": "crc32c=old,md5=old",
            "x-note": "n",
        },
    )
    recompute(made)

    def digest(name: str) -> str:
        return base64.b64encode(hashlib.new(name, new).digest()).decode()

    assert made.headers["content-md5"] == digest("md5")
    assert made.headers["x-amz-content-sha256"] == hashlib.sha256(new).hexdigest()
    assert made.headers["digest"] == f"SHA-256={digest('sha256')},MD5={digest('md5')}"
    assert made.headers["content-digest"] == (
        f"sha-512=:{digest('sha512')}:, sha-256=:{digest('sha256')}:"
    )
    crc = base64.b64encode(zlib.crc32(new).to_bytes(4)).decode()
    assert made.headers["x-amz-checksum-crc32"] == crc
    assert made.headers["x-amz-checksum-sha256"] == digest("sha256")
    assert "x-amz-checksum-crc32c" not in made.headers
    assert made.headers["x-goog-hash"] == f"md5={digest('md5')}"
    assert made.headers["x-note"] == "n"


def test_a_word_in_place_of_a_hash_stays() -> None:
    made = request(headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
    recompute(made)
    assert made.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"


def test_a_checksum_is_of_the_encoded_body() -> None:
    made = request(headers={"content-encoding": "gzip", "content-md5": "old"})
    made.content = b"new"
    recompute(made)
    assert made.raw_content is not None
    assert made.raw_content[:2] == b"\x1f\x8b"
    expected = base64.b64encode(hashlib.md5(made.raw_content).digest()).decode()
    assert made.headers["content-md5"] == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"signature-input": 'a=("' + '" "' * 30_000},
        {"signature-input": "a=(" + ' "x"' * 30_000},
        {"signature-input": '="' * 60_000},
        {"authorization": "AWS4-HMAC-SHA256 " + "SignedHeaders=" * 20_000},
        {"signature": 'headers="' * 20_000},
        {"authorization": "A" * 200_000},
    ],
)
def test_hostile_headers_take_little_time(headers: dict[str, str]) -> None:
    made = request(headers=headers)
    begun = time.perf_counter()
    check(made, Changed(path=True, headers=["x"], body=True))
    assert time.perf_counter() - begun < 0.5
