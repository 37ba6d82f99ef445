"""Refusals as AWS tells errors: JSON for Bedrock and most others, XML for the older services."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape

from mitmproxy import http

from addons.denials.anthropic_api import anthropic_error
from addons.denials.refusal import Call, Refusal, json_response, origin_status, response

_HOST = re.compile(r"(?:^|\.)(?:amazonaws\.com(?:\.cn)?|api\.aws)$")
_BEDROCK = re.compile(
    r"^/model/[^/]+/(?:invoke|invoke-with-response-stream|converse|converse-stream)$"
)
_SCOPE = re.compile(r"^AWS4-[A-Z0-9-]+ Credential=[^/,]*/[0-9]{8}/[^/,]*/([a-z0-9-]+)/aws4_request")
_XML_CODES = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "ValidationException": "InvalidRequest",
    "InternalServerException": "InternalError",
}
_TYPES = {
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    502: "ServiceUnavailableException",
    503: "ServiceUnavailableException",
}


def aws_api(refusal: Refusal, call: Call) -> http.Response | None:
    """Tell a refusal by `x-amzn-errortype` and `{"message"}`, or as XML."""
    signed = _SCOPE.match(call.header("authorization"))
    if not (
        signed
        or _HOST.search(call.host)
        or _BEDROCK.search(call.path)
        or call.header("x-amz-target")
    ):
        return None
    status = origin_status(refusal, call)
    usual = "InternalServerException" if status >= 500 else "ValidationException"
    kind = _TYPES.get(status, usual)
    headers = {"x-amzn-errortype": kind, "x-amzn-requestid": refusal.decision_id}
    if signed and signed[1] == "s3":
        return response(refusal, _s3(refusal, kind), "application/xml", status=status)
    if call.media == "application/x-www-form-urlencoded":
        return response(refusal, _query(refusal, kind), "text/xml", status=status)
    body = {"message": refusal.message, "__type": kind, "error": refusal.facts}
    if _BEDROCK.search(call.path) and "anthropic." in call.path:
        body = {**anthropic_error(refusal, status), "message": refusal.message, "__type": kind}
    return json_response(refusal, body, status=status, headers=headers)


def _s3(refusal: Refusal, kind: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error>{_members(refusal, kind)}"
        f"<RequestId>{escape(refusal.decision_id)}</RequestId></Error>"
    ).encode()


def _query(refusal: Refusal, kind: str) -> bytes:
    return (
        f"<ErrorResponse><Error><Type>Sender</Type>{_members(refusal, kind)}</Error>"
        f"<RequestId>{escape(refusal.decision_id)}</RequestId></ErrorResponse>"
    ).encode()


def _members(refusal: Refusal, kind: str) -> str:
    code = _XML_CODES.get(kind, kind.removesuffix("Exception"))
    return f"<Code>{code}</Code><Message>{escape(refusal.message)}</Message>"
