"""Refusals in the dialect of each kind of client."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
from mitmproxy import http

from addons.denial import SHAPES, render
from addons.exchange import Destination, Exchange

MESSAGE = "The rule 'x' denies <this> & 100% – ü. Ask the owner of the policy."
SIGNED = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{}/aws4_request, SignedHeaders=host"


def denied(
    path: str = "/",
    *,
    status: int = 403,
    code: str = "policy_denied",
    host: str = "api.example.test",
    scheme: str = "https",
    version: str = "HTTP/2.0",
    **headers: str,
) -> http.Response:
    request = http.Request.make("POST", f"{scheme}://{host}{path}")
    request.http_version = version
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    exchange = Exchange(id="d1", started_at=0, started_ns=0)
    exchange.destination = Destination(scheme, host, 443)
    exchange.deny(code, MESSAGE, rule="x", status=status)
    return render(exchange, request)


def body(response: http.Response) -> Any:
    return json.loads(response.content or b"")


FACTS = {
    "code": "policy_denied",
    "message": MESSAGE,
    "rule": "x",
    "decision_id": "d1",
    "retry": False,
}


def test_a_call_that_speaks_no_dialect() -> None:
    answer = denied("/orders", content_type="application/json")
    assert answer.status_code == 403
    assert body(answer) == {"error": FACTS}
    assert answer.headers["x-aegis-decision"] == "d1"
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/responses",
        "/v1/embeddings?a=b",
        "/openai/deployments/d/chat/completions?api-version=1",
        "/openai/v1/responses/resp_1",
        "/v1/models",
    ],
)
def test_openai(path: str) -> None:
    answer = denied(path)
    assert answer.status_code == 403
    assert body(answer) == {"error": {**FACTS, "type": "permission_denied", "param": None}}
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("path", "headers"), [("/v1/messages", {}), ("/v1/models", {"anthropic_version": "2023-06-01"})]
)
def test_anthropic(path: str, headers: dict[str, str]) -> None:
    answer = denied(path, **headers)
    assert answer.status_code == 403
    error = {**FACTS, "type": "permission_error", "details": {"error_code": "policy_denied"}}
    assert body(answer) == {"type": "error", "error": error, "request_id": "d1"}
    assert answer.headers["request-id"] == "d1"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1beta/models/gemini-pro:generateContent", {}),
        ("/v1beta/models/gemini-pro:streamGenerateContent?alt=sse", {}),
        ("/v1/projects/p/locations/l/publishers/google/models/m:predict", {}),
        ("/v1beta/models", {"x_goog_api_key": "k"}),
    ],
)
def test_google(path: str, headers: dict[str, str]) -> None:
    answer = denied(path, **headers)
    assert answer.status_code == 403
    error = body(answer)["error"]
    assert (error["code"], error["status"], error["message"]) == (403, "PERMISSION_DENIED", MESSAGE)
    assert error["details"][0]["reason"] == "POLICY_DENIED"
    assert error["details"][0]["metadata"] == {"rule": "x", "decision_id": "d1"}


def test_models_of_one_maker_in_the_cloud_of_another() -> None:
    vertex = body(denied("/v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict"))
    assert vertex["type"] == "error"
    assert vertex["error"]["type"] == "permission_error"
    assert (vertex["error"]["code"], vertex["error"]["status"]) == (403, "PERMISSION_DENIED")
    bedrock = body(
        denied("/model/anthropic.claude-v1/invoke", authorization=SIGNED.format("bedrock"))
    )
    assert bedrock["error"]["type"] == "permission_error"
    assert bedrock["message"] == MESSAGE


def test_aws() -> None:
    answer = denied("/model/amazon.nova/converse", authorization=SIGNED.format("bedrock"))
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"] == "AccessDeniedException"
    assert body(answer)["message"] == MESSAGE
    bucket = denied("/key", authorization=SIGNED.format("s3"))
    told = ElementTree.fromstring(bucket.content or b"")
    assert (told.tag, told.findtext("Code"), told.findtext("Message")) == (
        "Error",
        "AccessDenied",
        MESSAGE,
    )
    query = denied(
        host="sts.amazonaws.com", content_type="application/x-www-form-urlencoded; charset=utf-8"
    )
    told = ElementTree.fromstring(query.content or b"")
    assert told.findtext("Error/Code") == "AccessDenied"
    assert told.findtext("Error/Message") == MESSAGE


@pytest.mark.parametrize(
    ("status", "wanted"),
    [(403, 7), (407, 16), (413, 8), (429, 8), (503, 14), (502, 14), (400, 3), (422, 3), (421, 7)],
)
def test_grpc(status: int, wanted: int) -> None:
    answer = denied("/a.B/C", status=status, content_type="application/grpc+proto")
    assert answer.status_code == 200
    assert answer.headers["grpc-status"] == str(wanted)
    assert answer.headers["grpc-message"].isascii()
    assert unquote(answer.headers["grpc-message"]) == MESSAGE
    assert answer.headers["content-type"] == "application/grpc+proto"
    assert answer.content == b""
    assert "content-length" not in answer.headers
    older = denied("/a.B/C", version="HTTP/1.1", content_type="application/grpc-web")
    assert older.headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("status", "openai", "anthropic", "google", "aws"),
    [
        (
            400,
            "invalid_request_error",
            "invalid_request_error",
            "INVALID_ARGUMENT",
            "ValidationException",
        ),
        (
            413,
            "invalid_request_error",
            "request_too_large",
            "INVALID_ARGUMENT",
            "ValidationException",
        ),
        (
            429,
            "rate_limit_exceeded",
            "rate_limit_error",
            "RESOURCE_EXHAUSTED",
            "ThrottlingException",
        ),
        (503, "server_error", "overloaded_error", "UNAVAILABLE", "ServiceUnavailableException"),
    ],
)
def test_other_statuses(status: int, openai: str, anthropic: str, google: str, aws: str) -> None:
    answers = {
        "openai": denied("/v1/responses", status=status, code="c"),
        "anthropic": denied("/v1/messages", status=status, code="c"),
        "google": denied("/v1/models/m:predict", status=status, code="c"),
        "aws": denied("/model/m/invoke", status=status, code="c"),
    }
    assert {answer.status_code for answer in answers.values()} == {status}
    assert body(answers["openai"])["error"]["type"] == openai
    assert body(answers["anthropic"])["error"]["type"] == anthropic
    assert body(answers["google"])["error"]["status"] == google
    assert answers["aws"].headers["x-amzn-errortype"] == aws
    again = status in (429, 503)
    for name, answer in answers.items():
        assert ("retry-after" in answer.headers) is again, name
    assert answers["openai"].headers["x-should-retry"] == str(again).lower()


def test_a_token_that_is_refused() -> None:
    # Inside of a tunnel an API says 401; a proxy that is asked itself says 407.
    assert denied("/v1/responses", status=407).status_code == 401
    assert body(denied("/v1/responses", status=407))["error"]["type"] == "authentication_error"
    assert denied("/v1/messages", status=407, scheme="http").status_code == 407
    plain = denied("/", status=407)
    assert plain.status_code == 407
    assert plain.headers["proxy-authenticate"].startswith("Basic ")


def test_what_stays_refused_is_not_tried_again() -> None:
    for code in ("policy_error", "obligation_unmet"):
        answer = denied("/v1/messages", status=503, code=code)
        assert answer.headers["x-should-retry"] == "false"
        assert "retry-after" not in answer.headers


def test_nothing_a_client_sends_keeps_it_from_its_denial(monkeypatch: pytest.MonkeyPatch) -> None:
    request = http.Request.make("POST", "https://api.example.test/")
    request.headers.fields = ((b"\xff\xfe", b"\xff"), (b"content-type", b"\xff/grpc\x00"))
    request.data.path = b"/\xff\xfe:generateContent" + b"/v1/messages" * 9000
    exchange = Exchange(id="d1", started_at=0, started_ns=0)
    exchange.deny("policy_denied", MESSAGE, rule="x")
    assert b"policy_denied" in (render(exchange, request).content or b"")

    def broken(*_: object) -> None:
        raise UnicodeError

    monkeypatch.setattr("addons.denial.SHAPES", (broken, *SHAPES))
    assert body(render(exchange, request)) == {"error": FACTS}


def test_no_denial_says_what_the_call_held() -> None:
    for path, headers in (
        ("/v1/messages", {}),
        ("/v1/responses", {}),
        ("/x:predict", {}),
        ("/model/m/invoke", {}),
        ("/a.B/C", {"content_type": "application/grpc"}),
        ("/", {}),
    ):
        answer = denied(f"{path}?ssn=078-05-1120", x_note="078-05-1120", **headers)
        assert b"078-05" not in (answer.content or b"") + bytes(answer.headers)
