"""What each body is read as, and what is refused because readers could disagree on it."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from addons.content import parse
from addons.decode import DecodeError
from redaction import UnsupportedDocument, parse_document
from rules.tools import FILE, UNREADABLE

FORM_DATA = "multipart/form-data; boundary=b1"
FORM = "application/x-www-form-urlencoded"


def multipart(*parts: tuple[str, bytes]) -> bytes:
    """Build a body of parts, each of a head and a content."""
    written = b"".join(b"--b1\r\n%s\r\n\r\n%s\r\n" % (h.encode(), c) for h, c in parts)
    return written + b"--b1--\r\n"


def field(name: str, value: bytes, *more: str) -> tuple[str, bytes]:
    return "\r\n".join([f'Content-Disposition: form-data; name="{name}"', *more]), value


# JSON -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-32-be"])
@pytest.mark.parametrize("declared", ["application/json", "text/plain", "", FORM])
def test_json_is_read_in_every_unicode_encoding(codec: str, declared: str) -> None:
    body = parse('{"a": "é"}'.encode(codec), declared)
    assert (body.kind, body.value) == ("json", {"a": "é"})


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (b'{"a": 1e5, "\\u0061": 2}', "application/json"),
        (b'{"a": Infinity}', "application/json"),
        (b'{"a": -NaN}', "application/problem+json"),
        (b'{"a": "\\ud800"}', "application/json"),
        (b'{"a": "\xed\xa0\x80"}', "application/json"),
        (b'{"a": ' + b"9" * 5000 + b"}", "application/json"),
        (b'{"a": 1} {"a": 2}', "application/json"),
        (b'{"a": 1}\n{"a": 2}', "application/json"),
        (b'{"a": "+ADE-"}', "application/json; charset=utf-7"),
        (b'{"a": "\xc3\xa9"}', "application/json; charset=iso-8859-1"),
        (b'{"a": 1}', "application/json; charset=utf-16"),
        ('{"a": 1}'.encode("utf-16"), "application/json; charset=utf-8"),
        (b"\xff\xfe{\0\x00\xd8}\0", "application/json"),
        (b"amount=1", "text/json"),
        (b" ", "application/json"),
    ],
)
def test_json_that_readers_could_read_differently_is_refused(data: bytes, declared: str) -> None:
    with pytest.raises(DecodeError, match="JSON"):
        parse(data, declared)


def test_charsets_that_write_json_alike_are_taken() -> None:
    for charset in ("utf-8", "UTF-8", "us-ascii", "iso-8859-1"):
        assert parse(b'{"a": 1}', f'application/json; charset="{charset}"').value == {"a": 1}
    assert parse("[1]".encode("utf-16-le"), "application/json; charset=utf-16le").value == [1]
    assert parse("[1]".encode("utf-16"), "application/json; charset=utf-16").value == [1]


@pytest.mark.parametrize("bracket", [b"[", b'{"a":', b'[{"a":'])
def test_deep_json_is_refused_at_once(bracket: bytes) -> None:
    started = time.process_time()
    with pytest.raises(DecodeError, match="nested more than 200 deep"):
        parse(bracket * 1_000_000, "application/json")
    body = parse(bracket * 1_000_000, "text/plain")
    assert body.kind == "text"
    assert time.process_time() - started < 1


# Forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":"&amount=9000&b="}',
        b'{"a":1,"a":2}',
        b"a=1;amount=9000",
        b"amount%00=1",
        b"a=%zz",
        b'a="1"',
        b"_charset_=utf-7&a=1",
    ],
)
def test_a_form_that_could_be_something_else_is_ambiguous(data: bytes) -> None:
    assert parse(data, FORM).ambiguous


def test_a_form_that_says_its_charset() -> None:
    assert not parse(b"a=b%20c&d[]=1", f"{FORM}; charset=utf-8").ambiguous
    assert parse(b"a=%c3%a9", f"{FORM}; charset=iso-8859-1").ambiguous
    with pytest.raises(DecodeError, match="charset"):
        parse(b"a=1", f"{FORM}; charset=utf-16")


def test_json_under_a_forms_name_is_read_as_json() -> None:
    body = parse(b'{"amount": 40}', FORM)
    assert (body.kind, body.value, body.ambiguous) == ("json", {"amount": 40}, False)


# Multipart ------------------------------------------------------------------------------------


def test_multipart_fields_are_read_like_a_forms() -> None:
    body = parse(
        multipart(
            field("amount", b"40"),
            field("amount", b"41"),
            field("payee", b'{"name": "x"}', "Content-Type: application/json"),
            field("raw", b'{"name": "x"}'),
            field('scan"; filename="a.png', b"\x89PNG\0", "Content-Type: image/png"),
            field("latin", b"\xe9", "Content-Type: text/plain; charset=iso-8859-1"),
            field("coded", b"NDA=", "Content-Transfer-Encoding: base64"),
            field("bytes", b"\xff\xfe\xfd"),
        ),
        'Multipart/Form-Data; Boundary="b1"',
    )
    assert body.kind == "multipart"
    assert not body.ambiguous
    assert body.value == {
        "amount": ["40", "41"],
        "payee": [{"name": "x"}],
        "raw": ['{"name": "x"}'],
        "scan": [{FILE: {"name": "a.png", "type": "image/png", "size": 5}}],
        "latin": [{UNREADABLE: True}],
        "coded": [{UNREADABLE: True}],
        "bytes": [{UNREADABLE: True}],
    }
    assert body.opaque == 8


def test_other_multiparts_have_no_fields() -> None:
    body = parse(
        multipart(("Content-Type: application/json", b"{}")), "multipart/related; boundary=b1"
    )
    assert (body.value, body.ambiguous, body.opaque) == (None, True, 0)


GOOD = multipart(field("a", b"1"))


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (GOOD, "multipart/form-data"),
        (GOOD, "multipart/form-data; boundary="),
        (GOOD, "multipart/form-data; boundary=b1; boundary=b2"),
        (GOOD, "multipart/form-data; boundary=b1; boundary*=utf-8''b2"),
        (GOOD, 'multipart/form-data; boundary="b1'),
        (GOOD, 'multipart/form-data; boundary="b\\1"'),
        (GOOD, "multipart/form-data, text/plain; boundary=b1"),
        (GOOD, "multipart/form-data; boundary=b2"),
        (GOOD, f"multipart/form-data; boundary={'b' * 71}"),
        (b"preamble\r\n" + GOOD, FORM_DATA),
        (GOOD + b"epilogue", FORM_DATA),
        (GOOD[:-4], FORM_DATA),
        (GOOD + GOOD, FORM_DATA),
        (GOOD.replace(b"\r\n", b"\n"), FORM_DATA),
        (GOOD.replace(b"--b1\r\n", b"--b1 \r\n"), FORM_DATA),
        (b"--b1--\r\n", FORM_DATA),
        (b"--b1\r\n\r\n1\r\n--b1--", FORM_DATA),
        (multipart(field("a", b"1\n--b1\n2")), FORM_DATA),
        (multipart(field("a", b"1 --b1 2")), FORM_DATA),
        (multipart(field("a", b"1\r\n--b1x\r\n2")), FORM_DATA),
        (multipart(field("a", b"1", "Content-Disposition: form-data; name=b")), FORM_DATA),
        (multipart(field("a", b"1", "content-type: a/b", "Content-Type: a/c")), FORM_DATA),
        (multipart(field("a", b"1", "Content-Type: text/plain", " folded")), FORM_DATA),
        (multipart(field("a", b"1", "Content-Transfer-Encoding: x-uuencode")), FORM_DATA),
        (multipart(field("a", b"!", "Content-Transfer-Encoding: base64")), FORM_DATA),
        (multipart(field("a", b"1", *[f"X-{n}: 1" for n in range(20)])), FORM_DATA),
        (multipart(field("a", b"1", "X-Long: " + "x" * 9000)), FORM_DATA),
        (multipart(field("a", b"1", "X-Null: \0")), FORM_DATA),
        (multipart(field("a", b"1", "X Space: 1")), FORM_DATA),
        (multipart(field('a"; name="b', b"1")), FORM_DATA),
        (multipart(field("a\"; name*=utf-8''b; x=\"", b"1")), FORM_DATA),
        (multipart(field('a"; filename="x"; filename*=utf-8\'\'y; size="1', b"1")), FORM_DATA),
        (multipart(field('a\\"', b"1")), FORM_DATA),
        (multipart(field("amoun%74", b"1")), FORM_DATA),
        (multipart(field("a", b"1", "Content-Type: application/json", "X: 1\nY: 2")), FORM_DATA),
        (multipart(field("a", b"{", "Content-Type: application/json")), FORM_DATA),
        (multipart(field("a", b"<a", "Content-Type: text/xml")), FORM_DATA),
        (multipart(("Content-Disposition: attachment; name=a", b"1")), FORM_DATA),
        (multipart(("Content-Disposition: form-data", b"1")), FORM_DATA),
        (b'{"amount": 40}', FORM_DATA),
        (b"--b1" + b"\r\n\r\n\r\n--b1" * 2000 + b"--", "multipart/mixed; boundary=b1"),
    ],
)
def test_multipart_that_readers_could_cut_differently_is_refused(
    data: bytes, declared: str
) -> None:
    assert parse(GOOD, FORM_DATA).value == {"a": ["1"]}
    with pytest.raises(DecodeError):
        parse(data, declared)
    with pytest.raises(UnsupportedDocument):
        parse_document(declared, data)


def test_multipart_within_multipart_is_bounded() -> None:
    def nested(depth: int) -> bytes:
        content = b"text"
        for level in range(depth, 0, -1):
            head = b"Content-Type: multipart/mixed; boundary=n%d\r\n" % (level + 1)
            content = b"--n%d\r\n%s\r\n%s\r\n--n%d--" % (
                level,
                head if level < depth else b"",
                content,
                level,
            )
        return content

    assert parse(nested(3), "multipart/mixed; boundary=n1").kind == "multipart"
    with pytest.raises(DecodeError, match="more than 3 deep"):
        parse(nested(4), "multipart/mixed; boundary=n1")


# JSON lines, XML, text and the rest -----------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "data"),
    [
        ("application/x-ndjson", b'{"a": 1}\n\r\n{"a": 2}\n'),
        ("application/jsonl", b'\xef\xbb\xbf{"a": 1}\n{"a": 2}'),
        ("application/json-seq", b'\x1e{"a": 1}\n\x1e{"a":\n 2}\n'),
        ("text/plain", b'{"a": 1}\n{"a": 2}'),
        ("", b' {"a": 1}\r\n{"a": 2}\r\n'),
        ("application/octet-stream", b'{"a": 1}\n{"a": 2}'),
    ],
)
def test_json_lines_are_read_one_by_one(declared: str, data: bytes) -> None:
    body = parse(data, declared)
    assert (body.kind, body.value) == ("ndjson", [{"a": 1}, {"a": 2}])


@pytest.mark.parametrize(
    "data", [b'{"a": 1}\n{"a"', b'{"a": 1, "a": 2}\n', '{"a": 1}\n'.encode("utf-16"), b"x\n"]
)
def test_what_claims_to_be_json_lines_and_is_not_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse(data, "application/x-ndjson")


def test_xml_is_read_safely_or_refused() -> None:
    assert parse(b"<a b='c'>d</a>", "application/soap+xml").kind == "xml"
    assert parse("<a/>".encode("utf-16"), "text/xml; charset=utf-16").kind == "xml"
    lol = b'<!DOCTYPE a [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]><a>&b;</a>'
    for data in (lol, b"<a", b"<a>" * 100_000, b"<a>&x;</a>", b'{"a": 1}', b"<a/>" * 2):
        with pytest.raises(DecodeError):
            parse(data, "application/xml")
    with pytest.raises(DecodeError, match="100000 elements"):
        parse(b"<a>" + b"<b/>" * 100_001 + b"</a>", "application/xml")


@pytest.mark.parametrize(
    ("declared", "data", "text"),
    [
        ("text/plain", "é".encode(), "é"),
        ("text/plain; charset=iso-8859-1", b"\xe9", "é"),
        ("text/plain; charset=utf-16", "\ufeffé".encode("utf-16-le"), "é"),
        ("text/plain", "é".encode("utf-16"), "é"),
        ("application/graphql", b"{ user { id } }", "{ user { id } }"),
        ("application/octet-stream", b"plain\tline\r\n", "plain\tline\r\n"),
        ("nonsense", b"plain", None),
        ("text/plain; charset=utf-7", b"+ADE-", None),
        ("text/plain; charset=utf-7", b'{"a": "+ADE-"}', None),
        ("text/plain", b"a\0b", None),
        ("text/plain", b"\x0a\x05hello", None),
        ("text/plain", b"\x1f\x8b\x08\0", None),
        ("application/msgpack", b"\x81\xa1a\x01", None),
        ("application/grpc", b"\0\0\0\0\x05hello", None),
        ("application/cbor", b"\xa1aa\x01", None),
        ("image/png", b"\x89PNG", None),
    ],
)
def test_texts_are_told_from_what_nobody_can_read(
    declared: str, data: bytes, text: str | None
) -> None:
    body = parse(data, declared)
    assert (body.kind, body.value) == (("opaque", None) if text is None else ("text", text))
    assert body.opaque == (len(data) if text is None else 0)


# Whatever comes -------------------------------------------------------------------------------

TYPES = [
    "",
    "application/json",
    "application/x-ndjson",
    "application/json-seq",
    "application/xml",
    FORM,
    FORM_DATA,
    "multipart/mixed; boundary=b1",
    "text/plain; charset=utf-16",
    "text/plain; charset=utf-7",
    "application/octet-stream",
    "text/plain; charset",
]
PIECES = st.sampled_from(
    [
        *(
            b"--b1",
            b"\r\n",
            b"\n",
            b"--",
            b"b1",
            b": ",
            b";",
            b"{",
            b"}",
            b"[",
            b"]",
            b'"',
            b",",
            b"<",
        ),
        *(
            b"a>",
            b"/>",
            b"</a>",
            b"&#49;",
            b"<![CDATA[",
            b"]]>",
            b"<!--",
            b"-->",
            b"=",
            b"&",
            b"%41",
        ),
        *(
            b"Content-Type",
            b"Content-Disposition: form-data; name=",
            b"multipart/mixed; boundary=b2",
        ),
        *(
            b"\xef\xbb\xbf",
            b"\xff\xfe",
            b"\0",
            b"\x1e",
            b"1e400",
            b"null",
            b"\\ud800",
            b"\xed\xa0\x80",
        ),
        GOOD,
    ]
)
BODIES = st.lists(PIECES | st.binary(max_size=8), max_size=24).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(BODIES, st.sampled_from(TYPES) | st.text(max_size=30))
def test_nothing_but_a_decode_error_comes_out(data: bytes, declared: str) -> None:
    try:
        body = parse(data, declared)
    except DecodeError:
        pass
    else:
        assert body.data == data
        assert 0 <= body.opaque <= len(data)
    try:
        document = parse_document(declared, data)
    except UnsupportedDocument:
        return
    assert document.rebuild({}) == data


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=20), min_size=1))
def test_readable_multiparts_are_read_as_they_were_meant(fields: dict[str, str]) -> None:
    body = multipart(
        *[field(name, value.encode()) for name, value in fields.items() if "\0" not in value]
    )
    if b"Content" not in body:
        return
    read = parse(body, FORM_DATA).value
    for name, values in read.items():
        assert values == [fields[name]] or UNREADABLE in values[0]


@pytest.mark.parametrize(
    ("declared", "unit"),
    [
        ("application/json", b"[1,"),
        ("application/json", b'{"a'),
        ("application/json", b"\\"),
        ("application/x-ndjson", b"{}\n"),
        (FORM, b"a=%41&"),
        (FORM, b"%"),
        (FORM, b"{&"),
        (FORM_DATA, b"--b1\r\n"),
        (FORM_DATA, b"--b1\r\n\r\n\r\n"),
        (FORM_DATA, b"\r\n-"),
        ("application/xml", b"<a>"),
        ("application/xml", b"<!--"),
        ("application/xml", b"<?x "),
        ("application/xml", b"<a b='"),
        ("text/plain", b"{}\n"),
        ("text/plain", b"\x1b["),
        ("", b"[{"),
    ],
)
def test_time_grows_no_faster_than_the_body(declared: str, unit: bytes) -> None:
    def seconds(size: int) -> float:
        data = (unit * (size // len(unit) + 1))[:size]
        started = time.process_time()
        for read in (parse, lambda body, kind: parse_document(kind, body)):
            try:
                read(data, declared)
            except (DecodeError, UnsupportedDocument):
                pass
        return time.process_time() - started

    small = min(seconds(20_000) for _ in range(3))
    large = min(seconds(160_000) for _ in range(2))
    # Eight times the body: what grows with its square takes 64 times as long and more.
    assert large < 50 * small + 0.5


def test_a_value_never_stands_in_a_refusal() -> None:
    secret = "536-90-4399"
    bodies = [
        (json.dumps({secret: 1})[:-1] + f', "{secret}": 2}}', "application/json"),
        (f"<{secret}>", "application/xml"),
        (f"<a>&{secret};</a>", "application/xml"),
        (f"--b1\r\n{secret}\r\n\r\n--b1--", FORM_DATA),
        (f"{secret}\r\n--b1--", f"multipart/form-data; boundary={secret}"),
    ]
    for text, declared in bodies:
        with pytest.raises(DecodeError) as caught:
            parse(text.encode(), declared)
        assert secret not in str(caught.value)
