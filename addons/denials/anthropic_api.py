"""Refusals as Anthropic's API tells errors, also where a cloud offers its models."""

from __future__ import annotations

import re
from typing import Any

from mitmproxy import http

from addons.denials.refusal import Call, Refusal, json_response, origin_status

_PATH = re.compile(r"/v1/(?:messages|complete)(?:/|$)")
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def anthropic_api(refusal: Refusal, call: Call) -> http.Response | None:
    """Tell a refusal as `{"type": "error", "error": {"type", "message", ...}}`."""
    if not (_PATH.search(call.path) or call.header("anthropic-version")):
        return None
    status = origin_status(refusal, call)
    headers = {
        "x-should-retry": "true" if refusal.retry else "false",
        "request-id": refusal.decision_id,
    }
    return json_response(refusal, anthropic_error(refusal, status), status=status, headers=headers)


def anthropic_error(refusal: Refusal, status: int) -> dict[str, Any]:
    """Give the members of an error."""
    usual = "api_error" if status >= 500 else "invalid_request_error"
    error = {
        **refusal.facts,
        "type": _TYPES.get(status, usual),
        "details": {"error_code": refusal.code},
    }
    return {"type": "error", "error": error, "request_id": refusal.decision_id}
