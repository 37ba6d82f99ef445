"""Texts that keep a backtracking search busy: all must end soon."""

from __future__ import annotations

import gc
import random
import string
import time
from contextlib import suppress

import pytest

from redaction import HeaderDocument, RedactionError, UrlDocument, parse_document, profile_from
from redaction.documents import joined_views
from redaction.documents.json_body import inner_fields
from redaction.documents.mixed import cuts
from redaction.encoded import decoded_words
from redaction.entities import NER_ENTITIES, OWN_ENTITIES, STOCK_RECOGNIZERS
from redaction.escapes import escapes
from redaction.media_type import read_media_type
from redaction.normalise import normalise
from redaction.recognizers.registry import finder
from redaction.segments import prose, windows
from redaction.spelled import spelled_digits
from redaction.tables import table_cells, table_rows, tables_in

SECONDS = 1.0
SIZE = 16 * 1024
UNITS = [
    *(".", "-", "@", "1", "a", "/", ":", " ", "%", "&", "\\", "_", "+", "(", "#", "=", "\n"),
    *("a.", "a@", "1-", "1 ", "a-", "1.", "::", "%2", "%25", "&#", "\\u", "&amp;", "www."),
    *("http://", "a@b.", "ssn ", "mrn ", "mrn:", "123-45-", "(212) ", "DE89 ", "4111 ", "last 4 "),
    *("\u00e9", "\u200b", "\uff11", "AAAA", "deadbeef", "MTIz", "ssn1", "\u4e2d", "1,", "x.y/"),
]


@pytest.mark.parametrize("unit", UNITS)
def test_forms_end_soon(analyzer, unit):
    text = unit * (SIZE // len(unit))
    began = time.perf_counter()
    analyzer.analyze([text], OWN_ENTITIES)
    assert time.perf_counter() - began < SECONDS


LARGE = 100 * 1024
LARGE_UNITS = [
    *(
        ".",
        "1",
        "=",
        "%",
        "&",
        "<",
        "@",
        "+",
        "\\",
        "*",
        "`",
        "'+'",
        "=31",
        "U+0035",
        "one ",
        "1**",
    ),
    *(
        "123456789 ",
        "4111 ",
        "35 ",
        "(01)",
        "(212) ",
        "mrn 1234 ",
        "member id: 12-",
        "a@",
        "\u4e94",
    ),
    *("password is ", "eyJa.", "\U000e0041", "0x35,", "account ", "ID 1 ", "dot ", "card 4 ", "<a"),
]
PATTERNS = OWN_ENTITIES - {"AGE"}


@pytest.mark.parametrize("unit", LARGE_UNITS)
def test_large_texts_end_soon(analyzer, unit):
    _end_soon(analyzer, unit * (LARGE // len(unit)))


def test_large_noise_ends_soon(analyzer):
    noise = random.Random(7)
    for alphabet in (string.ascii_letters + string.digits + "+/", string.digits, "0123456789-. ()"):
        _end_soon(analyzer, "".join(noise.choices(alphabet, k=LARGE)))


def _end_soon(analyzer, text):
    analyzer.analyze(["warm 1"], PATTERNS)
    began = time.perf_counter()
    analyzer.analyze([text], PATTERNS)
    # Half a second on a free core; the machines of the tests are seldom free.
    assert time.perf_counter() - began < 4 * SECONDS


@pytest.mark.parametrize("unit", [".", "1", "a", "@", "1 ", "a.", "A1"])
def test_stock_forms_end_soon(analyzer, unit):
    text = unit * (SIZE // len(unit))
    analyzer.analyze(["warm 1"], STOCK_RECOGNIZERS.keys())
    began = time.perf_counter()
    analyzer.analyze([text], STOCK_RECOGNIZERS.keys())
    # All of Presidio's 23 together.
    assert time.perf_counter() - began < 8 * SECONDS


@pytest.mark.parametrize("unit", [".", "a", "a b ", "Aa1-"])
def test_the_model_ends_soon(analyzer, unit):
    text = unit * (SIZE // len(unit))
    analyzer.analyze(["Warm up here"], NER_ENTITIES)
    began = time.perf_counter()
    analyzer.analyze([text], NER_ENTITIES)
    assert time.perf_counter() - began < 4 * SECONDS


def test_time_grows_with_length_and_no_faster(analyzer):
    sentence = "On the record 536-90-4399 and a@b.example, call (212) 555-0123 & wait. "

    def seconds(size: int) -> float:
        text = sentence * (size // len(sentence))
        began = time.perf_counter()
        analyzer.analyze([text], OWN_ENTITIES)
        return time.perf_counter() - began

    small = min(seconds(32 * 1024) for _ in range(2))
    assert seconds(8 * 32 * 1024) < 8 * small * 3


# Each part by itself ----------------------------------------------------------------------

HOSTILE = [
    *(".", "1", " ", "@", "<", "%", "&", "=", "A", "\n", "-", "+/", "QUJD", ":::", "[[(", "{", "1\n"),
    *("a.a.a.", "1-1-1-", "MRN ", "Dr. ", "A. ", "name: ", "name: name:", "12 Main St ", "3/4/2020 "),
    *("ssn 1 ", "Maria Nguyen ", "Smith, ", "Jan 1 ", "(212) ", "St. ", "a@b.", "@a.", "http://a"),
    *("1<b>", "<!--", "&#1;", "'1'+", "=3", "+AD", "abcdefgh\n", "ff ", "ff.", '"a",', "|1|", "x=1&"),
    *("\u200b", "\uff11", "\u4e94", "e\u0301", "MSH|", "PID|", "ISA*", '{"a":', "last 4 ", "Van der "),
]  # fmt: skip
EACH = 8 * 1024
HALF = 50 * 1024


@pytest.mark.parametrize("entity", sorted(OWN_ENTITIES | NER_ENTITIES | STOCK_RECOGNIZERS.keys()))
def test_each_recogniser_ends_soon(entity):
    recogniser = finder(entity)
    if recogniser is None:
        pytest.skip("only a model finds it")
    list(recogniser.find("warm 1"))
    for unit in HOSTILE:
        text = unit * (EACH // len(unit))
        began = time.perf_counter()
        for start, end, _, _ in windows(text):
            list(recogniser.find(text[start:end]))
        # A window takes some milliseconds; one of catastrophe takes minutes.
        assert time.perf_counter() - began < SECONDS, unit


def _grows_with_length_and_no_faster(work):
    for unit in HOSTILE:
        small, large = (unit * (size // len(unit)) for size in (HALF, 2 * HALF))
        if _seconds(work, large) > SECONDS:
            # Slow is not yet more than linear.
            again = [_seconds(work, text) for text in (small, large, small, large)]
            assert min(again[1::2]) < 3.2 * min(again[::2]), unit
            assert min(again[1::2]) < 10 * SECONDS, unit


def _seconds(work, text):
    """Measure the processor's time, which others that run beside it do not add to."""
    # Not collected first: with the models in memory that takes longer than most of the work.
    gc.disable()
    try:
        began = time.process_time()
        work(text)
        return time.process_time() - began
    finally:
        gc.enable()


WHOLE = {
    "normalise": normalise,
    "decoded words": lambda text: list(decoded_words(text)),
    "escapes": lambda text: list(escapes(text)),
    "spelled": lambda text: list(spelled_digits(text)),
    "cells": lambda text: list(table_cells(text)),
    "rows": lambda text: list(table_rows(text)),
    "tables": lambda text: list(tables_in(text)),
    "prose": lambda text: list(prose(text)),
    "documents in prose": cuts,
    "inner fields": lambda text: list(inner_fields(text)),
    "media type": lambda text: read_media_type(f"text/plain; a={text}"),
    "URL": lambda text: UrlDocument(f"/{text}").rebuild({0: "X"}),
    "headers": lambda text: HeaderDocument([("a", text)]).rebuild({0: "X"}),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_sees_whole_texts_is_linear(name):
    _grows_with_length_and_no_faster(WHOLE[name])


ISA = (
    "ISA*00*          *00*          *ZZ*AAAAAAAAAAAAAAA*ZZ*BBBBBBBBBBBBBBB"
    "*240101*1200*^*00501*000000001*0*P*:~"
)
MSH = "MSH|^~\\&|A|B|C|D|20240101||ADT^A01|1|P|2.5\r"
PART = '--b\r\nContent-Disposition: form-data; name="'
PARSERS = {
    "text": ("text/plain", "", ""),
    "HTML": ("text/html", "", ""),
    "CSV": ("text/csv", "", ""),
    "JSON": ("application/json", '{"a":[', "]}"),
    "JSON lines": ("application/x-ndjson", "", ""),
    "form": ("application/x-www-form-urlencoded", "", ""),
    "XML": ("application/xml", "<a>", "</a>"),
    "XML attribute": ("application/xml", "<a b='", "'/>"),
    "C-CDA": ("application/xml", '<ClinicalDocument xmlns="urn:hl7-org:v3"><text>', "</text></ClinicalDocument>"),
    "RTF": ("application/rtf", "{\\rtf1 ", "}"),
    "HL7 v2 field": ("application/hl7-v2", f"{MSH}NTE|1||", "\r"),
    "HL7 v2 segments": ("application/hl7-v2", MSH, "\r"),
    "X12": ("application/edi-x12", ISA, "~IEA*1*000000001~"),
    "multipart": ("multipart/form-data; boundary=b", f'{PART}a"\r\n\r\n', "\r\n--b--"),
    "multipart header": ("multipart/form-data; boundary=b", PART, '"\r\n\r\nx\r\n--b--'),
    "FHIR narrative": ("application/fhir+json", '{"resourceType":"Patient","text":{"div":"<div>', '</div>"}}'),
    "PDF": ("application/pdf", "%PDF-1.4\n", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", PARSERS)
def test_every_parser_is_linear(name):
    kind, before, after = PARSERS[name]

    def work(text):
        with suppress(RedactionError):
            document = parse_document(kind, f"{before}{text}{after}".encode("utf-8", "replace"))
            for _ in joined_views(document.leaves):
                pass
            document.rebuild({len(document.leaves) - 1: "<X>"} if document.leaves else {})

    _grows_with_length_and_no_faster(work)


@pytest.mark.parametrize(
    "regex", ["(a+)+$", "(a|aa)+$", "(a*)*b", "([a-z]+)*@", "(.*a){12}", "(x+x+)+y"]
)
def test_recognisers_of_the_users_own_end_soon(analyzer, regex):
    item = {"name": "own", "supported_entity": "OWN", "patterns": [{"regex": regex, "score": 0.9}]}
    profile = profile_from([{"entities": {"OWN": "replace"}}], [item])
    for unit in ("a", "x", "aB"):
        began = time.perf_counter()
        analyzer.analyze([unit * (LARGE // len(unit)) + "!"], profile.search)
        assert time.perf_counter() - began < 4 * SECONDS, unit


@pytest.mark.parametrize(
    "text", ["." * 2_000, "a." * 2_000, "http://" + "." * 2_000, "1." * 2_000 + "x", "..a" * 1_000]
)
def test_what_keeps_presidios_own_url_recogniser_busy_ends_soon(analyzer, text):
    began = time.perf_counter()
    analyzer.analyze([text, f"see {text} and"], {"URL", "EMAIL_ADDRESS", "IP_ADDRESS"})
    assert time.perf_counter() - began < SECONDS
