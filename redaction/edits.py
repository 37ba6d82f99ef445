"""The shape of a change to a text."""

from __future__ import annotations

Edit = tuple[int, int, str]
"""Start, end and what is to stand there."""
