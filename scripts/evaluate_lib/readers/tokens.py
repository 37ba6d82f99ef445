"""Tokens with tags (BIO, BILOU, IOBES or bare labels) as a text with spans."""

from __future__ import annotations

import re
from collections.abc import Sequence

from scripts.evaluate_lib.model import Example, Span
from scripts.evaluate_lib.readers.spans import Place

_TAG = re.compile(r"([BIOLUESM])[-_](.+)")
_TIGHT_BEFORE = frozenset(".,;:!?)]}%'’\"")
_TIGHT_AFTER = frozenset("([{$#")


def example_of_tokens(
    name: str, tokens: Sequence[str], tags: Sequence[str], gaps: object, place: Place
) -> Example:
    """Put tokens together, with the given white space between them or as one would write it."""
    if isinstance(gaps, list) and len(gaps) != len(tokens):
        raise place.bad("there are not as many gaps as tokens.")
    pieces: list[str] = []
    spans: list[Span] = []
    position = 0
    previous = ""
    for index, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        gap = gaps[index - 1] if isinstance(gaps, list) and index else _gap(previous, token)
        space = (" " if gap else "") if index else ""
        start = position + len(space)
        end = start + len(token)
        pieces += [space, token]
        position = end
        prefix, label = _split(tag)
        if label:
            goes_on = prefix in "ILEM" and spans and tags[index - 1] not in ("O", "")
            if goes_on and spans[-1].label == label and prefix != "":
                spans[-1] = Span(spans[-1].start, end, label)
            else:
                spans.append(Span(start, end, label))
        previous = token
    return Example(name, "".join(pieces), tuple(s for s in spans if s.end > s.start))


def _split(tag: str) -> tuple[str, str]:
    if tag in ("O", "", "_"):
        return "", ""
    match = _TAG.fullmatch(tag)
    # A bare label says nothing of where a span begins: like tags that touch are one.
    return (match[1], match[2]) if match else ("I", tag)


def _gap(previous: str, token: str) -> bool:
    return bool(previous) and previous[-1] not in _TIGHT_AFTER and token[:1] not in _TIGHT_BEFORE
