"""What was found in a leaf, kept under a keyed hash of its text: chats resend their history."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import OrderedDict

from redaction.field_names import entity_of_field
from redaction.findings import Finding
from redaction.plain_values import only_entities
from redaction.profile import Profile

MAX_FINDINGS = 1_000
"""Findings of one leaf that are still worth their memory."""


class SpanCache:
    """The findings of the most recently used leaves; holds digests and spans, never a text."""

    def __init__(self, entries: int) -> None:
        self._entries = entries
        self._spans: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()
        # Random per process, so that nobody can test digests for a value they guess.
        self._base = hashlib.blake2b(digest_size=16, key=secrets.token_bytes(32))

    def __len__(self) -> int:
        return len(self._spans)

    def _digest(self, profile: Profile, hint: str, text: str) -> bytes:
        digest = self._base.copy()
        # Lengths first, so that no hint can pass for the start of a text.
        digest.update(f"{profile.key}{len(hint)} {hint}{text}".encode("utf-8", "surrogatepass"))
        return digest.digest()

    def get(self, profile: Profile, hint: str, text: str) -> tuple[Finding, ...] | None:
        """Give what was found in this text, or None where it is not known."""
        key = self._digest(profile, hint, text)
        spans = self._spans.get(key)
        if spans is not None:
            self._spans.move_to_end(key)
        return spans

    def put(self, profile: Profile, hint: str, text: str, spans: tuple[Finding, ...]) -> None:
        """Remember what was found in this text, and forget the least recently used."""
        if len(spans) > MAX_FINDINGS:
            return
        self._spans[self._digest(profile, hint, text)] = spans
        if len(self._spans) > self._entries:
            self._spans.popitem(last=False)


_SHORT = 64
"""Characters up to which the look below is cheaper than the cache."""

# A digit or an at sign, what may decode to one, a run that may be base64 of one, or digits in
# words.
_DIGIT_OR_AT = re.compile(
    r"[0-9@%&\\\x80-\U0010ffff]|[A-Za-z+/_-]{11}"
    r"|(?i:zero|one|two|three|four|five|six|seven|eight|nine|oh)[\s,.;/-]"
).search

# A base64 run may decode to letters too, but itself has two letters or a digit.
_TWO_LETTERS = re.compile(r"[^\W_][^A-Za-z]*[^\W_]|[0-9@%&\\\x80-\U0010ffff]").search


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_PROTOCOL_WORDS = _set_of(
    """
    role user assistant system developer tool content text type model messages message function
    name arguments id object choices index parameters properties description string number integer
    boolean array required items enum input output stream temperature max_tokens tool_calls
    tool_call_id tools tool_choice auto none true false null stop value
    """
)
"""Keys and values of common APIs, which are nobody's name."""


def needs_analysis(text: str, profile: Profile, hint: str = "") -> bool:
    """Tell whether the text could hold an entity of the profile; False only where it cannot.

    `hint` are the names of the fields it stands in.
    """
    if len(text) > _SHORT:
        return True
    only = only_entities(text)
    if only is not None and not profile.recognizers and only.isdisjoint(profile.operators):
        return entity_of_field(hint, text) is not None
    if text in _PROTOCOL_WORDS or not profile.operators:
        return False
    if profile.needs_digit_or_at:
        return _DIGIT_OR_AT(text) is not None
    return _TWO_LETTERS(text) is not None
