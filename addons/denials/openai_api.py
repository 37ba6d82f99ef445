"""Refusals as OpenAI's API and those compatible with it tell errors."""

from __future__ import annotations

import re

from mitmproxy import http

from addons.denials.refusal import Call, Refusal, json_response, origin_status

_PATH = re.compile(
    r"/(?:chat/completions|completions|responses|embeddings|images/(?:generations|edits)"
    r"|audio/(?:speech|transcriptions|translations))(?:/|$)"
    r"|/v1/(?:models|files|batches|moderations|assistants|threads|vector_stores|fine_tuning)(?:/|$)"
)
_TYPES = {
    401: "authentication_error",
    403: "permission_denied",
    404: "not_found_error",
    429: "rate_limit_exceeded",
}


def openai_api(refusal: Refusal, call: Call) -> http.Response | None:
    """Tell a refusal as `{"error": {"message", "type", "param", "code", ...}}`."""
    if not _PATH.search(call.path) and call.host != "api.openai.com":
        return None
    status = origin_status(refusal, call)
    usual = "server_error" if status >= 500 else "invalid_request_error"
    error = {**refusal.facts, "type": _TYPES.get(status, usual), "param": None}
    # The SDKs heed it; without it they would try some statuses again.
    headers = {"x-should-retry": "true" if refusal.retry else "false"}
    return json_response(refusal, {"error": error}, status=status, headers=headers)
