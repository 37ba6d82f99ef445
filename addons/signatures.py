"""Signatures and checksums that requests carry: what each of them covers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from mitmproxy import http


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a signature covers; `headers` are lower-case names, None for all that may count."""

    scheme: str
    """Its name for people."""
    path: bool
    body: bool
    headers: frozenset[str] | None = frozenset()

    def covers(self, name: str) -> bool:
        """Say whether a header is signed, by its lower-case name."""
        return self.headers is None or name in self.headers


Scheme = Callable[[http.Request], Coverage | None]

_SIGNED = re.compile(r"SignedHeaders=([A-Za-z0-9;_%-]{1,2000}+)", re.IGNORECASE)
_HMAC = re.compile(r"(?:[A-Z0-9]{2,12}+-)?(?:HMAC|ECDSA-P256|RSA)-?SHA[0-9]")
_COMPONENTS = re.compile(r'=[ \t]*\(((?:[ \t]*"[^"]{1,200}+"[^ \t"()]{0,200}+)*+)[ \t]*\)')
_COMPONENT = re.compile(r'"([^"]{1,200}+)"')
_CAVAGE = re.compile(r'\bheaders="([^"]{0,2000}+)"')

# Signed over the body alone, or over the body and a time.
_BODY_HEADERS = {
    "x-hub-signature": "X-Hub-Signature",
    "x-hub-signature-256": "X-Hub-Signature-256",
    "stripe-signature": "Stripe-Signature",
    "x-slack-signature": "X-Slack-Signature",
    "x-shopify-hmac-sha256": "X-Shopify-Hmac-Sha256",
    "x-line-signature": "X-Line-Signature",
    "webhook-signature": "Webhook-Signature",
    "svix-signature": "Svix-Signature",
    "x-signature": "X-Signature",
    "x-signature-256": "X-Signature-256",
    "x-signature-ed25519": "X-Signature-Ed25519",
    "x-hmac-signature": "X-HMAC-Signature",
    "x-jws-signature": "X-JWS-Signature",
    "paypal-transmission-sig": "PayPal-Transmission-Sig",
    "x-square-hmacsha256-signature": "X-Square-HmacSha256-Signature",
}
_ALL_HEADERS = {"x-twilio-signature": "X-Twilio-Signature"}
"""Those that cover the URL, too."""


def coverages(request: http.Request) -> Iterator[Coverage]:
    """Give what each signature of a request covers."""
    for scheme in _SCHEMES:
        found = scheme(request)
        if found is not None:
            yield found


def _authorizations(request: http.Request) -> list[str]:
    return [value.strip() for value in request.headers.get_all("authorization")]


def _query(request: http.Request) -> dict[str, str]:
    """Give the parameters of the query by their lower-case names, the last of each."""
    query = request.path.partition("?")[2]
    if "ignature" not in query and "sig=" not in query:
        return {}
    try:
        pairs = parse_qs(query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        return {}
    return {name.lower(): values[-1] for name, values in pairs.items()}


def _cloud_header(request: http.Request) -> Coverage | None:
    """AWS Signature Version 4 and those made after it (Google's, Alibaba's, Tencent's ...)."""
    for value in _authorizations(request):
        if not _HMAC.match(value):
            continue
        signed = _SIGNED.search(value)
        unsigned = "UNSIGNED-PAYLOAD" in request.headers.get("x-amz-content-sha256", "").upper()
        name = "AWS Signature Version 4" if value.startswith("AWS4") else value.partition(" ")[0]
        return Coverage(
            name, True, not unsigned, _names(signed[1], ";") if signed is not None else None
        )
    return None


def _cloud_query(request: http.Request) -> Coverage | None:
    """A URL that was signed beforehand, by AWS or Google, in version 4 or 2."""
    query = _query(request)
    for prefix, name in (("x-amz-", "AWS presigned URL"), ("x-goog-", "Google signed URL")):
        if f"{prefix}signature" in query:
            signed = query.get(f"{prefix}signedheaders", "host")
            service = query.get(f"{prefix}credential", "").split("/")[-2:-1]
            # For storage the body of such a call is never signed.
            storage = prefix == "x-goog-" or service == ["s3"]
            return Coverage(name, True, not storage, _names(signed, ";"))
    if "signature" in query and query.keys() & {"awsaccesskeyid", "googleaccessid", "key-pair-id"}:
        md5 = frozenset({"content-md5"})
        return Coverage("signed URL", True, "signaturemethod" in query, md5)
    if "sig" in query and "sv" in query:
        return Coverage("Azure shared access signature", True, False)
    return None


def _older_cloud(request: http.Request) -> Coverage | None:
    for value in _authorizations(request):
        if value.startswith(("SharedKey ", "SharedKeyLite ")):
            return Coverage("Azure Shared Key", True, False, None)
        if value.startswith("AWS "):
            return Coverage("AWS Signature Version 2", True, False, None)
    return None


def _oauth1(request: http.Request) -> Coverage | None:
    """OAuth 1.0 (RFC 5849), which covers the URL and the parameters of a form."""
    signed = any(
        value[:6].lower() == "oauth " and "oauth_signature" in value
        for value in _authorizations(request)
    )
    if not signed and "oauth_signature=" not in request.path:
        return None
    form = "x-www-form-urlencoded" in request.headers.get("content-type", "").lower()
    hashed = any("oauth_body_hash" in value for value in _authorizations(request))
    return Coverage("OAuth 1.0", True, form or hashed)


def _hawk(request: http.Request) -> Coverage | None:
    for value in _authorizations(request):
        if value[:5].lower() == "hawk ":
            return Coverage("Hawk", True, bool(re.search(r'\bhash="', value)))
    return None


def _message_signature(request: http.Request) -> Coverage | None:
    """HTTP Message Signatures (RFC 9421)."""
    inputs = request.headers.get_all("signature-input")
    if not inputs:
        return None
    names: set[str] = set()
    for value in inputs:
        found = _COMPONENTS.findall(value)
        if not found:
            return Coverage("HTTP Message Signature", True, True, None)
        for components in found:
            names |= {name.lower() for name in _COMPONENT.findall(components)}
    return _of_components("HTTP Message Signature", names)


def _older_message_signature(request: http.Request) -> Coverage | None:
    """The drafts before RFC 9421: a list of headers, `(request-target)` among them."""
    values = [value for value in _authorizations(request) if value[:10].lower() == "signature "]
    if "signature-input" not in request.headers:
        values += request.headers.get_all("signature")
    for value in values:
        listed = _CAVAGE.search(value)
        if listed is not None:
            return _of_components("HTTP signature", set(listed[1].lower().split()))
        if "keyid=" in value.lower():
            return Coverage("HTTP signature", False, False, frozenset({"date"}))
    return None


def _of_components(scheme: str, names: set[str]) -> Coverage:
    path = names & {
        "@path",
        "@query",
        "@query-param",
        "@target-uri",
        "@request-target",
        "(request-target)",
    }
    body = names & {"content-digest", "repr-digest", "digest", "content-md5"}
    return Coverage(scheme, bool(path), bool(body), frozenset(names))


def _dpop(request: http.Request) -> Coverage | None:
    """A proof of possession (RFC 9449), which names the URL."""
    return Coverage("DPoP proof", True, False) if "dpop" in request.headers else None


def _of_body(request: http.Request) -> Coverage | None:
    for name, title in _BODY_HEADERS.items():
        if name in request.headers:
            return Coverage(title, False, True)
    for name, title in _ALL_HEADERS.items():
        if name in request.headers:
            return Coverage(title, True, True)
    return None


def _names(listed: str, separator: str) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in unquote(listed).split(separator))


_SCHEMES: tuple[Scheme, ...] = (
    _cloud_header,
    _cloud_query,
    _older_cloud,
    _oauth1,
    _hawk,
    _message_signature,
    _older_message_signature,
    _dpop,
    _of_body,
)
