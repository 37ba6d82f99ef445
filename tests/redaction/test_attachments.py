"""Files: PDF and RTF, wherever they stand, by what they are and not by what they are called."""

from __future__ import annotations

import base64
import json
import time
import zlib
from contextlib import suppress

import pytest

from redaction import RedactionError, UnsupportedDocument, parse_document
from redaction.documents import OpaqueContent, pdf


def make_pdf(
    content=b"BT /F1 12 Tf 72 720 Td (SSN 536-90-4399) Tj ET", *, pages=1, extra=b"", packed=False
):
    filters = b""
    if packed:
        content, filters = zlib.compress(content, 9), b"/Filter/FlateDecode"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b"3 0 R " * pages),
        b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 612 792]"
        b"/Resources<</Font<</F1 5 0 R>>%s>>>>" % extra,
        b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), filters, content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/XObject/Subtype/Image/Width 1/Height 1/Length 0>>stream\n\nendstream",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1, table, len(objects) + 1, len(body))  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/pdf", make_pdf()),
        ("text/plain", make_pdf()),
        ("application/json", json.dumps({"source": {"media_type": "text/plain", "data": base64.b64encode(make_pdf()).decode()}}).encode()),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + make_pdf() + b"\r\n--b--\r\n"),
    ],
)  # fmt: skip
def test_the_words_of_a_pdf_are_searched_and_cannot_be_cut_out(kind, body):
    document = parse_document(kind, body)
    assert document.rebuild({}) == body
    [index] = [i for i, leaf in enumerate(document.leaves) if "536-90-4399" in leaf.text]
    with pytest.raises(RedactionError, match="PDF") as caught:
        document.rebuild({index: "<US_SSN>"})
    assert "536" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "read"),
        (make_pdf(b"/I Do", extra=b"/XObject<</I 6 0 R>>"), "pictures"),
        (make_pdf(b"q Q " * 150_000), "too long"),
        (make_pdf(b"q Q " * 150_000, packed=True), "too long"),
        (make_pdf() + bytes(pdf.MAX_BYTES), "more than"),
        (make_pdf().replace(b"/Kids[3 0 R ]", b"/Kids[2 0 R ]"), ""),
        (make_pdf().replace(b"/Parent 2 0 R", b"/Parent 3 0 R"), ""),
        (make_pdf().replace(b"trailer<<", b"trailer<</Encrypt 5 0 R"), ""),
    ],
)
def test_a_pdf_that_cannot_be_read_is_refused(body, why):
    started = time.process_time()
    if why:
        with pytest.raises(OpaqueContent, match=why):
            parse_document("application/pdf", body)
    else:
        with suppress(OpaqueContent):
            parse_document("application/pdf", body)
    assert parse_document("application/pdf", body, opaque="pass").rebuild({}) == body
    assert time.process_time() - started < 8


RTF = (
    b"{\\rtf1\\ansi{\\fonttbl{\\f0 Times New Roman;}}\\f0 Jane \\b Roe\\b0\\par "
    b"SSN 536-90-4399, Z\\'fcrich, \\u8364?5 \\{x\\}\\par}"
)


@pytest.mark.parametrize("kind", ["application/rtf", "text/rtf", "text/plain", ""])
def test_the_words_of_an_rtf_are_cut_out_where_they_stand(kind):
    document = parse_document(kind, RTF)
    texts = [leaf.text for leaf in document.leaves]
    assert texts == ["Times New Roman;", "Jane Roe", "SSN 536-90-4399, Z\xfcrich, \u20ac5 {x}"]
    assert document.leaves[0].hint == "#code"
    assert document.rebuild({}) == RTF
    changed = document.rebuild({1: "a\\b {\u20ac}\n"})
    assert [leaf.text for leaf in parse_document(kind, changed).leaves][1:] == [
        *("a\\b {\u20ac} ", texts[2])
    ]


@pytest.mark.parametrize(
    "body", [b"{\\rtf1 \\bin4 abcd}", b"{\\rtf1 {\\pict 00ff}}", b"{\\rtf1" + b"{" * 900]
)
def test_an_rtf_with_pictures_is_refused(body):
    with pytest.raises(UnsupportedDocument):
        parse_document("application/rtf", body)
    assert parse_document("application/rtf", body, opaque="pass").rebuild({}) == body


@pytest.mark.parametrize(
    "body",
    [
        b"{\\rtf1" + b"\\par" * 300_000,
        b"{\\rtf1" + b"\\u1" * 200_000,
        b"{\\rtf1" + b"\\'" * 500_000,
        b"{\\rtf1 " + b"\\" * 500_001,
    ],
)
def test_hostile_rtf_ends(body):
    started = time.process_time()
    parse_document("application/rtf", body)
    assert time.process_time() - started < 4


def test_multipart_files_are_opened_by_their_types():
    head = 'Content-Disposition: form-data; name="f"; filename="a"\r\nContent-Type: '
    hl7 = "MSH|^~\\&|A|B|C|D|2024||ADT^A01|1|P|2.5\rPID|1||123||Roe^Jane\r"
    body = (
        f"--b\r\n{head}application/hl7-v2\r\n\r\n{hl7}\r\n--b\r\n{head}application/fhir+json\r\n\r\n"
        '{"resourceType":"Patient","name":[{"family":"Doe"}]}\r\n--b--\r\n'
    ).encode()
    document = parse_document("multipart/form-data; boundary=b", body)
    found = {leaf.text: leaf.entity for leaf in document.leaves if leaf.entity}
    assert found == {
        "123": "MEDICAL_RECORD_NUMBER",
        "Roe": "PERSON",
        "Jane": "PERSON",
        "Doe": "PERSON",
    }


def test_a_bomb_of_files_within_files_ends():
    value = {"mimeType": "text/plain", "data": base64.b64encode(b"Jane Roe").decode()}
    for _ in range(8):
        data = base64.b64encode(json.dumps(value).encode()).decode()
        value = {"mimeType": "application/json", "data": data}
    with pytest.raises(UnsupportedDocument, match="deep"):
        parse_document("application/json", json.dumps(value).encode())


def test_many_files_in_one_body_end():
    files = [{"mimeType": "text/plain", "data": base64.b64encode(b"a b" * 100).decode()}] * 5_000
    started = time.process_time()
    document = parse_document("application/json", json.dumps(files).encode())
    assert len([leaf for leaf in document.leaves if leaf.text.startswith("a b")]) == 5_000
    assert time.process_time() - started < 5
