"""Refusals as Google's APIs tell errors, Gemini and Vertex AI among them."""

from __future__ import annotations

import re

from mitmproxy import http

from addons.denials.anthropic_api import anthropic_error
from addons.denials.refusal import Call, Refusal, json_response, origin_status

_PATH = re.compile(
    r":(?:generateContent|streamGenerateContent|generateAnswer|countTokens|computeTokens"
    r"|embedContent|batchEmbedContents|asyncBatchEmbedContent|batchGenerateContent"
    r"|predict|predictLongRunning|rawPredict|streamRawPredict|serverStreamingPredict)$"
)
_STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    421: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
}


def google_api(refusal: Refusal, call: Call) -> http.Response | None:
    """Tell a refusal as `{"error": {"code": 403, "message", "status", "details"}}`."""
    if not (
        _PATH.search(call.path)
        or call.header("x-goog-api-key")
        or call.header("x-goog-api-client")
        or call.host.endswith(".googleapis.com")
    ):
        return None
    status = origin_status(refusal, call)
    error = {
        "code": status,
        "message": refusal.message,
        "status": _STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT"),
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": refusal.code.upper(),
                "domain": "aegis",
                "metadata": {"rule": refusal.rule, "decision_id": refusal.decision_id},
            }
        ],
    }
    body = {"error": error}
    if "/publishers/anthropic/" in call.path:
        told = anthropic_error(refusal, status)
        body = {**told, "error": {**told["error"], **error, "details": error["details"]}}
    headers = {"x-should-retry": "true" if refusal.retry else "false"}
    return json_response(refusal, body, status=status, headers=headers)
