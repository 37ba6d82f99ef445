"""Where requests are processed, by host, path and body, and what policy makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from rules import AgentRef, Effect, HttpRequest, PolicySet, compile_policy, parse_policy
from rules.regions import asked_regions, host_region, region_names

POLICY = PolicySet(
    compile_policy(
        parse_policy(
            """
apiVersion: aegis/v1
kind: Policy
metadata: {name: regions}
destinations:
  - {id: claude, hosts: [api.anthropic.com]}
  - {id: declared, hosts: [claude.example.test], region: eu-central-1}
  - id: aws
    hosts: ["*.amazonaws.com"]
  - id: openai
    hosts: [api.openai.com]
    endpoints: {eu: eu.api.openai.com}
  - id: vertex
    hosts: ["*.googleapis.com"]
    endpoints: {eu: europe-west4-aiplatform.googleapis.com}
rules: [{id: all, agents: ["*"], destinations: [claude, declared, aws, openai, vertex], effect: allow}]
regions: [{id: stays, allow: [eu]}]
""",
            "p.yaml",
        )
    )
)


def request(url: str, body: Any = None, kind: str = "") -> HttpRequest:
    host, _, path = url.partition("/")
    kind = kind or ("none" if body is None else "json")
    return HttpRequest("POST", "https", host, 443, "/" + path, {}, body, kind)


@pytest.mark.parametrize(
    ("region", "names"),
    [
        ("eu", ("eu",)),
        ("eu-central-1", ("eu-central-1", "eu")),
        ("eu-west-2", ("eu-west-2", "uk")),
        ("eu-central-2", ("eu-central-2", "ch")),
        ("us-east-1", ("us-east-1", "us")),
        ("us-gov-west-1", ("us-gov-west-1", "us-gov", "us")),
        ("ap-northeast-1", ("ap-northeast-1", "jp", "apac")),
        ("europe-west4", ("europe-west4", "eu")),
        ("europe-west2", ("europe-west2", "uk")),
        ("us-central1", ("us-central1", "us")),
        ("northamerica-northeast1", ("northamerica-northeast1", "ca")),
        ("westeurope", ("westeurope", "eu")),
        ("us-office", ("us-office",)),
        ("global", ()),
        ("", ()),
    ],
)
def test_a_region_has_its_area_for_a_name_too(region: str, names: tuple[str, ...]) -> None:
    assert region_names(region) == names


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("bedrock-runtime.eu-central-1.amazonaws.com", "eu-central-1"),
        ("s3.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("bedrock-mantle.us-east-1.api.aws", "us-east-1"),
        ("us-central1-aiplatform.googleapis.com", "us-central1"),
        ("aiplatform.eu.rep.googleapis.com", "eu"),
        ("aiplatform.googleapis.com", ""),
        ("eu.api.openai.com", "eu"),
        ("api.openai.com", ""),
        ("westeurope.api.cognitive.microsoft.com", "westeurope"),
        ("evil.api.cognitive.microsoft.com", ""),
        ("eu-central-1.amazonaws.com.example.test", ""),
    ],
)
def test_a_providers_host_says_where_it_is(host: str, region: str) -> None:
    assert host_region(host) == region


BEDROCK = "bedrock-runtime.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(
    ("asked", "regions"),
    [
        (request("api.anthropic.com/v1/messages", {"inference_geo": "EU"}), ("eu",)),
        (request("api.anthropic.com/v1/messages", {"inference_geo": ["eu"]}), ("",)),
        (request("api.anthropic.com/v1/messages", {"model": "m"}), ()),
        (request("api.anthropic.com/v1/messages", b"x", "opaque"), ("",)),
        (
            request(
                "api.anthropic.com/v1/messages/batches",
                {"requests": [{"params": {"inference_geo": "us"}}, {"params": {}}]},
            ),
            ("us",),
        ),
        (request(f"{BEDROCK}/model/anthropic.claude-v9:0/converse", {}), ()),
        (request(f"{BEDROCK}/model/us.anthropic.claude-v9:0/converse", {}), ("us",)),
        (request(f"{BEDROCK}/model/global.anthropic.claude/invoke", {}), ("global",)),
        (
            request(
                f"{BEDROCK}/model/arn:aws:bedrock:us-east-1:1:inference-profile%2Fus.anthropic.c/converse",
                {},
            ),
            ("us-east-1", "us"),
        ),
        (
            request(
                f"{BEDROCK}/model/arn:aws:bedrock:eu-central-1:1:application-inference-profile/abc/converse",
                {},
            ),
            ("eu-central-1", ""),
        ),
        (request(f"{BEDROCK}/openai/v1/chat/completions", {"model": "us.openai.gpt"}), ("us",)),
        (request(f"{BEDROCK}/async-invoke", b"x", "opaque"), ("",)),
        (
            request(
                "aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/publishers/google/models/g"
            ),
            ("europe-west4",),
        ),
        (request("pay.example.test/locations/us"), ()),
    ],
)
def test_a_request_may_say_where_it_is_processed(asked: HttpRequest, regions: object) -> None:
    assert asked_regions(asked) == regions


@pytest.mark.parametrize(
    ("asked", "effect", "route"),
    [
        (request("api.anthropic.com/v1/messages", {"inference_geo": "eu"}), "allow", ""),
        (request("api.anthropic.com/v1/messages", {"inference_geo": "us"}), "deny", ""),
        (request("api.anthropic.com/v1/messages", {}), "deny", ""),
        (request("claude.example.test/v1/messages", {"inference_geo": "us"}), "allow", ""),
        (request(f"{BEDROCK}/model/anthropic.c/converse", {}), "allow", ""),
        (request(f"{BEDROCK}/model/eu.anthropic.c/converse", {}), "allow", ""),
        (request(f"{BEDROCK}/model/us.anthropic.c/converse", {}), "deny", ""),
        (request(f"{BEDROCK}/model/global.anthropic.c/converse", {}), "deny", ""),
        (request("bedrock-runtime.us-east-1.amazonaws.com/model/a.b/converse"), "deny", ""),
        (request("bedrock-runtime.eu-west-2.amazonaws.com/model/a.b/converse"), "deny", ""),
        (request("api.openai.com/v1/responses", {}), "allow", "eu.api.openai.com"),
        (request("europe-west1-aiplatform.googleapis.com/locations/europe-west1/x"), "allow", ""),
        (request("us-east1-aiplatform.googleapis.com/locations/us-east1/x"), "deny", ""),
    ],
)
def test_data_stays_where_policy_keeps_it(asked: HttpRequest, effect: str, route: str) -> None:
    decision = POLICY.decide(
        stage="request",
        agent=AgentRef("a"),
        scheme="https",
        host=asked.host,
        port=443,
        asked_regions=POLICY.asked_regions(asked),
    )
    assert (str(decision.effect), decision.route_host) == (effect, route)


@pytest.mark.parametrize(
    ("host", "effect"),
    [
        ("api.anthropic.com", Effect.ALLOW),
        (BEDROCK, Effect.ALLOW),
        ("bedrock-runtime.us-east-1.amazonaws.com", Effect.DENY),
        ("sts.amazonaws.com", Effect.DENY),
    ],
)
def test_a_tunnel_is_refused_only_when_no_request_in_it_could_stay(
    host: str, effect: Effect
) -> None:
    decision = POLICY.decide(
        stage="connect", agent=AgentRef("a"), scheme="https", host=host, port=443
    )
    assert decision.effect is effect
