"""What a body may hide: found and taken out, or refused before a byte reaches the destination."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import brotli
import httpx
import pytest
import zstandard

from redaction.media_type import read_media_type
from redaction.multipart import split_multipart
from tests.integration.conftest import World
from tests.integration.test_exchange import client, last
from tests.support.firewall import Firewall

SSN = "536-90-4399"
FORM_DATA = "multipart/form-data; boundary=b1"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
ENCODERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
DECODERS = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompress(data, 1_000_000),
}


@pytest.fixture(scope="module")
def watched(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firewall]:
    """A firewall that lets at most 1,000 bytes that nobody can read go to the files."""
    policy = world.policy(larger="pass").replace(
        "  - id: files\n", "  - id: files\n    opaque_bodies: 1KB\n"
    )
    with world.firewall(tmp_path_factory.mktemp("watched"), policy) as running:
        yield running


@pytest.fixture(scope="module")
def http(watched: Firewall) -> Iterator[httpx.Client]:
    with client(watched) as one:
        yield one


def part(value: bytes, *head: str, name: str = "note") -> bytes:
    lines = [f'Content-Disposition: form-data; name="{name}"', *head]
    return b"--b1\r\n%s\r\n\r\n%s\r\n" % ("\r\n".join(lines).encode(), value)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b1--\r\n"


def send(http: httpx.Client, url: str, body: Any, declared: str, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if declared:
        named["content-type"] = declared
    return http.post(url, content=body, headers=named)


NOTE = f"SSN {SSN}"
AS_JSON = json.dumps({"note": NOTE}).encode()
AS_XML = f"<note><text>{NOTE}</text></note>"

TAKEN_OUT = {
    **{
        name: (pack(AS_JSON), JSON, {"content_encoding": name}) for name, pack in ENCODERS.items()
    },
    "twice": (gzip.compress(brotli.compress(AS_JSON)), JSON, {"content_encoding": "br, gzip"}),
    "identity": (gzip.compress(AS_JSON), JSON, {"content_encoding": "identity, GZIP"}),
    "chunked": ([AS_JSON[:15], AS_JSON[15:20], AS_JSON[20:]], JSON, {}),
    "escapes": (AS_JSON.replace(b"536", b"\\u0035\\u0033\\u0036"), JSON, {}),
    "key": (json.dumps({NOTE: 1}).encode(), JSON, {}),
    "number": (b'{"ssn": 536904399}', JSON, {}),
    "mark": (b"\xef\xbb\xbf" + AS_JSON, JSON, {}),
    "utf-16": (AS_JSON.decode().encode("utf-16"), JSON, {}),
    "utf-16 text": (NOTE.encode("utf-16"), "text/plain", {}),
    "utf-16 undeclared": (AS_JSON.decode().encode("utf-16-le"), "text/plain", {}),
    "utf-32": (AS_JSON.decode().encode("utf-32"), JSON, {}),
    "wrong type": (AS_JSON, "application/octet-stream", {}),
    "no type": (AS_JSON, "", {}),
    "type of a form": (AS_JSON, FORM, {}),
    "type of an image": (AS_JSON, "image/png", {}),
    "XML over elements": (b"<note>536<b>-90-</b>4399</note>", "text/xml", {}),
    "lines": (b'{"a": 1}\n' + AS_JSON + b"\n", "application/x-ndjson", {}),
    "lines as text": (b'{"a": 1}\n' + AS_JSON.replace(b"5", b"\\u0035"), "text/plain", {}),
    "sequence": (b"\x1e" + AS_JSON + b"\n", "application/json-seq", {}),
    "form": (f"note={NOTE}".replace(" ", "+").encode(), FORM, {}),
    "form name": (f"{SSN}=1".encode(), FORM, {}),
    "percent": (b"note=%35%33%36%2d90-4399", FORM, {}),
    "percent twice": (b"note=%2535%2533%2536-90-4399", FORM, {}),
    "form as text": (b"note=%35%33%36-90-4399", "text/plain", {}),
    "part": (form(part(NOTE.encode())), FORM_DATA, {}),
    "part name": (form(part(b"x", name=SSN)), FORM_DATA, {}),
    "file name": (form(part(b"x", name=f'f"; filename="{SSN}.txt')), FORM_DATA, {}),
    "encoded file name": (
        form(part(b"x", name="f\"; filename*=utf-8''%35%33%36-90-4399; size=\"1")), FORM_DATA, {},
    ),
    "part header": (form(part(b"x", f"X-Note: {SSN}")), FORM_DATA, {}),
    "part of JSON": (
        form(part(AS_JSON.replace(b"5", b"\\u0035"), "Content-Type: application/json")),
        FORM_DATA,
        {},
    ),
    "part in UTF-16": (
        form(part(NOTE.encode("utf-16"), "Content-Type: text/plain; charset=utf-16")),
        FORM_DATA,
        {},
    ),
    "part in base64": (
        form(part(base64.b64encode(NOTE.encode()), "Content-Transfer-Encoding: base64")),
        FORM_DATA,
        {},
    ),
    "part in quoted-printable": (
        form(part(b"SSN =35=33=36-90-4399", "Content-Transfer-Encoding: quoted-printable")),
        FORM_DATA,
        {},
    ),
    "part in a part": (
        form(
            part(
                b"--n\r\n\r\n" + NOTE.encode() + b"\r\n--n--",
                "Content-Type: multipart/mixed; boundary=n",
            )
        ),
        FORM_DATA,
        {},
    ),
    "compressed parts": (
        gzip.compress(form(part(NOTE.encode()))), FORM_DATA, {"content_encoding": "gzip"},
    ),
    "mixed": (b"--b1\r\n\r\n" + AS_XML.encode() + b"\r\n--b1--", "multipart/mixed; boundary=b1", {}),
    "XML": (AS_XML.encode(), "application/xml", {}),
    "XML attribute": (f'<note ssn="{SSN}"/>'.encode(), "text/xml", {}),
    "XML reference": (AS_XML.replace("536", "&#53;&#x33;6").encode(), "application/soap+xml", {}),
    "XML CDATA": (
        AS_XML.replace("536-", "<![CDATA[53]]><![CDATA[6-]]>").encode(), "application/xml", {},
    ),
    "XML comment": (AS_XML.replace("536", "5<!-- x -->36").encode(), "application/xml", {}),
    "XML in UTF-16": (
        f'<?xml version="1.0" encoding="utf-16"?>{AS_XML}'.encode("utf-16"), "text/xml", {},
    ),
    "base64 in JSON": (
        json.dumps({"d": base64.b64encode(NOTE.encode()).decode()}).encode(), JSON, {},
    ),
    "zero-width": (json.dumps({"d": "SSN 5​3​6-90-4399"}).encode(), JSON, {}),
    "full-width": (json.dumps({"d": "SSN 536‐90‐4399"}).encode(), JSON, {}),
    "HTML": (b"<p>SSN &#53;36-<b>90</b>-4399</p>", "text/html", {}),
}  # fmt: skip


# What goes whole leaves no last four.
WHOLE = ("base64 in JSON", "number")


@pytest.mark.parametrize("trick", TAKEN_OUT)
def test_a_hidden_number_is_taken_out(http: httpx.Client, world: World, trick: str) -> None:
    body, declared, headers = TAKEN_OUT[trick]
    answer = send(
        http,
        f"{world.ehr.url}/notes",
        iter(body) if isinstance(body, list) else body,
        declared,
        **headers,
    )
    assert "x-aegis-decision" not in answer.headers, answer.text
    (request,) = world.ehr.requests
    data = request.body
    for name in reversed((request.header("content-encoding") or "").lower().split(", ")):
        data = DECODERS[name](data) if name in DECODERS else data
    for text in readings(data, declared):
        plain = text.replace("-", "").replace(" ", "")
        assert "53690" not in plain, text
        assert "SSN" in text or len(text) < 120
    assert "4399" in "".join(readings(data, declared)) or trick in WHOLE


def readings(data: bytes, declared: str) -> list[str]:
    """Read a body as its destination would; fails where it is not what it was any more."""
    media = read_media_type(declared)
    if media.kind == "multipart":
        found = []
        for each in split_multipart(data, media):
            value = next((f.value for f in each.fields if f.name == "Content-Type"), "")
            found += [
                str([(f.name, f.value) for f in each.fields]),
                *readings(each.decoded(), value),
            ]
        return found
    if media.kind == "xml" or data.startswith(b"<note"):
        tree = ElementTree.fromstring(data)
        return ["".join(tree.itertext()), str([one.attrib for one in tree.iter()])]
    if media.kind == "form" and not data.startswith(b"{"):
        return [str(parse_qs(data.decode(), strict_parsing=True))]
    lines = data.split(b"\x1e" if data.startswith(b"\x1e") else b"\n")
    try:
        return [str(json.loads(data))]
    except ValueError:
        pass
    try:
        return [str(json.loads(line)) for line in lines if line]
    except ValueError:
        wide = data[1:2] == b"\0" or data.startswith((b"\xff\xfe", b"\xfe\xff"))
        return [data.decode("utf-16" if wide else "utf-8")]


REFUSED = {
    "three layers": (AS_JSON, JSON, {"content_encoding": "gzip, gzip, gzip"}),
    "unknown encoding": (AS_JSON, JSON, {"content_encoding": "compress"}),
    "not encoded": (AS_JSON, JSON, {"content_encoding": "gzip"}),
    "two members": (gzip.compress(b"{}") + gzip.compress(AS_JSON), JSON, {"content_encoding": "gzip"}),
    "compressed unsaid": (gzip.compress(AS_JSON), JSON, {}),
    "compressed file": (gzip.compress(AS_JSON), "application/gzip", {}),
    "charset of JSON": (AS_JSON.replace(b"5", b"+ADU-"), f"{JSON}; charset=utf-7", {}),
    "charset of text": (NOTE.replace("5", "+ADU-").encode(), "text/plain; charset=utf-7", {}),
    "EBCDIC": (NOTE.encode("cp037"), "text/plain; charset=ibm037", {}),
    "EBCDIC unsaid": (NOTE.encode("cp037"), "application/octet-stream", {}),
    "UTF-16 form": (f"note={NOTE}".encode("utf-16"), f"{FORM}; charset=utf-16", {}),
    "key twice": (b'{"note": "x", "note": "536-90-4399"}', JSON, {}),
    "deep": (b"[" * 500 + AS_JSON + b"]" * 500, JSON, {}),
    "not JSON": (b"note=" + NOTE.encode(), JSON, {}),
    "file in parts": (
        form(part(NOTE.encode("utf-16-le") + b"\xff", name='f"; filename="a.bin')), FORM_DATA, {},
    ),
    "preamble": (NOTE.encode() + b"\r\n" + form(part(b"x")), FORM_DATA, {}),
    "epilogue": (form(part(b"x")) + NOTE.encode(), FORM_DATA, {}),
    "boundary": (form(part(b"x")).replace(b"b1", SSN.encode()), f"multipart/form-data; boundary={SSN}", {}),
    "two boundaries": (form(part(NOTE.encode())), f"{FORM_DATA}; boundary=b2", {}),
    "bare LF": (form(part(NOTE.encode())).replace(b"\r\n", b"\n"), FORM_DATA, {}),
    "name twice": (form(part(b"x", name="a\"; name*=utf-8''b; x=\"")), FORM_DATA, {}),
    "header twice": (form(part(NOTE.encode(), "Content-Type: a/b", "Content-Type: c/d")), FORM_DATA, {}),
    "XML entity": (f'<!DOCTYPE a [<!ENTITY x "{SSN}">]><a>&x;</a>'.encode(), "text/xml", {}),
    "XML name": (b"<p536-90-4399/>", "text/xml", {}),
    "MessagePack": (b"\x81\xa4note\xab" + SSN.encode(), "application/msgpack", {}),
    "gRPC-web": (b"\0\0\0\0\x0d\x0a\x0b" + SSN.encode(), "application/grpc-web", {}),
}  # fmt: skip


@pytest.mark.parametrize("trick", REFUSED)
def test_what_cannot_be_looked_into_is_refused(
    http: httpx.Client, watched: Firewall, world: World, trick: str
) -> None:
    body, declared, headers = REFUSED[trick]
    answer = send(http, f"{world.ehr.url}/notes", body, declared, **headers)
    assert answer.status_code in (400, 422) or answer.headers["grpc-status"] != "0"
    record = last(watched, answer)
    assert record["code"] in ("body_unreadable", "redaction_failed"), answer.text
    assert world.ehr.untouched
    told = answer.text + str(last(watched, answer)) + watched.output
    assert "90-4399" not in told
    assert "536904399" not in told


@pytest.mark.parametrize("name", ["content-type", "content-encoding"])
def test_a_header_that_says_two_things_is_refused(
    http: httpx.Client, world: World, name: str
) -> None:
    headers = [("content-type", JSON), ("content-encoding", "identity"), (name, "identity")]
    answer = http.post(f"{world.files.url}/echo", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "body_unreadable")
    assert world.files.untouched


OVER = json.dumps({"amount": 9000}).encode()

AMOUNTS = {
    **{name: (pack(OVER), JSON, {"content_encoding": name}) for name, pack in ENCODERS.items()},
    "chunked": ([OVER[:5], OVER[5:]], JSON, {}),
    "escapes": (b'{"\\u0061mount": 9000}', JSON, {}),
    "mark": (b"\xef\xbb\xbf" + OVER, "text/plain", {}),
    "UTF-16": (OVER.decode().encode("utf-16"), "application/octet-stream", {}),
    "no type": (OVER, "", {}),
    "key twice": (b'{"amount": 40, "amount": 9000}', JSON, {}),
    "key twice as a form": (b'{"amount": 40, "amount": 9000}', FORM, {}),
    "key twice as text": (b'{"amount": 40, "amount": 9000}', "text/plain", {}),
    "upper case": (b'{"Amount": 9000}', JSON, {}),
    "both cases": (b'{"amount": 40, "aMount": 9000}', JSON, {}),
    "infinite": (b'{"amount": 1e999}', JSON, {}),
    "huge": (b'{"amount": ' + b"9" * 4000 + b"}", JSON, {}),
    "JSON and a form": (b'{"a":"&amount=9000&b="}', FORM, {}),
    "form": (b"amount=9000", FORM, {}),
    "form cut at a semicolon": (b"a=1;amount=9000", FORM, {}),
    "form as text": (b"amount=9000", "text/plain", {}),
    "second line": (b'{"amount": 40}\n{"amount": 9000}\n', "application/x-ndjson", {}),
    "second line as text": (b'{"amount": 40}\n{"amount": 9000}', "text/plain", {}),
    "trailing": (b'{"amount": 40} {"amount": 9000}', "text/plain", {}),
    "part": (form(part(b"9000", name="amount")), FORM_DATA, {}),
    "part of JSON": (
        form(part(b"9000", "Content-Type: application/json", name="amount")), FORM_DATA, {},
    ),
    "second part": (
        form(
            part(b"40", "Content-Type: application/json", name="amount"),
            part(b"9000", "Content-Type: application/json", name="amount"),
        ),
        FORM_DATA,
        {},
    ),
    "file": (form(part(b"9000", name='amount"; filename="x')), FORM_DATA, {}),
    "mixed": (form(part(b"40", name="amount")), "multipart/mixed; boundary=b1", {}),
    "XML": (b"<pay amount='9000'/>", "application/xml", {}),
    "MessagePack": (b"\x81\xa6amount\xcd\x23\x28", "application/msgpack", {}),
}  # fmt: skip


@pytest.mark.parametrize("trick", AMOUNTS)
def test_an_amount_over_the_bound_is_refused(http: httpx.Client, world: World, trick: str) -> None:
    body, declared, headers = AMOUNTS[trick]
    url = f"{world.payments.url}/v1/payments"
    answer = send(http, url, iter(body) if isinstance(body, list) else body, declared, **headers)
    assert answer.status_code in (400, 403, 503), answer.text
    assert "9000" not in answer.json()["error"]["message"]
    assert world.payments.untouched


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (b'{"amount": 40, "currency": "EUR"}', FORM),
        (b' {"amount": 40}', "text/plain"),
        (b'{"amount": 40}\n{"amount": 41}', ""),
        (
            form(
                part(b"40", "Content-Type: application/json", name="amount"),
                part(b"EUR", name="currency"),
            ),
            FORM_DATA,
        ),
        (b'{"amount": 40}\n{"amount": 41}\n', "application/x-ndjson"),
    ],
)
def test_arguments_within_their_bounds_pass_in_every_format(
    http: httpx.Client, world: World, body: bytes, declared: str
) -> None:
    answer = send(http, f"{world.payments.url}/v1/payments", body, declared)
    assert "x-aegis-decision" not in answer.headers, answer.text
    assert world.payments.requests[0].body == body


PNG = b"\x89PNG\r\n\x1a\n\0"


@pytest.mark.parametrize(
    ("body", "declared", "passes"),
    [
        (PNG, "image/png", True),
        (PNG * 112, "image/png", False),
        (PNG * 112, "text/plain", False),
        (b"x" * 2000, "application/octet-stream", True),
        (form(part(PNG * 100, name='f"; filename="a.png')), FORM_DATA, True),
        (
            form(
                part(PNG * 60, name='f"; filename="a.png'),
                part(PNG * 60, "Content-Type: image/png", name='g"; filename="b.png'),
            ),
            FORM_DATA,
            False,
        ),
        (gzip.compress(bytes(range(256)) * 8), "application/gzip", True),
        (b'{"a": "' + b"x" * 2000 + b'"}', "image/png", True),
    ],
)
def test_no_more_goes_of_what_nobody_can_read_than_policy_says(
    http: httpx.Client, watched: Firewall, world: World, body: bytes, declared: str, passes: bool
) -> None:
    answer = send(http, f"{world.files.url}/echo", body, declared)
    if passes:
        assert answer.status_code == 200
        assert world.files.requests[0].body == body
        return
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "body_opaque")
    assert "no more than 1000 bytes" in answer.json()["error"]["message"]
    assert answer.json()["error"]["rule"] == "destination:files/opaque_bodies"
    assert last(watched, answer)["source"].startswith("policy.yaml:")
    assert world.files.untouched


def test_a_body_that_nobody_reads_counts_too(http: httpx.Client, world: World) -> None:
    body = b'{"a": "' + b"x" * 1_100_000 + b'"}'
    answer = send(http, f"{world.files.url}/echo", body, JSON)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "body_opaque")
    assert world.files.untouched
    assert send(http, f"{world.llm.url}/v1/unknown", body, JSON).status_code == 404
    assert len(world.llm.requests[0].body) == len(body)


def test_a_deep_body_ends_nothing(http: httpx.Client, world: World) -> None:
    for body in (b"[" * 900_000, b'{"a":' * 150_000, b"<a>" * 300_000):
        declared = "text/xml" if body.startswith(b"<") else JSON
        answer = send(http, f"{world.files.url}/echo", body, declared)
        assert answer.json()["error"]["code"] == "body_unreadable"
    assert world.files.untouched
    assert send(http, f"{world.files.url}/echo", b"{}", JSON).status_code == 200
