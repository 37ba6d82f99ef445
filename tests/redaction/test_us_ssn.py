from __future__ import annotations

import base64

import pytest

SEPARATED = [
    "536-90-4399",
    "536.90.4399",
    "536/90/4399",
    "536_90_4399",
    "536 90 4399",
    "536  90  4399",
    "536 - 90 - 4399",
    "536--90--4399",
    "536\u00a090\u00a04399",
    "536\u201390\u20134399",
    "536\u201190\u20114399",
    "536\u221290\u22124399",
    "536-90\n4399",
    "536\n90\n4399",
    "536\r\n90\r\n4399",
]
SAMPLES = ["078-05-1120", "123-45-6789", "000-12-3456", "666-12-3456", "987-65-4321"]
RESERVED = ["536-00-4399", "536-90-0000", "219-09-9999"]


@pytest.mark.parametrize("number", SEPARATED + SAMPLES + RESERVED)
@pytest.mark.parametrize("sentence", ["{}", "The record {} is here.", "id:{};", '"{}"', "({})"])
def test_finds_every_way_to_write_one(find, number, sentence):
    text = sentence.format(number)
    assert (number, "US_SSN") in find(text, "US_SSN")


@pytest.mark.parametrize(
    "text",
    [
        "536904399",
        "The value 536904399 was given.",
        "my ssn is 536904399",
        "536904399 is my ssn",
        "SSN536904399",
        "ssn:536904399",
        "ssn_536904399",
        "SSN#536904399",
        "social security number (536904399)",
        "no-one's tax id 900904399 here",
    ],
)
def test_finds_bare_digits(find, text):
    [(found, entity)] = find(text, "US_SSN")
    assert entity == "US_SSN"
    assert len(found) == 9
    assert found.isdecimal()


@pytest.mark.parametrize(
    "text", ["SSN ending in 6789", "the last four of my social are 6789", "ssn ends with 6789"]
)
def test_finds_the_last_four_where_they_are_called_so(find, text):
    assert find(text, "US_SSN") == [("6789", "US_SSN")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("my ssn is 536904399", "536904399"),
        ("536-90-4399 is my social security number", "536-90-4399"),
        ("ssn: 53690-4399", "53690-4399"),
        ("ssn 5 3 6 9 0 4 3 9 9", "5 3 6 9 0 4 3 9 9"),
        ("ssn on order 12345678: 536-90-4399", "536-90-4399"),
        ("s\u00e9curit\u00e9 sociale 536-90-4399", "536-90-4399"),
        ("seguro social 536-90-4399", "536-90-4399"),
        ("The order shipped. SSN is 536904399", "536904399"),
    ],
)
def test_is_sure_beside_words_for_it(find, text, value):
    assert (value, "US_SSN") in find(text, "US_SSN", threshold=0.8)


@pytest.mark.parametrize(
    "masked",
    [
        "***-**-4399",
        "XXX-XX-4399",
        "536-XX-4399",
        "536-90-XXXX",
        "xxxxx4399",
        "\u2022\u2022\u2022-\u2022\u2022-4399",
    ],
)
def test_finds_what_a_mask_leaves(find, masked):
    assert (masked, "US_SSN") in find(f"it was {masked}.", "US_SSN")


@pytest.mark.parametrize(
    "text",
    [
        "order number 536904399",
        "Order #536-90-4399",
        "invoice 536904399",
        "Part number 536-90-4399",
        "tracking 536904399",
        "routing number 021000021",
        "NPI 536904399, ZIP 021394307",
        "ZIP 02139-4307 near the SSN office",
        "$536904399 or 536904399 dollars",
        "536904399 bytes",
        "536,904,399 people",
        "1 2 3 4 5 6 7 8 9",
        "items 100 20 3000 4000",
        "phone 212-555-0123, ssn unknown",
    ],
)
def test_leaves_numbers_that_are_called_something_else(find, text):
    assert find(text, "US_SSN") == []


def test_a_word_belongs_to_the_number_behind_it(find):
    assert find("call 212555012 ssn: 536-90-4399", "US_SSN") == [("536-90-4399", "US_SSN")]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("536904399", "ssn"),
        ("5 3 6 9 0 4 3 9 9", "ssn"),
        ("536-904-399", "patient/socialSecurityNumber"),
        ("536904399", "patient_ssn"),
    ],
)
def test_believes_the_name_of_the_field(find, text, hint):
    assert find(text, "US_SSN", hint=hint, threshold=0.8) == [(text, "US_SSN")]


@pytest.mark.parametrize(
    "number",
    [
        "\uff15\uff13\uff16-\uff19\uff10-\uff14\uff13\uff19\uff19",
        "\u0665\u0663\u0666-\u0669\u0660-\u0664\u0663\u0669\u0669",
        "\U0001d7d3\U0001d7d1\U0001d7d4-\U0001d7d7\U0001d7ce-\U0001d7d2\U0001d7d1\U0001d7d7\U0001d7d7",
        "5\u200b3\u200b6-9\u200b0-4\u200b3\u200b9\u200b9",
        "536\u00ad-90\u00ad-4399",
        "536\u202e-90-\u202c4399",
        "5\ufe0f3\ufe0f6-90-4399",
        "536%2D90%2D4399",
        "%35%33%36%2D%39%30%2D%34%33%39%39",
        "536%252D90%252D4399",
        "536&#45;90&#x2d;4399",
        "536&ndash;90&ndash;4399",
        "&#53;&#51;&#54;-90-4399",
        "\\u0035\\u0033\\u0036-90-4399",
        "\\x35\\x33\\x36-90-4399",
        "%EF%BC%95%EF%BC%93%EF%BC%96-90-4399",
        base64.b64encode(b"536-90-4399").decode(),
        base64.b64encode(b"ssn is 536-90-4399 thanks").decode(),
        base64.urlsafe_b64encode("\u00fb\u00ff 536-90-4399".encode()).decode(),
        base64.b64encode(base64.b64encode(b"the ssn 536-90-4399")).decode(),
        b"536-90-4399".hex(),
        "0x" + b"ssn 536-90-4399".hex(),
    ],
)
def test_reads_what_is_disguised_and_covers_it_whole(find, number):
    text = f"It is {number} indeed"
    [(found, entity)] = find(text, "US_SSN")
    assert entity == "US_SSN"
    assert found == number


def test_reads_base64_wrapped_over_lines(find):
    plain = b"Nothing here but words and words and words. " * 3 + b"the ssn is 536-90-4399"
    wrapped = base64.encodebytes(plain).decode()
    assert find(wrapped, "US_SSN")


@pytest.mark.parametrize(
    "text",
    [
        "commit 3f2a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a",
        "commit 5369043990536904399053690439905369043990",
        "id 550e8400-e29b-41d4-a716-446655440000",
        "id 12345678-1234-1234-1234-123456789012",
        "at 2026-11-23T10:45:58.915471227Z",
        "1700000000",
        "1700000000123",
        "version 3.13.0, build 1.2.3-rc.4",
        "it costs $1,234,567.89 or 19.99",
        "pi is 3.141592653",
        "0.123456789",
        "for i in range(100): x[i] = 0xdeadbeef1",
        "call (212) 555-0123",
        "ZIP 02139-4307",
        "abc123456789def",
        "lic. public 1234",
        "10.0.0.1:8080",
        "port 443, 200 OK, 12 ms",
    ],
)
def test_leaves_other_numbers(find, text):
    assert find(text, "US_SSN") == []
