"""Hiding: a number that must not leave does not, whatever it is wrapped in; or nothing leaves."""

from __future__ import annotations

import base64
import gzip
import html
import json
import urllib.parse
import zlib

import brotli
import httpx
import pytest
import zstandard

from tests.integration.attacks.conftest import Target
from tests.integration.test_exchange import client

SSN = "078-05-1120"
TEXT = f"Patient SSN {SSN} admitted."
JSON = "application/json"
PLAIN = "text/plain"


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in text)


# name, content type, content encoding, body, what must not arrive in any form that reads as it
BODIES: list[tuple[str, str, str, bytes]] = [
    ("plain", PLAIN, "", TEXT.encode()),
    ("gzip", PLAIN, "gzip", gzip.compress(TEXT.encode())),
    ("deflate", PLAIN, "deflate", zlib.compress(TEXT.encode())),
    ("br", PLAIN, "br", brotli.compress(TEXT.encode())),
    ("zstd", PLAIN, "zstd", zstandard.compress(TEXT.encode())),
    ("gzip-in-br", PLAIN, "gzip, br", brotli.compress(gzip.compress(TEXT.encode()))),
    ("gzip-unsaid", PLAIN, "", gzip.compress(TEXT.encode())),
    ("utf-16", "text/plain; charset=utf-16", "", TEXT.encode("utf-16")),
    ("json", JSON, "", json.dumps({"note": TEXT}).encode()),
    ("json-as-text", PLAIN, "", json.dumps({"note": TEXT}).encode()),
    ("json-as-image", "image/png", "", json.dumps({"note": TEXT}).encode()),
    ("json-escapes", JSON, "", json.dumps({"note": TEXT}).replace("0", "\\u0030").encode()),
    ("json-key", JSON, "", json.dumps({SSN: 1}).encode()),
    ("json-number", JSON, "", b'{"ssn": 78051120}'),
    ("json-in-json", JSON, "", json.dumps({"note": json.dumps({"ssn": SSN})}).encode()),
    ("base64", JSON, "", json.dumps({"note": base64.b64encode(TEXT.encode()).decode()}).encode()),
    ("base64url", PLAIN, "", base64.urlsafe_b64encode(TEXT.encode())),
    ("hex", PLAIN, "", TEXT.encode().hex().encode()),
    ("percent", PLAIN, "", urllib.parse.quote(TEXT).replace("0", "%30").encode()),
    ("percent-twice", PLAIN, "", TEXT.replace("0", "%2530").encode()),
    ("entities", PLAIN, "", TEXT.replace("0", "&#48;").encode()),
    ("entities-escaped", "text/html", "", html.escape(TEXT).replace("0", "&#x30;").encode()),
    ("full-width", PLAIN, "", wide(TEXT).encode()),
    ("arabic", PLAIN, "", TEXT.translate({48 + n: 0x660 + n for n in range(10)}).encode()),
    ("zero-width", PLAIN, "", TEXT.replace("-", "\u200b-\u200b").encode()),
    ("zero-width-digits", PLAIN, "", TEXT.replace("78", "7\u200b8").encode()),
    ("en-dash", PLAIN, "", TEXT.replace("-", "\u2013").encode()),
    ("spaces", PLAIN, "", TEXT.replace("-", " ").encode()),
    ("new-line", PLAIN, "", TEXT.replace("-", "\n").encode()),
    ("form", "application/x-www-form-urlencoded", "", urllib.parse.urlencode({"note": TEXT}).encode()),
    ("xml", "application/xml", "", f"<p><ssn>{SSN}</ssn></p>".encode()),
    ("tags", "text/html", "", f"<p>SSN {SSN[:5]}<b></b>{SSN[5:]}</p>".encode()),
    ("multipart", "multipart/form-data; boundary=x", "", f'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n{TEXT}\r\n--x--\r\n'.encode()),
    ("multipart-name", "multipart/form-data; boundary=x", "", f'--x\r\nContent-Disposition: form-data; name="{SSN}"\r\n\r\na\r\n--x--\r\n'.encode()),
    ("octets", "application/octet-stream", "", TEXT.encode()),
    ("events", "text/event-stream", "", f"data: SSN {SSN}\n\n".encode()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "coding", "body"), [row[1:] for row in BODIES], ids=[r[0] for r in BODIES]
)
def test_in_a_body(target: Target, kind: str, coding: str, body: bytes) -> None:
    headers = {"content-type": kind, **({"content-encoding": coding} if coding else {})}
    before = target.recorded()
    with client(target.firewall) as http:
        answer = http.post(f"{target.world.ehr.url}/notes", content=body, headers=headers)
    if 400 <= answer.status_code < 500 and target.world.ehr.untouched:
        assert target.codes(before)[0]
        return
    (request,) = target.world.ehr.requests
    assert request.body != body
    for form in (SSN, SSN.replace("-", ""), SSN.replace("-", " "), "78051120"):
        assert form.encode() not in request.body
    assert target.firewall.decisions()[-1]["redacted"]


PLACES: list[tuple[str, str, dict[str, str]]] = [
    ("path", f"/notes/{SSN}", {}),
    ("path-encoded", f"/notes/{SSN.replace('0', '%30')}", {}),
    ("query", f"/notes?n={SSN}", {}),
    ("query-name", f"/notes?{SSN}=1", {}),
    ("query-base64", f"/notes?n={base64.b64encode(TEXT.encode()).decode()}", {}),
    ("header", "/notes", {"x-note": TEXT}),
    ("cookie", "/notes", {"cookie": f"note={SSN}"}),
    ("referer", "/notes", {"referer": f"https://a.test/?ssn={SSN}"}),
    ("agent", "/notes", {"user-agent": TEXT}),
]


@pytest.mark.parametrize(
    ("path", "headers"), [row[1:] for row in PLACES], ids=[r[0] for r in PLACES]
)
def test_beside_the_body(target: Target, path: str, headers: dict[str, str]) -> None:
    with client(target.firewall) as http:
        answer = http.post(f"{target.world.ehr.url}{path}", content=b"a", headers=headers)
    seen = urllib.parse.unquote(target.world.ehr.everything().decode("latin-1"))
    assert SSN not in seen
    assert base64.b64encode(TEXT.encode()).decode()[:20] not in seen
    assert target.world.ehr.requests or 400 <= answer.status_code < 500


def test_in_a_name(target: Target) -> None:
    host = f"{SSN}.example.test"
    with client(target.firewall) as http, pytest.raises(httpx.ProxyError):
        http.get(f"https://{host}:{target.world.files.port}/")
    assert target.touched == []
    assert SSN not in json.dumps(target.firewall.decisions()[-1])
    assert SSN not in target.firewall.output
