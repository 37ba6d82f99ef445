"""AWS Signature Version 4 by its published algorithm, for a client that signs and a server that looks."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote

KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
_ALGORITHM = "AWS4-HMAC-SHA256"


def sign(
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    service: str = "execute-api",
    moment: str = "20260305T100000Z",
    unsigned_body: bool = False,
) -> dict[str, str]:
    """Give the headers of a signed request: all that were given, and those of the signature."""
    payload = "UNSIGNED-PAYLOAD" if unsigned_body else hashlib.sha256(body).hexdigest()
    signed = {name.lower(): value for name, value in headers.items()}
    signed |= {"x-amz-date": moment, "x-amz-content-sha256": payload}
    names = ";".join(sorted(signed))
    scope = f"{moment[:8]}/us-east-1/{service}/aws4_request"
    signature = _signature(method, target, signed, names, payload, scope, moment)
    credential = f"Credential={KEY_ID}/{scope}"
    signed["authorization"] = (
        f"{_ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
    )
    return signed


def holds(method: str, target: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Tell whether a request's signature and the hash of its body are right."""
    sent = {name.lower(): value for name, value in headers.items()}
    fields = dict(
        part.strip().split("=", 1)
        for part in sent["authorization"].removeprefix(_ALGORITHM).split(",")
    )
    _, _, scope = fields["Credential"].partition("/")
    payload = sent["x-amz-content-sha256"]
    if payload not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        return False
    names = fields["SignedHeaders"]
    expected = _signature(method, target, sent, names, payload, scope, sent["x-amz-date"])
    return hmac.compare_digest(expected, fields["Signature"])


def _signature(
    method: str,
    target: str,
    headers: Mapping[str, str],
    names: str,
    payload: str,
    scope: str,
    moment: str,
) -> str:
    path, _, query = target.partition("?")
    pairs = sorted(
        (quote(name, "-_.~"), quote(value, "-_.~"))
        for name, value in parse_qsl(query, keep_blank_values=True)
    )
    canonical = [
        method,
        quote(unquote(path), "/-_.~"),
        "&".join(f"{name}={value}" for name, value in pairs),
        *(f"{name}:{' '.join(headers[name].split())}" for name in names.split(";")),
        "",
        names,
        payload,
    ]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = b"AWS4" + SECRET.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = "\n".join([_ALGORITHM, moment, scope, digest])
    return hmac.digest(key, text.encode(), "sha256").hex()
