from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redaction import (
    HeaderDocument,
    RedactionError,
    UnsupportedDocument,
    UrlDocument,
    parse_document,
)
from redaction.field_names import NAME_HINT

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def texts(document):
    return [leaf.text for leaf in document.leaves]


def replace(document, old, new):
    return document.rebuild({i: new for i, leaf in enumerate(document.leaves) if leaf.text == old})


def test_json_keeps_every_other_byte():
    body = b'{ "b" : 1.10,"a":[1e400, -0.0 ,"x\\u0041\\/","536904399"], "n":null,"t":true }\r\n'
    document = parse_document("application/json", body)
    assert document.rebuild({}) == body
    assert replace(document, "536904399", "<S>") == body.replace(b"536904399", b"<S>")
    assert replace(document, "xA/", "y") == body.replace(b"x\\u0041\\/", b"y")


@given(VALUES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_json_rebuilds_what_it_read(value, ascii_only, indent):
    encoded = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    try:
        body = encoded.encode()
    except UnicodeEncodeError:
        return
    try:
        document = parse_document("application/json", body)
    except UnsupportedDocument:
        # Lone surrogates are no text.
        assert "\\ud" in encoded
        return
    assert document.rebuild({}) == body
    unchanged = {
        index: leaf.text
        for index, leaf in enumerate(document.leaves)
        if leaf.hint != NAME_HINT and not leaf.text.lstrip("-").isdecimal()
    }
    rebuilt = json.loads(document.rebuild(unchanged))
    assert rebuilt == json.loads(body)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text(max_size=10), min_size=1))
def test_json_replaces_one_leaf_and_no_other(value):
    document = parse_document("application/json", json.dumps(value).encode())
    last = len(document.leaves) - 1
    changed = json.loads(document.rebuild({last: 'new "text"'}))
    name = list(value)[-1]
    assert changed == {**value, name: 'new "text"'}


def test_json_offers_names_and_long_integers():
    document = parse_document("application/json", b'{"536-90-4399":{"ssn":536904399,"n":12}}')
    assert {"536-90-4399", "ssn", "536904399"} <= set(texts(document))
    assert "12" not in texts(document)
    [leaf] = [leaf for leaf in document.leaves if leaf.text == "536904399"]
    assert leaf.hint.endswith("ssn")
    assert replace(document, "536904399", "123456789") == (
        b'{"536-90-4399":{"ssn":123456789,"n":12}}'
    )
    assert replace(document, "536-90-4399", "k") == b'{"k":{"ssn":536904399,"n":12}}'


def test_two_names_never_become_one():
    document = parse_document("application/json", b'{"536-90-4399":1,"536-90-4398":2}')
    changed = document.rebuild({0: "<US_SSN>", 1: "<US_SSN>"})
    assert len(json.loads(changed)) == 2


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":', b"{'a':1}", b'{"a":1} x', b'{"a":"\xff"}', b"plain"],
)
def test_refuses_what_is_not_the_json_it_claims_to_be(body):
    with pytest.raises(UnsupportedDocument):
        parse_document("application/json", body)


def test_errors_hold_no_value():
    with pytest.raises(UnsupportedDocument) as caught:
        parse_document("application/json", b'{"536-90-4399":1,"536-90-4399":2}')
    assert "536" not in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_reads_json_whatever_its_declared_type(kind):
    document = parse_document(kind, b' {"a":"b"}')
    assert "b" in texts(document)
    assert replace(document, "b", "c") == b' {"a":"c"}'


def test_json_lines():
    body = b'{"a":"x"}\n\n{"a":"y"}\r\n'
    document = parse_document("application/x-ndjson", body)
    assert document.rebuild({}) == body
    assert replace(document, "y", "z") == b'{"a":"x"}\n\n{"a":"z"}\r\n'
    with pytest.raises(UnsupportedDocument):
        parse_document("application/x-ndjson", b'{"a":"x"}\n{"a"')


def test_forms():
    body = b"ssn=536-90-4399&note=a%20b+c&empty=&x"
    document = parse_document("application/x-www-form-urlencoded", body)
    assert {"ssn", "536-90-4399", "a b c", "x"} <= set(texts(document))
    assert document.rebuild({}) == body
    assert replace(document, "536-90-4399", "<US_SSN>") == body.replace(
        b"536-90-4399", b"%3CUS_SSN%3E"
    )


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain", "na\u00efve".encode(), "na\u00efve"),
        ("text/plain; charset=iso-8859-1", b"na\xefve", "na\u00efve"),
        ("text/plain; charset=utf-16", "\ufeffhi".encode("utf-16-le"), "hi"),
        ("text/csv", b"a,b\n1,2", "a,b\n1,2"),
        ("", b"text", "text"),
    ],
)
def test_texts_by_charset(kind, body, text):
    document = parse_document(kind, body)
    assert texts(document) == [text]
    assert document.rebuild({}) == body
    assert document.rebuild({0: text}) == body


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain; charset=utf-7", b"text"),
        ("text/plain; charset=shift_jis", b"text"),
        ("image/png", b"\x89PNG\r\n\x1a\n\0\0"),
        ("application/octet-stream", b"\xc3\x28\xfd\0"),
        ("application/grpc", b"\0\0\0\0\5hello"),
        ("text/plain", b"a\0b"),
        ("application/pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
    ],
)
def test_refuses_what_cannot_be_searched(kind, body):
    with pytest.raises(UnsupportedDocument):
        parse_document(kind, body)


def test_an_empty_body_has_no_texts():
    document = parse_document("application/json", b"")
    assert (list(document.leaves), document.rebuild({})) == ([], b"")


def test_urls_keep_what_is_not_replaced():
    path = "/v1/patients/536-90-4399/n%2Fm?ssn=536904399&q=a+b%20c&flag"
    document = UrlDocument(path)
    assert document.rebuild({}) == path.encode()
    index = next(i for i, leaf in enumerate(document.leaves) if leaf.text == "536904399")
    assert document.leaves[index].hint == "ssn"
    assert (
        document.rebuild({index: "<US_SSN>"})
        == path.replace("=536904399", "=%3CUS_SSN%3E").encode()
    )


@pytest.mark.parametrize("path", ["/p/123/45/6789", "/p/123%2F45%2F6789", "/p/536904399?x=1"])
def test_numbers_in_paths_are_found_even_over_segments(find, path):
    document = UrlDocument(path)
    assert any(find(leaf.text, "US_SSN", hint=leaf.hint) for leaf in document.leaves)


@given(st.lists(st.tuples(st.text("ab-", min_size=1), st.text("xyz \u00e9\udcff"))))
def test_headers_come_back_as_they_were(pairs):
    assert HeaderDocument.parse(HeaderDocument(pairs).rebuild({})) == pairs


def test_a_header_cannot_be_made_two():
    document = HeaderDocument([("x-note", "a"), ("x-other", "b")])
    changed = HeaderDocument.parse(document.rebuild({0: "c\r\nx-evil: 1"}))
    assert changed[1] == ("x-other", "b")
    assert "\n" not in changed[0][1]
    assert "\r" not in changed[0][1]


def test_xml_texts_attributes_comments_and_cdata():
    body = (
        b'<?xml version="1.0"?>\n<p:a xmlns:p="urn:x" ssn="536904399" q=\'1\'>'
        b"<b>x &amp; &#53;36-90-4399</b><!-- c --><![CDATA[536<90>]]><e/></p:a>\r\n"
    )
    document = parse_document("application/soap+xml; charset=utf-8", body)
    assert {"536904399", "x & 536-90-4399", " c ", "536<90>", "urn:x"} <= set(texts(document))
    assert document.rebuild({}) == body
    assert [leaf.hint for leaf in document.leaves if leaf.text == "536904399"] == ["a/ssn"]
    changed = replace(document, "x & 536-90-4399", "x & <S>")
    assert changed == body.replace(b"&#53;36-90-4399", b"&lt;S&gt;")
    changed = replace(document, "536904399", '<"S">')
    assert changed == body.replace(b"536904399", b"&lt;&quot;S&quot;&gt;")
    assert replace(document, "536<90>", "]]>") == body.replace(
        b"<!-- c --><![CDATA[536<90>]]>", b"]]&gt;"
    )
    assert replace(document, " c ", " a--b-") == body.replace(b" c ", b" a- -b")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-8-sig", "latin-1"])
def test_xml_keeps_its_encoding(encoding):
    declared = "utf-16" if encoding.startswith("utf-16") else encoding.removesuffix("-sig")
    text = f'<?xml version="1.0" encoding="{declared}"?><a>caf\u00e9</a>'
    body = text.encode(encoding)
    document = parse_document("text/xml", body)
    changed = replace(document, "caf\u00e9", "th\u00e9")
    assert changed == body.replace(
        "caf\u00e9".encode(encoding.removesuffix("-sig")).removeprefix(b"\xff\xfe"),
        "th\u00e9".encode(encoding.removesuffix("-sig")).removeprefix(b"\xff\xfe"),
    )


def test_xml_with_a_value_spread_over_elements_is_cut_out_of_each():
    document = parse_document("text/xml", b"<p>ssn <i>536-90-</i>4399 <b>ok</b></p>")
    whole = next(i for i, leaf in enumerate(document.leaves) if leaf.text == "ssn 536-90-4399 ok")
    changed = document.rebuild({whole: "ssn <US_SSN> ok"})
    assert changed == b"<p>ssn <i>&lt;US_SSN&gt; </i><b>ok</b></p>"
    run = texts(document).index("ok")
    assert document.rebuild({whole: "ssn 536-90-4399 no", run: "no"}).endswith(b"<b>no</b></p>")


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY x "536">]><a>&x;</a>',
        b"<!DOCTYPE a SYSTEM 'http://x.example/'><a/>",
        b"<a>&x;</a>",
        b"<a>",
        b"<a/><b/>",
        b"plain",
        b"<a>" * 300 + b"</a>" * 300,
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b'<?xml version="1.0" encoding="utf-16"?><a>\xc3\xa9</a>',
    ],
)
def test_refuses_xml_that_is_not_read_safely(body):
    with pytest.raises(UnsupportedDocument):
        parse_document("application/xml", body)


FORM = (
    b'--b1\r\nContent-Disposition: form-data; name="536-90-4399"\r\n\r\nvalue\r\n'
    b'--b1\r\nContent-Disposition: form-data; name="ssn"; filename="536904399.txt"\r\n'
    b"Content-Type: application/json\r\nX-Note: mine\r\n\r\n" + b'{"a": "x"}\r\n--b1--\r\n'
)
TYPE = "multipart/form-data; boundary=b1"


def test_multipart_names_headers_and_contents():
    document = parse_document(TYPE, FORM)
    assert {"536-90-4399", "value", "ssn", "536904399.txt", "mine", "x"} <= set(texts(document))
    assert document.rebuild({}) == FORM
    kept = ("b1", "application/json", "X-Note")
    everything = {
        index: "new" for index, leaf in enumerate(document.leaves) if leaf.text not in kept
    }
    changed = document.rebuild(everything)
    for old in (b"536", b"value", b"mine", b'"x"'):
        assert old not in changed
    again = parse_document(TYPE, changed)
    assert texts(again) == [leaf.text if leaf.text in kept else "new" for leaf in document.leaves]


def test_a_replacement_cannot_break_out_of_its_part():
    document = parse_document(TYPE, FORM)
    name = texts(document).index("ssn")
    changed = document.rebuild({name: 'a"\r\nX: 1\\'})
    assert len(parse_document(TYPE, changed).leaves) == len(document.leaves)
    with pytest.raises(RedactionError, match="together"):
        document.rebuild({texts(document).index("value"): "x\r\n--b1--\r\n"})
    with pytest.raises(RedactionError, match="boundary"):
        document.rebuild({texts(document).index("b1"): "<US_SSN>"})
    with pytest.raises(RedactionError, match="header"):
        document.rebuild({texts(document).index("X-Note"): "<US_SSN>"})


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("base64", b"aW4gNTM2LTkwLTQzOTk="), ("quoted-printable", b"in =35=33=36-90-4399")],
)
def test_parts_with_a_transfer_encoding(encoding, written):
    head = b"--b1\r\nContent-Transfer-Encoding: %s\r\n\r\n" % encoding.encode()
    body = head + written + b"\r\n--b1--"
    document = parse_document("multipart/related; boundary=b1", body)
    assert "in 536-90-4399" in texts(document)
    changed = replace(document, "in 536-90-4399", "in <S>")
    assert texts(parse_document("multipart/related; boundary=b1", changed))[2] == "in <S>"
    with pytest.raises(RedactionError):
        replace(document, written.decode(), "<S>")
    with pytest.raises(UnsupportedDocument):
        parse_document("multipart/related; boundary=b1", head + b"=!\xff\r\n--b1--")


def test_a_file_that_is_no_text_is_refused():
    with pytest.raises(UnsupportedDocument):
        parse_document(
            TYPE, FORM.replace(b"application/json", b"image/png ").replace(b"{", b"\x89\0")
        )


def test_json_sequences_and_undeclared_lines():
    body = b'\x1e{"a":"x"}\n\x1e{"a":"y"}\n'
    document = parse_document("application/json-seq", body)
    assert document.rebuild({}) == body
    assert replace(document, "y", "z") == body.replace(b"y", b"z")
    lines = parse_document("text/plain", b'{"a":"x"}\n{"a":"\\u0079"}')
    assert "y" in texts(lines)
