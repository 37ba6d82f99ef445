"""One exchange from agent to upstream: identified, located, decided, redacted, recorded."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest

from tests.integration.conftest import World
from tests.support.firewall import Firewall


def client(firewall: Firewall, token: str | None = None, **options: Any) -> httpx.Client:
    import ssl

    trust = ssl.create_default_context(cafile=str(firewall.ca_bundle))
    return httpx.Client(proxy=firewall.proxy_url(token), verify=trust, timeout=20, **options)


def last(firewall: Firewall, response: httpx.Response) -> dict[str, Any]:
    """Find the decision record of a refusal by the id that its answer names."""
    wanted = response.headers["x-aegis-decision"]
    return next(d for d in firewall.decisions() if d["id"] == wanted)


def test_an_allowed_call_goes_through_and_is_recorded(firewall: Firewall, world: World) -> None:
    before = len(firewall.decisions())
    with client(firewall) as http:
        answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": 40})
    assert answer.status_code == 201
    assert world.payments.requests[0].json() == {"amount": 40}
    record = firewall.decisions()[before]
    assert record["effect"] == "allow"
    assert record["rule"] == "payments"
    assert record["tools"] == ["payments.create"]
    assert record["agent"] == "spiffe://aegis.local/tenant/default/agent/default"
    assert record["destination"]["host"] == "pay.example.test"
    assert record["destination"]["address"] == "127.0.0.1"
    assert record["destination"]["region"] == "us"
    assert record["source"].startswith("policy.yaml:")
    outcome = next(o for o in firewall.wait_for("outcome") if o["decision"] == record["id"])
    assert outcome["status"] == 201
    assert outcome["response_bytes"] == len(answer.content)


def test_no_credential_reaches_the_upstream(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        http.get(f"{world.files.url}/echo", headers={"Proxy-Authorization": "Bearer inner"})
        http.get(f"{world.plain.url}/echo")
    for upstream in (world.files, world.plain):
        assert upstream.requests
        assert b"proxy-authorization" not in upstream.everything().lower()
        assert b"aegis_" not in upstream.everything()


def test_a_payment_over_the_limit_is_refused(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        answer = http.post(f"{world.payments.url}/v1/payments", json={"amount": 9000})
    assert answer.status_code == 403
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "rule", "decision_id", "retry"}
    assert error["code"] == "policy_denied"
    assert "5000" in error["message"]
    assert "9000" not in answer.text
    assert world.payments.untouched
    record = last(firewall, answer)
    assert record["effect"] == "deny"
    assert record["source"].startswith("policy.yaml:")


@pytest.mark.parametrize(
    "body",
    [
        {"amount": "40"},
        {"amount": None},
        {"amount": True},
        {"amount": [40]},
        {"amount": 40, "currency": "BTC"},
        {"amount": 40, "memo": "rm -rf /; echo"},
        [{"amount": 40}],
    ],
)
def test_arguments_that_break_a_constraint_are_refused(
    firewall: Firewall, world: World, body: Any
) -> None:
    with client(firewall) as http:
        answer = http.post(f"{world.payments.url}/v1/payments", json=body)
    assert answer.status_code == 403
    assert world.payments.untouched


@pytest.mark.parametrize(
    "path", ["/v1//payments", "/v1/payments/", "/v1%2Fpayments", "/v1/x/../payments"]
)
def test_a_tool_is_known_by_whatever_path_leads_to_it(
    firewall: Firewall, world: World, path: str
) -> None:
    with client(firewall) as http:
        target = httpx.URL(f"{world.payments.url}").copy_with(raw_path=path.encode())
        answer = http.post(target, json={"amount": 9000})
    assert answer.status_code in (400, 403)
    assert world.payments.untouched


def test_a_compressed_body_is_read_too(firewall: Firewall, world: World) -> None:
    body = gzip.compress(b'{"amount": 9000}')
    headers = {"content-encoding": "gzip", "content-type": "application/json"}
    with client(firewall) as http:
        answer = http.post(f"{world.payments.url}/v1/payments", content=body, headers=headers)
    assert answer.status_code == 403
    assert world.payments.untouched


def test_an_ssn_is_taken_out_of_body_url_and_headers(firewall: Firewall, world: World) -> None:
    with client(firewall) as http:
        answer = http.post(
            f"{world.ehr.url}/notes?ssn=536-90-4399",
            content="Patient SSN 078-05-1120, mail jane.roe@example.com",
            headers={"content-type": "text/plain", "x-note": "SSN 536904399"},
        )
    assert answer.status_code == 201
    seen = world.ehr.everything()
    for value in (b"078-05-1120", b"536-90-4399", b"536904399", b"jane.roe"):
        assert value not in seen
    assert b"1120" in seen  # the mask keeps four digits
    request = world.ehr.requests[0]
    assert int(request.header("content-length") or 0) == len(request.body)
    record = firewall.decisions(effect="sanitize")[-1]
    assert record["redacted"]["US_SSN"] == 3
    assert record["redacted"]["EMAIL_ADDRESS"] == 1
    dump = str(firewall.records()) + firewall.output
    for value in ("078-05-1120", "536-90-4399", "536904399", "jane.roe"):
        assert value not in dump


def test_json_stays_json_and_keeps_its_encoding(firewall: Firewall, world: World) -> None:
    note = b'{"resourceType": "Patient", "note": "ssn \\u0030\\u0037\\u0038-05-1120", "n": 1.10}'
    with client(firewall) as http:
        answer = http.post(
            f"{world.ehr.url}/fhir/Patient",
            content=gzip.compress(note),
            headers={"content-type": "application/json", "content-encoding": "gzip"},
        )
    request = world.ehr.requests[0]
    assert request.header("content-encoding") == "gzip"
    plain = gzip.decompress(request.body)
    assert b"078" not in plain
    assert b'"n": 1.10}' in plain
    assert answer.status_code in (201, 400, 500)  # this upstream does not read gzip


def test_clean_text_is_not_changed(firewall: Firewall, world: World) -> None:
    body = b'{"resourceType":"Patient",  "note":"meet at 10:30 in room 12", "n": 1e400}'
    with client(firewall) as http:
        http.post(
            f"{world.ehr.url}/fhir/Patient",
            content=body,
            headers={"content-type": "application/json"},
        )
    assert world.ehr.requests[0].body == body


def test_the_log_verifies(firewall: Firewall, world: World) -> None:
    report = firewall.verify()
    assert report.ok, report.problems
    assert report.records > 0
