"""Identifiers in disguise, and data that only looks like one."""

from __future__ import annotations

import base64
import gzip
import hashlib
import random
import urllib.parse
import zlib
from collections.abc import Callable

import pytest

NUMBER, BARE = "536-90-4399", "536904399"
DIGITS = "0123456789"


def _mapped(signs: str) -> Callable[[str], str]:
    return lambda text: text.translate(dict(zip(map(ord, DIGITS), signs, strict=True)))


def _each(form: str, joint: str = "") -> Callable[[str], str]:
    return lambda text: joint.join(form.format(ord(char)) for char in text)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


DISGUISES: dict[str, Callable[[str], str]] = {
    "full width": _mapped("\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19"),
    "Arabic": _mapped("\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669"),
    "Devanagari": _mapped("\u0966\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e\u096f"),
    "mathematical": _mapped("".join(chr(0x1D7CE + n) for n in range(10))),
    "circled": _mapped("\u24ea\u2460\u2461\u2462\u2463\u2464\u2465\u2466\u2467\u2468"),
    "superscript": _mapped("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"),
    "subscript": _mapped("\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089"),
    "keycaps": lambda text: "".join(c + "\ufe0f\u20e3" if c.isdigit() else c for c in text),
    "zero width space": "\u200b".join,
    "word joiner": "\u2060".join,
    "soft hyphen": "\u00ad".join,
    "variation selector": "\ufe0f".join,
    "grapheme joiner": "\u034f".join,
    "combining accent": "\u0301".join,
    "bidi isolates": "\u2066".join,
    "right to left override": lambda text: f"\u202e{text}\u202c",
    "en dash": lambda text: text.replace("-", "\u2013"),
    "minus sign": lambda text: text.replace("-", "\u2212"),
    "no-break space": lambda text: text.replace("-", "\u00a0"),
    "thin space": lambda text: text.replace("-", "\u2009"),
    "middle dot": lambda text: text.replace("-", "\u00b7"),
    "emoji between": lambda text: "\U0001f525".join(text.replace("-", "")),
    "percent": _each("%{:02X}"),
    "percent twice": lambda text: urllib.parse.quote(_each("%{:02X}")(text)),
    "percent u": _each("%u{:04X}"),
    "HTML decimal": _each("&#{};"),
    "HTML hexadecimal": _each("&#x{:x};"),
    "JSON escapes": _each("\\u{:04x}"),
    "hexadecimal escapes": _each("\\x{:02x}"),
    "octal escapes": _each("\\{:03o}"),
    "long escapes": _each("\\U{:08x}"),
    "code points": _each("U+{:04X}", " "),
    "quoted-printable": _each("={:02X}"),
    "quoted-printable dashes": lambda text: text.replace("-", "=2D"),
    "soft line end": lambda text: text[:5] + "=\r\n" + text[5:],
    "UTF-7": lambda text: "+" + _base64(text.encode("utf-16-be")).rstrip("=") + "-",
    "base64": lambda text: _base64(text.encode()),
    "base64 without padding": lambda text: _base64(text.encode()).rstrip("="),
    "base64 of bare digits": lambda text: _base64(text.replace("-", "").encode()),
    "base64 of a sentence": lambda text: _base64(f"the ssn is {text} ok".encode()),
    "base64 of base64": lambda text: _base64(_base64(f"ssn {text}".encode()).encode()),
    "base64 of UTF-16": lambda text: _base64(text.encode("utf-16-le")),
    "base64 of gzip": lambda text: _base64(gzip.compress(f"the ssn is {text}".encode())),
    "base64 of zlib": lambda text: _base64(zlib.compress(f"the ssn is {text}".encode())),
    "percent of base64": lambda text: urllib.parse.quote(_base64(text.encode())),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal of base64": lambda text: _base64(text.encode()).encode().hex(),
    "hexadecimal with spaces": lambda text: text.encode().hex(" "),
    "hexadecimal with colons": lambda text: text.encode().hex(":"),
    "hexadecimal list": _each("0x{:02x}", ", "),
    "decimal list": _each("{}", ", "),
    "octal list": _each("{:03o}", " "),
    "binary": _each("{:08b}", " "),
    "bold digits": lambda text: "**".join(text.replace("-", "")),
    "code spans": lambda text: "-".join(f"`{part}`" for part in text.split("-")),
    "HTML comments": lambda text: text.replace("-", "<!-- x -->-"),
    "inline tags": lambda text: "".join(f"<b>{char}</b>" for char in text),
    "unknown tags": lambda text: "-".join(f"<q a='1'>{part}</q>" for part in text.split("-")),
    "strings joined": lambda text: " + ".join(f'"{part}"' for part in (text[:4], text[4:])),
    "slashes": lambda text: text.replace("-", "/"),
    "underscores": lambda text: text.replace("-", "_"),
    "double spaces": lambda text: text.replace("-", "  "),
    "line ends": lambda text: text.replace("-", "\n"),
    "O for 0": lambda text: text.replace("0", "O"),
    "spread": lambda text: " ".join(text),
}
# These cannot keep anything of the number's form but the digits.
SPELLED = [
    "five three six nine zero four three nine nine",
    "five three six dash nine zero dash four three nine nine",
    "five-three-six, nine-zero, four-three-nine-nine",
    "five 3 six nine 0 four three 9 nine",
    "five three six nine zero four three double nine",
    "five three six nine oh four three nine nine",
    "five thirty-six ninety forty-three ninety-nine",
    "five hundred thirty-six ninety forty-three ninety-nine",
    "cinco tres seis nueve cero cuatro tres nueve nueve",
    "f\u00fcnf drei sechs neun null vier drei neun neun",
    "cinq trois six neuf z\u00e9ro quatre trois neuf neuf",
    "\u4e94\u4e09\u516d\u4e5d\u96f6\u56db\u4e09\u4e5d\u4e5d",
]


@pytest.mark.parametrize("name", DISGUISES)
def test_reads_a_number_in_disguise_and_takes_all_of_it(find, name):
    disguised = DISGUISES[name](NUMBER)
    text = f"It is {disguised} indeed"
    found = [value for value, _ in find(text, "US_SSN")]
    assert found
    covered = max(found, key=len)
    # Marks at the very edge of the number say nothing.
    assert len(covered) >= len(disguised.strip("<>/bqa='1`+\" \u202e\u202c\ufe0f\u20e3")) - 3


@pytest.mark.parametrize("words", SPELLED)
def test_reads_digits_in_words(find, words):
    assert (words, "US_SSN") in find(f"my ssn: {words}.", "US_SSN")


@pytest.mark.parametrize(
    "text",
    [
        "ssn 5.3.6.9.0.4.3.9.9",
        "ssn 5,3,6,9,0,4,3,9,9",
        "ssn\n5\n3\n6\n9\n0\n4\n3\n9\n9",
        "5 3 6 9 0 4 3 9 9",
        "ssn 53S-9O-4E99".replace("E", "3"),
        "my ssn reversed is 9934-09-635",
        "\u0405\u0405N 536904399",
    ],
)
def test_reads_digits_that_are_spread_or_look_like_letters(find, text):
    assert find(text, "US_SSN")


def test_reads_what_is_smuggled_in_invisible_characters(find):
    tags = "".join(chr(0xE0000 + ord(char)) for char in f"ssn {NUMBER}")
    assert find(f"A flag\U0001f3f4{tags} and no more", "US_SSN")
    selectors = "".join(chr(0xE0100 + ord(char) - 16) for char in f"ssn {NUMBER}")
    assert find(f"A smile\U0001f600{selectors} and no more", "US_SSN")


@pytest.mark.parametrize(
    "name",
    [
        *("percent", "HTML decimal", "JSON escapes", "hexadecimal escapes", "quoted-printable"),
        *("base64", "base64 of base64", "base64 of gzip", "base32", "hexadecimal", "binary"),
        *("zero width space", "variation selector", "UTF-7", "decimal list"),
    ],
)
@pytest.mark.parametrize(
    ("plain", "entity"),
    [("john.smith@example.com", "EMAIL_ADDRESS"), ("MRN: 44881299", "MEDICAL_RECORD_NUMBER")],
)
def test_reads_other_identifiers_in_disguise(find, name, plain, entity):
    assert find(f"It is {DISGUISES[name](plain)} indeed", entity)


def test_reads_letters_of_other_alphabets(find):
    assert find("\u0455mith@ex\u0430mple.com", "EMAIL_ADDRESS")
    assert find("\U0001d40c\U0001d411\U0001d40d: 44881299", "MEDICAL_RECORD_NUMBER")
    assert find("\U0001f17c\U0001f181\U0001f17d: 44881299", "MEDICAL_RECORD_NUMBER")


_RANDOM = random.Random(4399)
_NOISE = _RANDOM.randbytes(600)

HARMLESS = {
    "hashes": " ".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(20)),
    "commits": " ".join(hashlib.sha1(bytes([n])).hexdigest() for n in range(20)),
    "UUIDs": " ".join(
        f"{_RANDOM.getrandbits(32):08x}-{_RANDOM.getrandbits(16):04x}-4a1b-8c2d-"
        f"{_RANDOM.getrandbits(48):012x}"
        for _ in range(20)
    ),
    "a picture": "data:image/png;base64," + _base64(b"\x89PNG\r\n\x1a\n" + _NOISE),
    "compressed noise": _base64(gzip.compress(_NOISE)),
    "a hexadecimal dump": "\n".join(_NOISE[n : n + 16].hex(" ") for n in range(0, 320, 16)),
    "minified code": (
        '!function(e,t){"object"==typeof exports?t(exports):t((e=e||self).x={})}(this,'
        "function(e){var t=1e9,n=123456,r=.5*t|0;for(var i=0;i<256;i++)e[i]=i%2?t<<3:n>>>1;});"
    ),
    "Markdown": "**one** and `two` or *three*: 1. first 2. second | 3 | 4 |",
    "mathematics": "10\u00d720\u00d730, 5\u00b0, x\u00b2+y\u00b2, 3\u20135 or 7\u20139 of 2019\u20132024",
    "HTML": "<table><tr><td>2024</td><td>12</td><td>345</td></tr></table>",
    "a count": "one, two, three, four! Then two or three of five, and one more.",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_leaves_encoded_data_that_hides_nothing(find, name):
    wanted = ["US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "MEDICAL_RECORD_NUMBER"]
    assert find(HARMLESS[name], *wanted) == []
