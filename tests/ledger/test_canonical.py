import enum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ledger import RecordError
from ledger.canonical import canonical, check_entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(max_codepoint=127))
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20
)


@given(st.dictionaries(KEYS.filter(lambda k: k not in ("seq", "prev_hash")), VALUES))
def test_agrees_with_rfc_8785(entry: dict[str, Any]) -> None:
    check_entry(entry)
    assert canonical(entry) == rfc8785.dumps(entry)


class Effect(enum.StrEnum):
    DENY = "deny"


def test_text_enums_are_their_text() -> None:
    entry = {"effect": Effect.DENY, "list": (Effect.DENY,)}
    check_entry(entry)
    assert canonical(entry) == b'{"effect":"deny","list":["deny"]}'


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"timing_us": {"decide": 1.5}}, "timing_us.decide is a float"),
        ({"tools": [1.5]}, "tools.. is a float"),
        ({"digest": b"raw"}, "digest is a bytes"),
        ({"when": {1, 2}}, "when is a set"),
        ({"a": {1: 2}}, "field name under a is not ASCII"),
        ({"größe": 1}, "field name under the record is not ASCII"),
        ({"seq": 4}, "itself writes the field 'seq'"),
        ({"prev_hash": ""}, "itself writes the field 'prev_hash'"),
    ],
)
def test_refuses_what_has_no_one_form(entry: Any, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        check_entry(entry)


@pytest.mark.parametrize("entry", [{"n": 2**53}, {"n": -(2**53)}, {"s": "\ud800"}])
def test_refuses_values_out_of_range_without_quoting_them(entry: Any) -> None:
    check_entry(entry)
    with pytest.raises(RecordError) as caught:
        canonical(entry)
    assert "9007199254740992" not in str(caught.value)


def test_refuses_endless_nesting() -> None:
    entry: dict[str, Any] = {}
    entry["self"] = entry
    with pytest.raises(RecordError, match="nests deeper"):
        check_entry(entry)
