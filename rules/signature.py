"""Signatures of bundles in OPA's form: a JWT over the hash of every file, which a stock OPA checks.

Deterministic: RS256 over sorted files, so that the same bundle and key give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from rules.bundle import SIGNATURES, Bundle
from rules.errors import PolicyError, refused

ALGORITHM = "RS256"
"""Always ours, never what a signature says of itself."""

DEFAULT_KEY_ID = "aegis"

_BITS = 3072
_LEAST_BITS = 2048
_HASH = "SHA-256"
_STRUCTURED = ("data.json", ".manifest")
_MAKE_ANEW = "Compile and sign the policy again, or ask whoever gave you the bundle."


def new_signing_key() -> bytes:
    """Make a private key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_key_of(private_pem: bytes) -> bytes:
    """Give the public half of a private key as PEM; raises `PolicyError` for what is no key."""
    return (
        _private(private_pem)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def sign(
    bundle: Bundle, private_pem: bytes, kid: str = DEFAULT_KEY_ID, *, scope: str = ""
) -> Bundle:
    """Give the bundle with a signature of all its files; its revision stays as it was.

    A scope must be the one that whoever verifies is set to; a stock OPA is set to none.
    """
    files = {path: data for path, data in bundle.files.items() if path != SIGNATURES}
    payload: dict[str, Any] = {
        "files": [
            {"name": path, "hash": _digest(path, files[path]), "algorithm": _HASH}
            for path in sorted(files)
        ]
    }
    if scope:
        payload["scope"] = scope
    token = jwt.encode(payload, _private(private_pem), ALGORITHM, headers={"kid": kid})
    document = json.dumps({"signatures": [token]}, separators=(",", ":"))
    return Bundle(bundle.revision, {**files, SIGNATURES: document.encode()}, bundle.data)


def key_id(bundle: Bundle) -> str | None:
    """Give the name of the key that a bundle says it is signed with, None for an unsigned one."""
    if SIGNATURES not in bundle.files:
        return None
    try:
        header = jwt.get_unverified_header(_token(bundle.files[SIGNATURES], "bundle"))
    except (jwt.InvalidTokenError, PolicyError):
        return ""
    return str(header.get("kid", ""))


def verify(
    bundle: Bundle | bytes,
    public_pem: bytes,
    kid: str | None = None,
    *,
    scope: str = "",
    name: str = "bundle",
) -> None:
    """Check that a bundle is whole and signed by the key; raises `PolicyError` with the reason."""
    if isinstance(bundle, bytes):
        bundle = Bundle.from_bytes(bundle, name)
    if SIGNATURES not in bundle.files:
        raise refused(name, "the bundle is not signed", "Sign it, or take the one that was signed.")
    token = _token(bundle.files[SIGNATURES], name)
    payload = _payload(token, public_pem, kid, name)
    if payload.get("scope", "") != scope:
        raise refused(
            name, "it is signed for another scope than is wanted here", "Sign it for this one."
        )
    signed = dict(_signed_files(payload, name))
    for path, content in bundle.files.items():
        if path == SIGNATURES:
            continue
        if path not in signed:
            raise refused(name, f"the file {path} was added after the signature", _MAKE_ANEW)
        if _digest_or_none(path, content) != signed.pop(path):
            raise refused(name, f"the file {path} was changed after the signature", _MAKE_ANEW)
    for path in sorted(signed):
        raise refused(name, f"the file {path}, which was signed, is missing", _MAKE_ANEW)


def _token(content: bytes, name: str) -> str:
    try:
        document = json.loads(content)
        (token,) = document["signatures"]
    except (ValueError, TypeError, KeyError):
        token = None
    if not isinstance(token, str):
        raise refused(name, f"{SIGNATURES} does not hold one signature", _MAKE_ANEW)
    return token


def _payload(token: str, public_pem: bytes, kid: str | None, name: str) -> Mapping[str, Any]:
    key = _public(public_pem)
    try:
        header = jwt.get_unverified_header(token)
        found = header.get("kid")
        if kid is not None and found != kid:
            raise refused(
                name,
                f"it is signed by the key '{_short(found)}', not by '{kid}'",
                "Give the key that belongs to it, or take a bundle of your own.",
            )
        if header.get("alg") != ALGORITHM:
            raise refused(
                name, f"its signature is not {ALGORITHM}, which the key is for", _MAKE_ANEW
            )
        payload: Mapping[str, Any] = jwt.decode(
            token, key, algorithms=[ALGORITHM], options={"verify_aud": False}
        )
    except jwt.InvalidSignatureError:
        raise refused(
            name,
            "the signature was not made by this key, or was changed",
            "Give the key that belongs to it, or take a bundle of your own.",
        ) from None
    except jwt.InvalidTokenError as error:
        raise refused(
            name, f"its signature cannot be read ({type(error).__name__})", _MAKE_ANEW
        ) from None
    return payload


def _signed_files(payload: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    files = payload.get("files")
    seen: set[str] = set()
    for item in files if isinstance(files, list) else [None]:
        if not (
            isinstance(item, dict)
            and isinstance(item.get("name"), str)
            and isinstance(item.get("hash"), str)
            and item.get("algorithm") == _HASH
            and item["name"] not in seen
        ):
            raise refused(
                name, f"its signature does not say the {_HASH} of each file once", _MAKE_ANEW
            )
        seen.add(item["name"])
        yield item["name"], item["hash"]


def _digest_or_none(path: str, content: bytes) -> str | None:
    try:
        return _digest(path, content)
    except (ValueError, RecursionError):
        return None


def _digest(path: str, content: bytes) -> str:
    hasher = hashlib.sha256()
    if path.rpartition("/")[2] in _STRUCTURED:
        document = json.loads(
            content, parse_int=_Literal, parse_float=_Literal, parse_constant=_no_number
        )
        for piece in _walk(document):
            hasher.update(piece)
    else:
        hasher.update(content)
    return hasher.hexdigest()


class _Literal(str):
    """A number as it stands in the document."""

    __slots__ = ()


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _walk(value: Any) -> Iterator[bytes]:
    """Write a document as OPA hashes it: objects by sorted keys, everything else as Go writes it.

    Go sorts texts by their bytes, which is the order of code points.
    """
    if isinstance(value, dict):
        yield b"{"
        for number, key in enumerate(sorted(value)):
            if number:
                yield b","
            yield _text(key)
            yield b":"
            yield from _walk(value[key])
        yield b"}"
    elif isinstance(value, list):
        yield b"["
        for number, item in enumerate(value):
            if number:
                yield b","
            yield from _walk(item)
        yield b"]"
    elif isinstance(value, _Literal):
        yield value.encode()
    elif isinstance(value, str):
        yield _text(value)
    else:
        yield json.dumps(value).encode()


_ESCAPED = re.compile(r'["\\\x00-\x1f\u2028\u2029]|[\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def _text(value: str) -> bytes:
    return b'"' + _ESCAPED.sub(_escape, value).encode() + b'"'


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return _SHORT.get(character) or f"\\u{ord(character):04x}"


def _private(pem: bytes) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _LEAST_BITS:
        raise refused(
            "key",
            f"this is no private RSA key of {_LEAST_BITS} bits or more without a password",
            "Give it as PEM.",
        )
    return key


def _public(pem: bytes) -> rsa.RSAPublicKey:
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise refused(
            "key",
            f"this is no public RSA key of {_LEAST_BITS} bits or more",
            "Give it as PEM, such as policy.pub.",
        )
    return key


def _short(value: Any) -> str:
    text = "".join(character for character in str(value) if character.isprintable())
    return text if len(text) <= 60 else text[:57] + "..."
