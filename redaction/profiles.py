"""Profiles: sets of entities that a policy names instead of listing them."""

from __future__ import annotations

import functools
from pathlib import Path

import yaml

from redaction.errors import RedactionError

FOLDER = Path(__file__).parent / "profiles"


@functools.cache
def profile_entities(name: str) -> tuple[str, ...]:
    """Give the entities of a profile; raises `RedactionError` for one that does not exist."""
    known = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    if name not in known:
        raise RedactionError(
            f"There is no redaction profile {name!r}. Profiles are: {', '.join(known)}."
        )
    document = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return tuple(document["entities"])
