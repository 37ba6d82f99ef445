from __future__ import annotations

import pytest

from redaction import (
    HeaderDocument,
    Job,
    RuleSet,
    Scope,
    UrlDocument,
    commitment,
    parse_document,
)

RULES = RuleSet.of([{"id": "r", "entities": ["US_SSN", "PERSON", "EMAIL_ADDRESS"]}])
SCOPE = Scope(key=b"k" * 32)


@pytest.fixture
def take_out(analyzer):
    def run(*documents, rules=RULES, scope=SCOPE, salt=b""):
        job = Job(documents, rules.profile)
        answers = analyzer.analyze(job.texts, rules.profile.search, job.hints)
        return job.finish(answers, scope, salt)

    return run


def json_document(text: str):
    return parse_document("application/json", text.encode())


def test_takes_out_of_several_documents_at_once(take_out):
    url, headers, body = take_out(
        UrlDocument("/people/078-05-1120?q=1"),
        HeaderDocument([("x-mail", "jane@example.com"), ("x-n", "1")]),
        json_document('{"ssn": "078-05-1120", "ok": [1, true, "plain"]}'),
    )
    assert url.content == b"/people/%3CUS_SSN%3E?q=1"
    assert HeaderDocument.parse(headers.content) == [("x-mail", "<EMAIL_ADDRESS>"), ("x-n", "1")]
    assert body.content == b'{"ssn": "<US_SSN>", "ok": [1, true, "plain"]}'
    assert url.places == {("/path/2", "US_SSN"): 1}
    assert body.counts == {"US_SSN": 1}


def test_asks_for_a_text_that_stands_in_many_places_once():
    text = '["call Jane Doe about the loan", "call Jane Doe about the loan"]'
    job = Job([json_document(text)], RULES.profile)
    assert job.texts.count("call Jane Doe about the loan") == 1


def test_a_name_found_once_is_taken_out_everywhere(take_out):
    [body] = take_out(
        json_document(
            '{"a": "The patient, Mrs. Henrietta Quillfeather, was seen today.",'
            ' "b": "quillfeather declined, so Quillfeather goes home"}'
        )
    )
    assert b"Quillfeather" not in body.content


def test_a_place_holds_no_name_of_a_member(take_out):
    [body] = take_out(json_document('{"john_smith": {"note": "ssn 078-05-1120"}}'))
    assert ("/*/note", "US_SSN") in body.places


def test_marks_are_salted_and_tell_nothing(take_out):
    text = '{"ssn": "078-05-1120"}'
    [one] = take_out(json_document(text), salt=b"one")
    [again] = take_out(json_document(text), salt=b"one")
    [other] = take_out(json_document(text), salt=b"other")
    [differs] = take_out(json_document('{"ssn": "078-05-1121"}'), salt=b"one")
    assert commitment([one]) == commitment([again])
    assert commitment([one]) != commitment([other])
    assert commitment([one]) != commitment([differs])
    assert len(commitment([one])) == 64


def test_nothing_found_leaves_every_byte(take_out):
    text = '{ "a" : 1.10,\n "b":"caf\\u00e9" }'
    [body] = take_out(json_document(text))
    assert body.content == text.encode()
    assert not body.places
