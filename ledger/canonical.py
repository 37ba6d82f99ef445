"""Canonical JSON (RFC 8785) of a record: one text for one value, so that a hash means something."""

from collections.abc import Mapping

import orjson

from ledger.errors import RecordError

# orjson sorts keys by code point, RFC 8785 by UTF-16 unit; for ASCII keys these agree.
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_MAX_DEPTH = 32
_PLAIN = (str, int, bool, type(None))


def check_entry(entry: Mapping[str, object]) -> None:
    """Raise RecordError unless the entry holds only str, int, bool, null, list and dict."""
    for reserved in ("seq", "prev_hash"):
        if reserved in entry:
            raise RecordError(f"The log itself writes the field {reserved!r}: leave it out.")
    _check(entry, "", 0)


def canonical(value: Mapping[str, object]) -> bytes:
    """Serialise a checked mapping; raises RecordError for what has no canonical form."""
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError) as exc:
        # orjson's own text may quote nothing but types and limits; the value is not in it.
        raise RecordError(f"A record cannot be written as canonical JSON: {exc}.") from None


def _check(value: object, where: str, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise RecordError(f"The record nests deeper than {_MAX_DEPTH} levels at {where}.")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise RecordError(f"A field name under {where or 'the record'} is not ASCII text.")
            if type(item) not in _PLAIN:
                _check(item, f"{where}.{key}" if where else key, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            if type(item) not in _PLAIN:
                _check(item, f"{where}[]", depth + 1)
    elif not isinstance(value, str | int):  # StrEnum and its like get here
        raise RecordError(
            f"The field {where or 'record'} is a {type(value).__name__}; a record holds text, "
            "whole numbers, true/false, null, lists and objects only."
        )
