"""Texts that keep a backtracking search busy: all must end soon."""

from __future__ import annotations

import random
import string
import time

import pytest

from redaction.entities import NER_ENTITIES, OWN_ENTITIES, STOCK_RECOGNIZERS

SECONDS = 0.5
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
