"""Calls to model providers kept in a region, through the proxy."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.integration.conftest import World
from tests.integration.test_exchange import client
from tests.support.firewall import Firewall
from tests.support.upstreams import FileApi

BEDROCK = "bedrock-runtime.eu-central-1.amazonaws.com"
NAMES = ("api.anthropic.com", "api.openai.com", "eu.api.openai.com", BEDROCK)


@pytest.fixture(scope="module")
def models(world: World) -> Iterator[FileApi]:
    """All the providers' hosts."""
    with FileApi(world.files.ca, *NAMES) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def fenced(models: FileApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firewall]:
    ends = f"ports: [{models.port}], addresses: [127.0.0.0/8]"
    policy = f"""
apiVersion: aegis/v1
kind: Policy
metadata: {{name: eu-only}}
destinations:
  - {{id: claude, hosts: [api.anthropic.com], {ends}}}
  - {{id: openai, hosts: [api.openai.com], endpoints: {{eu: eu.api.openai.com}}, {ends}}}
  - {{id: bedrock, hosts: ["*.amazonaws.com"], {ends}}}
rules: [{{id: all, agents: ["*"], destinations: [claude, openai, bedrock], effect: allow}}]
regions: [{{id: eu-only, allow: [eu]}}]
"""
    with Firewall(tmp_path_factory.mktemp("regions"), policy, models) as running:
        yield running


def post(fenced: Firewall, models: FileApi, name: str, path: str, **request: object) -> int:
    models.forget()
    with client(fenced) as http:
        answer: httpx.Response = http.post(f"https://{name}:{models.port}{path}", **request)  # type: ignore[arg-type]
    if "x-aegis-decision" in answer.headers:
        assert models.untouched, "a refused call reached the upstream"
    return answer.status_code


def test_the_body_says_where_a_message_is_processed(fenced: Firewall, models: FileApi) -> None:
    path = "/echo"
    assert post(fenced, models, NAMES[0], path, json={"inference_geo": "eu"}) == 200
    for body in ({"inference_geo": "us"}, {"inference_geo": "global"}, {}):
        assert post(fenced, models, NAMES[0], path, json=body) == 403
    record = fenced.decisions()[-2]
    assert (record["rule"], record["asked_regions"]) == ("eu-only", ["global"])


def test_the_profile_of_a_model_may_lead_out_of_the_hosts_region(
    fenced: Firewall, models: FileApi
) -> None:
    assert post(fenced, models, BEDROCK, "/model/anthropic.claude/converse", json={}) != 403
    for model in ("us.anthropic.claude", "global.anthropic.claude", "us%2eanthropic.claude"):
        assert post(fenced, models, BEDROCK, f"/model/{model}/converse", json={}) == 403


def test_a_call_goes_to_the_regional_host(fenced: Firewall, models: FileApi) -> None:
    assert post(fenced, models, NAMES[1], "/echo", json={}) == 200
    assert models.connections[-1].sni == "eu.api.openai.com"
    place = fenced.decisions()[-1]["destination"]
    assert (place["host"], place["routed"]) == ("api.openai.com", "eu.api.openai.com")


@pytest.mark.parametrize("signed", ["header", "query"])
def test_what_is_signed_for_its_host_is_not_sent_to_another(
    fenced: Firewall, models: FileApi, signed: str
) -> None:
    headers = {"authorization": "AWS4-HMAC-SHA256 Credential=x"} if signed == "header" else {}
    path = "/echo" + ("?X-Amz-Signature=0" if signed == "query" else "")
    assert post(fenced, models, NAMES[1], path, json={}, headers=headers) == 421
    assert fenced.decisions()[-1]["code"] == "signed_for_host"
