"""Refusals of calls that speak no dialect of their own: JSON, as documented."""

from __future__ import annotations

from mitmproxy import http

from addons.denials.refusal import Call, Refusal, json_response

REALM = "Aegis"


def plain(refusal: Refusal, call: Call) -> http.Response:
    """Tell a refusal as `{"error": {...}}`."""
    headers = {}
    if refusal.status == 407:
        headers["proxy-authenticate"] = f'Basic realm="{REALM}", Bearer realm="{REALM}"'
    return json_response(refusal, {"error": refusal.facts}, headers=headers)
