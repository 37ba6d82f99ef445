"""Findings taken out of texts: replaced, covered, moved, encrypted, or given a stand-in."""

from __future__ import annotations

from redaction.operators.encrypt import decrypt, encrypt, encrypted_tokens
from redaction.operators.take_out import HASH_DIGITS, TakeOut, take_out
from redaction.scope import Scope, Taken
from redaction.surrogates import check_collisions

__all__ = [
    "HASH_DIGITS",
    "Scope",
    "TakeOut",
    "Taken",
    "check_collisions",
    "decrypt",
    "encrypt",
    "encrypted_tokens",
    "take_out",
]
