"""Word lists, and which half of a list a split may use."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

import yaml

TUNING, TESTING = "tuning", "testing"
SPLITS = (TUNING, TESTING)


def split_of(name: str) -> str:
    """Tell the split that a template or word belongs to, for ever, by a hash of its name."""
    return SPLITS[hashlib.sha256(name.encode()).digest()[0] & 1]


@functools.cache
def words(file: str, name: str) -> tuple[str, ...]:
    """Read a list; `~` stands for a blank within an entry."""
    data = _lists(file)
    return tuple(word.replace("~", " ") for word in data[name].split())


@functools.cache
def words_of(file: str, name: str, split: str | None) -> tuple[str, ...]:
    """Read the part of a list that a split may use; all of it without a split."""
    return tuple(word for word in words(file, name) if split is None or split_of(word) == split)


@functools.cache
def _lists(file: str) -> dict[str, str]:
    path = Path(__file__).with_name(f"{file}.yaml")
    return {str(key): str(value) for key, value in yaml.safe_load(path.read_text("utf-8")).items()}
