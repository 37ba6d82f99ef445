"""Letters and digits covered; what stands between them stays and shows the value's form."""

from __future__ import annotations

from redaction.canonical import plain
from redaction.operator_spec import Operator


def mask(operator: Operator, value: str) -> str:
    """Cover a value but for its last characters, of which never more than half stay."""
    # Of an escaped value the signs of its escapes would be left, which say nothing.
    text = plain(value)
    letters = [index for index, char in enumerate(text) if char.isalnum()]
    kept = min(operator.keep_last, len(letters) // 2)
    covered = set(letters[: len(letters) - kept])
    return "".join([operator.char if i in covered else char for i, char in enumerate(text)])
