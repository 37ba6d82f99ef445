"""Bodies that nobody can read: how much of them a destination takes, as policies write it."""

from __future__ import annotations

from rules.units import size

ANY_SIZE = -1
"""The bound of a destination that takes any."""

_OF_LIMITS = "limits.opaque_bodies"
_PREFIX, _SUFFIX = "destination:", "/opaque_bodies"


def opaque_bound(written: int | str) -> int:
    """Give `allow`, `deny` or a size such as 64KB as the bytes that may go."""
    return (
        {"allow": ANY_SIZE, "deny": 0}[written] if written in ("allow", "deny") else size(written)
    )


def opaque_rule(destination: str | None) -> str:
    """Name the rule that refuses: the destination's own, else that of all."""
    return _OF_LIMITS if destination is None else f"{_PREFIX}{destination}{_SUFFIX}"


def is_opaque_rule(rule: str) -> bool:
    """Tell whether a rule is one that refuses bodies that nobody can read."""
    return rule == _OF_LIMITS or (rule.startswith(_PREFIX) and rule.endswith(_SUFFIX))


def opaque_message(bound: int) -> str:
    """Say why such a body was refused and how to mend it."""
    much = f"no more than {bound} bytes of that" if bound else "none of that"
    return (
        "The body, or a part of it, is in a binary format that cannot be inspected, and the "
        f"policy lets {much} go to this destination. Send it as JSON, a form or text, or let the "
        "policy's owner change `opaque_bodies`."
    )
