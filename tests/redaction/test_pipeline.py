"""From a body to a body: what was put in does not come out, and all else does."""

from __future__ import annotations

import html
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redaction import Job, Scope, UrlDocument, parse_document, profile_from

SSN = "536-90-4399"
PROFILE = profile_from([{"id": "r", "entities": {"US_SSN": {"operator": "replace"}}}])
SCOPE = Scope(key=b"k" * 32)
WORDS = st.text("abc xyz.,:;-'\"\\/\n\u00e9\u4e2d", max_size=12)


@pytest.fixture(scope="session")
def clean(analyzer):
    def run(document) -> bytes:
        job = Job([document], PROFILE)
        answers = analyzer.analyze(job.texts, PROFILE.search, job.hints)
        [result] = job.finish(answers, SCOPE)
        return result.content

    return run


def forms_of_json(secret):
    return st.recursive(
        st.tuples(WORDS, WORDS).map(lambda pair: f"{pair[0]} {secret} {pair[1]}")
        | st.sampled_from([1.5, None, True, 12, "text", int(secret.replace("-", ""))]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(WORDS | st.just(secret), inner, max_size=3)
        ),
        max_leaves=8,
    )


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(forms_of_json(SSN), st.booleans())
def test_no_number_leaves_in_json(clean, value, ascii_only):
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    result = clean(parse_document("application/json", body)).decode()
    assert SSN not in result
    assert SSN.replace("-", "") not in result
    expected = json.dumps(value).replace(f"{SSN.replace('-', '')}", "0")
    # The shape stays: as many containers and members as before.
    assert _shape(json.loads(result)) == _shape(json.loads(expected))


def _shape(value):
    if isinstance(value, dict):
        return [_shape(item) for item in value.values()]
    if isinstance(value, list):
        return ["list", *(_shape(item) for item in value)]
    return "leaf"


@pytest.mark.parametrize(
    ("kind", "body", "result"),
    [
        (
            "text/csv",
            b"name,ssn\nann,536-90-4399\nbob,536904399\n",
            b"name,ssn\nann,<US_SSN>\nbob,<US_SSN>\n",
        ),
        ("text/plain; charset=iso-8859-1", b"\xe9 536-90-4399 \xe9", b"\xe9 <US_SSN> \xe9"),
        ("application/x-www-form-urlencoded", b"a=1&s=536%2D90%2D4399", b"a=1&s=%3CUS_SSN%3E"),
        (
            "application/json",
            b'{"arguments":"{\\"ssn\\":\\"536-90-4399\\"}"}',
            b'{"arguments":"{\\"ssn\\":\\"<US_SSN>\\"}"}',
        ),
        (
            "application/json",
            b'{"t":"\\u0035\\u0033\\u0036-90-4399","price":1.10}',
            b'{"t":"<US_SSN>","price":1.10}',
        ),
    ],
)
def test_takes_out_the_number_and_nothing_else(clean, kind, body, result):
    assert clean(parse_document(kind, body)) == result


@pytest.mark.parametrize(
    ("kind", "body", "read"),
    [
        ("text/html", b"<p>SSN 536&#45;90&#45;4399</p>", "<p>SSN <US_SSN></p>"),
        ("application/xml", b"<s>536-90-4399</s>", "<s><US_SSN></s>"),
    ],
)
def test_takes_the_number_out_of_markup(clean, kind, body, read):
    assert html.unescape(clean(parse_document(kind, body)).decode()) == read


@pytest.mark.parametrize(
    "target",
    [
        "/p/536-90-4399",
        "/p/536/90/4399",
        "/p/536%2D90%2D4399",
        "/p?a=1&ssn=536904399",
        "/536904399",
    ],
)
def test_no_number_leaves_in_a_url(clean, target):
    result = clean(UrlDocument(target)).decode()
    assert "4399" not in result
    assert result.startswith("/")
    assert " " not in result
    assert "<" not in result


def test_what_was_taken_out_stays_out_and_is_not_taken_for_data(clean):
    body = json.dumps({"a": f"ssn {SSN}", "b": [SSN, 536904399]}).encode()
    once = clean(parse_document("application/json", body))
    assert clean(parse_document("application/json", once)) == once
