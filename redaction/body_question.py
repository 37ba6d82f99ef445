"""What is asked of a worker about a whole body, and what it says of it.

Bodies of some size would hold the proxy's other exchanges up, so they go to a worker as they are.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from redaction.documents import Opaque
from redaction.job import Redacted
from redaction.operators import Scope
from redaction.rule_set import RuleSet


@dataclass(frozen=True, slots=True)
class BodyQuestion:
    """What is to become of a body; without a scope its entities are only named."""

    content_type: str
    rules: RuleSet
    opaque: Opaque = "refuse"
    scope: Scope | None = None
    salt: bytes = field(default=b"", repr=False)

    def as_json(self) -> dict[str, Any]:
        """Give plain data, as it goes to a worker process."""
        scope = self.scope
        return {
            "content_type": self.content_type,
            "rules": self.rules.text,
            "opaque": self.opaque,
            "salt": self.salt.hex(),
            "scope": None
            if scope is None
            else {
                "key": scope.key.hex(),
                "session": scope.session,
                "bumps": dict(scope.bumps),
                "today": scope.today.isoformat() if scope.today is not None else None,
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_json` gave."""
        scope = data["scope"]
        return cls(
            data["content_type"],
            RuleSet(data["rules"]),
            data["opaque"],
            None if scope is None else _scope(scope),
            bytes.fromhex(data["salt"]),
        )


def _scope(data: Mapping[str, Any]) -> Scope:
    today = data["today"]
    return Scope(
        key=bytes.fromhex(data["key"]),
        session=data["session"],
        bumps=data["bumps"],
        today=datetime.date.fromisoformat(today) if today is not None else None,
    )


def write_redacted(result: Redacted) -> dict[str, Any]:
    """Give plain data, all but the content."""
    return {
        "places": [[place, entity, count] for (place, entity), count in result.places.items()],
        "surrogates": {name: list(pair) for name, pair in result.surrogates.items()},
        "marks": result.marks,
    }


def read_redacted(data: Any, content: bytes) -> Redacted:
    """Read what a worker says of a body; raises `ValueError` where it is nothing of the kind."""
    match data:
        case {"places": list(places), "surrogates": dict(surrogates), "marks": list(marks)}:
            try:
                return Redacted(
                    content,
                    Counter({(str(place), str(entity)): int(n) for place, entity, n in places}),
                    {
                        str(name): (str(digest), str(old))
                        for name, (digest, old) in surrogates.items()
                    },
                    [str(mark) for mark in marks],
                )
            except (TypeError, ValueError):
                pass
    raise ValueError("malformed answer")
