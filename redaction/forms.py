"""What a text must look like where it stands, so that a document stays valid without its values.

    number                          a JSON number
    date  datetime  instant  time   of FHIR and ISO 8601, a date as exact as is known
    compact-date  compact-datetime  compact-time      of HL7 v2, X12 and DICOM
    id  reference  uri  email       of FHIR; an id is the same in all references to it
    token  text1  digits  base64    no white space; not empty; as many digits; RFC 4648
    uid  age                        of DICOM
    boolean                         true or false, which name nobody, and stay

An empty form, or one that is not known, takes any text.
"""

from __future__ import annotations

import base64
import datetime
import re
import uuid
from collections.abc import Callable, Sequence

from redaction.canonical import Stream, keyed

RUN = 4
"""Letters or digits in a row that a stand-in never shares with what it stands for."""

_YEAR = r"(?!0000)[0-9]{4}"
_MONTH, _DAY = r"(?:0[1-9]|1[0-2])", r"(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]{1,9})?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"
_HOURS = r"(?:[01][0-9]|2[0-3])"
_SHORT_CLOCK = rf"{_HOURS}[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{{1,6}})?)?"
_FULL = rf"{_YEAR}-{_MONTH}-{_DAY}T{_CLOCK}{_ZONE}"

PATTERNS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "number": r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?",
        "date": rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?",
        "datetime": rf"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_CLOCK}{_ZONE})?)?)?",
        "instant": _FULL,
        "time": _CLOCK,
        "compact-date": rf"{_YEAR}(?:{_MONTH}{_DAY}?)?",
        "compact-datetime": rf"{_YEAR}{_MONTH}{_DAY}(?:{_SHORT_CLOCK})?(?:[+-][0-9]{{4}})?",
        "compact-time": _SHORT_CLOCK,
        "id": r"[A-Za-z0-9.-]{1,64}",
        "reference": r"(?:[a-z]{2,10}://[^\s/]++/(?:[^\s/]++/){0,20})?[A-Z][A-Za-z]{1,63}"
        r"/[A-Za-z0-9.-]{1,64}(?:/_history/[A-Za-z0-9.-]{1,64})?|#[A-Za-z0-9.-]{0,64}"
        r"|urn:(?:uuid|oid):[0-9A-Za-z.-]{1,64}",
        "uri": r"[A-Za-z][A-Za-z0-9+.-]{0,30}:[^\s<>\"{}|\\^`]++",
        "email": r"[A-Za-z0-9._%+'-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}",
        "token": r"\S++",
        "text1": r"(?s:.*\S.*)",
        "digits": r"[0-9]++",
        "base64": r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
        "uid": r"(?:0|[1-9][0-9]*+)(?:\.(?:0|[1-9][0-9]*+))*+",
        "age": r"[0-9]{3}[DWMY]",
        "boolean": r"true|false",
    }.items()
}

DATE_FORMS = frozenset({"date", "datetime", "instant", "compact-date", "compact-datetime"})
"""Forms that begin with a year."""

_LEAST_LAST = "28"
"""The last day that every month has."""

_UID_CHARS = 64
_NUMBER_DIGITS = 20
_HEX = 16
_SIGNS = re.compile(r"[\W_]+")
_SEPARATED = re.compile(r"[0-9][0-9 ./()-]*+")
_ISO = re.compile(rf"({_YEAR})(?:-?({_MONTH})(?:-?({_DAY}))?)?(?:T.*)?")
_REFERENCE = re.compile(r"(?:\S*/)?([A-Z][A-Za-z]{1,63})/([^/\s]++)(/_history/\S*+)?\s*")


def matches(form: str, text: str) -> bool:
    """Tell whether a text has a form."""
    pattern = PATTERNS.get(form)
    if pattern is None:
        return True
    if pattern.fullmatch(text) is None:
        return False
    if form in DATE_FORMS:
        return _is_day(text, form)
    return form != "uid" or len(text) <= _UID_CHARS


def fit(form: str, new: str, old: str, key: bytes) -> str:
    """Give the new text where it has the form, else one that has and says nothing of the old.

    What stands in for an operator's text is as much alike for equal values as that text is: the
    same for all that are replaced, different for each that is hashed. Ids, and what refers to
    them, get the same stand-in for the same id. Never raises.
    """
    if form not in PATTERNS or new == old:
        return new
    if matches(form, new) and (form != "digits" or len(new) == len(old)):
        return new
    return _STAND_INS[form](new, old, key)


def shares_run(text: str, other: str) -> bool:
    """Tell whether two texts share a run of letters and digits, whatever stands between them."""
    one, two = _bare(text), _bare(other)
    runs = {two[index : index + RUN] for index in range(len(two) - RUN + 1)}
    return any(one[index : index + RUN] in runs for index in range(len(one) - RUN + 1))


def _bare(text: str) -> str:
    return _SIGNS.sub("", text.casefold())


def _is_day(text: str, form: str) -> bool:
    """Tell whether a text that has the form of a date is a day of the calendar, or no day."""
    compact = form.startswith("compact")
    day = text[6:8] if compact else text[8:10]
    return day <= _LEAST_LAST or _exists(text[:4], text[4:6] if compact else text[5:7], day)


def _exists(year: str, month: str, day: str) -> bool:
    try:
        datetime.date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _first(candidates: Sequence[str], old: str) -> str:
    """Give the first candidate that shares nothing with the old text."""
    for candidate in candidates:
        if not shares_run(candidate, old) and candidate != old:
            return candidate
    return candidates[0]


def _digits(count: int, new: str, old: str, key: bytes, form: str, first: str = "") -> str:
    stream = Stream(key, "form", form, new, str(count))
    made = ""
    # Of very many digits some are always alike.
    for _ in range(100 if count <= 64 else 1):
        head = first[stream.below(len(first))] if first and count > 1 else ""
        made = head + stream.like("0" * (count - len(head)))
        if not shares_run(made, old) and made != old:
            return made
    return made


def _count(text: str) -> int:
    return sum(char in "0123456789" for char in text)


def _number(new: str, old: str, key: bytes) -> str:
    if old != "0" and not any(char.isdigit() or char.islower() for char in new):
        # Of `<US_SSN>` or `*****`: other digits would pass for somebody's number.
        return "0"
    plain = new.strip().removesuffix("+")
    if plain != old and matches("number", plain) and not shares_run(plain, old):
        return plain
    count = min(max(_count(old), 1), _NUMBER_DIGITS)
    bare = "".join(char for char in new if char in "0123456789")
    if _SEPARATED.fullmatch(new) and len(bare) == count and bare[0] != "0":
        return bare
    return _digits(count, new, old, key, "number", "123456789")


def _same_digits(new: str, old: str, key: bytes) -> str:
    bare = "".join(char for char in new if char in "0123456789")
    if _SEPARATED.fullmatch(new) and len(bare) == len(old):
        return bare
    return _digits(len(old) or 1, new, old, key, "digits")


def _partial(new: str) -> tuple[str, str, str] | None:
    """Read what an operator left of a date: a year, a month, a day."""
    found = _ISO.fullmatch(new.strip())
    if found is None or (found[3] and not _exists(found[1], found[2], found[3])):
        return None
    return found[1], found[2] or "", found[3] or ""


_NO_YEARS = ("1900", "1899", "1888")
"""Years that say that there is none, for dates that must have one."""


def _date(new: str, old: str, key: bytes) -> str:
    known = _partial(new)
    return "-".join(part for part in known if part) if known else _first(_NO_YEARS, old)


def _instant(new: str, old: str, key: bytes) -> str:
    known = _partial(new)
    if known:
        return f"{known[0]}-{known[1] or '01'}-{known[2] or '01'}T00:00:00Z"
    return _first(("1900-01-01T00:00:00Z", "1899-02-02T12:12:12Z", "1888-03-03T23:23:23Z"), old)


def _compact_date(new: str, old: str, key: bytes) -> str:
    known = _partial(new)
    if known:
        return f"{known[0]}{known[1] or '01'}{known[2] or '01'}"
    return _first([f"{year}0101" for year in _NO_YEARS] + ["18880202", "17770303"], old)


def _time(new: str, old: str, key: bytes) -> str:
    return _first(("00:00:00", "12:12:12", "23:23:23"), old)


def _compact_time(new: str, old: str, key: bytes) -> str:
    wide = _count(old) > 4
    return _first(("000000", "121212", "232323") if wide else ("0000", "1212", "2323"), old)


def _hidden(key: bytes, old: str) -> str:
    for attempt in range(10):
        made = keyed(key, "form", "id", old, *(["again"] * attempt)).hex()[:_HEX]
        if not shares_run(made, old):
            break
    return f"r-{made}"


def _id(new: str, old: str, key: bytes) -> str:
    return _hidden(key, old.strip())


def _reference(new: str, old: str, key: bytes) -> str:
    found = _REFERENCE.fullmatch(old)
    if found is not None:
        # The server's name goes: it may be an address that names somebody.
        return f"{found[1]}/{_hidden(key, found[2])}"
    if old.startswith("#"):
        return f"#{_hidden(key, old[1:].strip())}"
    return _uri(new, old, key)


def _uri(new: str, old: str, key: bytes) -> str:
    for attempt in range(10):
        made = uuid.UUID(bytes=keyed(key, "form", "uri", old, str(attempt))[:16], version=4)
        if not shares_run(str(made), old):
            break
    return f"urn:uuid:{made}"


def _email(new: str, old: str, key: bytes) -> str:
    stream = Stream(key, "form", "email", new)
    hosts = ("example.com", "example.org", "host.invalid")
    return _first([f"r-{stream.hexadecimal(12)}@{host}" for host in hosts], old)


def _token(new: str, old: str, key: bytes) -> str:
    return re.sub(r"\s+", "_", new.strip()) or "-"


def _text1(new: str, old: str, key: bytes) -> str:
    return "-"


def _base64(new: str, old: str, key: bytes) -> str:
    return _first([base64.b64encode(word).decode() for word in (b"redacted", b"\0" * 6, b"?")], old)


def _uid(new: str, old: str, key: bytes) -> str:
    made = ""
    for attempt in range(10):
        number = int.from_bytes(keyed(key, "form", "uid", old, str(attempt))[:16], "big")
        # The root of identifiers made from a UUID (DICOM PS3.5, B.2).
        made = f"2.25.{number}"
        if not shares_run(made, old):
            break
    return made


def _age(new: str, old: str, key: bytes) -> str:
    found = re.fullmatch(r"([0-9]{1,3})\+?(?:[ -].*)?", new.strip())
    if found is not None:
        return f"{int(found[1]):03}Y"
    return _first(("000Y", "001Y"), old)


def _boolean(new: str, old: str, key: bytes) -> str:
    return old if old in ("true", "false") else "false"


_STAND_INS: dict[str, Callable[[str, str, bytes], str]] = {
    "number": _number,
    "date": _date,
    "datetime": _date,
    "instant": _instant,
    "time": _time,
    "compact-date": _compact_date,
    "compact-datetime": _compact_date,
    "compact-time": _compact_time,
    "id": _id,
    "reference": _reference,
    "uri": _uri,
    "email": _email,
    "token": _token,
    "text1": _text1,
    "digits": _same_digits,
    "base64": _base64,
    "uid": _uid,
    "age": _age,
    "boolean": _boolean,
}
