"""Values encrypted so that who has the key reads them: AES-SIV (RFC 5297), equal for equal values.

<US_SSN:enc:Zm9v...>      base64url of the synthetic IV and the ciphertext; the entity is bound
"""

from __future__ import annotations

import base64
import binascii
import functools
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from redaction.errors import RedactionError

_TOKEN = re.compile(r"<([A-Z][A-Z0-9_]{0,62}):enc:([A-Za-z0-9_-]{22,})>")
_KEY_BYTES = 64


def encrypt(entity: str, value: str, key: bytes) -> str:
    """Encrypt a value under a key derived from the installation's or the tenant's."""
    sealed = _cipher(key).encrypt(value.encode("utf-8", "surrogatepass"), [entity.encode()])
    return f"<{entity}:enc:{base64.urlsafe_b64encode(sealed).decode().rstrip('=')}>"


def decrypt(token: str, key: bytes) -> str:
    """Give the value that a token of `encrypt` stands for, under the same key.

    Raises `RedactionError` where the text is no such token, or one of another key.
    """
    match = _TOKEN.fullmatch(token.strip())
    if match is None:
        raise RedactionError("This is no encrypted value. It looks like <US_SSN:enc:...>.")
    entity, coded = match.groups()
    try:
        sealed = base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
        return _cipher(key).decrypt(sealed, [entity.encode()]).decode("utf-8", "surrogatepass")
    except (InvalidTag, ValueError, binascii.Error):
        raise RedactionError(
            "The value was encrypted under another key, or was changed. Use the key of the "
            "installation and the tenant that sent it."
        ) from None


def encrypted_tokens(text: str) -> list[str]:
    """Give the tokens of `encrypt` that stand in a text."""
    return [match[0] for match in _TOKEN.finditer(text)]


@functools.lru_cache(maxsize=64)
def _cipher(key: bytes) -> AESSIV:
    derived = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"aegis redaction encrypt 1")
    return AESSIV(derived.derive(key))
