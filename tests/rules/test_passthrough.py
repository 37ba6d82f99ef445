"""A policy promises nothing of what passes through unread."""

from __future__ import annotations

import pytest

from rules import PolicyError, parse_policy

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {{name: pinned}}
destinations:
  - {{id: open, hosts: [open.example], tier: public}}
  - id: pinned
    hosts: [pinned.example]
    tier: vendor
    tls: passthrough
    {more}
rules:
  - {{id: all, agents: ["*"], destinations: [open, pinned], effect: allow}}
{rest}
"""


def problems(more: str = "", rest: str = "") -> list[str]:
    try:
        parse_policy(POLICY.format(more=more, rest=rest), "policy.yaml")
    except PolicyError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("schemes: [https, http]", 10),
        ("endpoints: {us: us.pinned.example}", 10),
        ("trust: corporate", 10),
        ("client_certificate: us", 10),
    ],
)
def test_a_destination_cannot_say_both(more: str, line: int) -> None:
    (problem,) = problems(more)
    assert problem.startswith(f"policy.yaml:{line}:")
    assert "passthrough" in problem


@pytest.mark.parametrize(
    "rest",
    [
        "  - {id: clean, agents: ['*'], destinations: [pinned], effect: sanitize}",
        "tools: [{id: pay, destination: pinned, http: {path: /pay}}]",
        "tools: [{id: pay, destination: pinned, graphql: {fields: [pay]}}]",
        "tools: [{id: pay, mcp: {server: pinned, tool: pay}}]",
        "redaction: [{id: all, entities: [US_SSN]}]",
        "redaction: [{id: named, destinations: [open, pinned], entities: [US_SSN]}]",
        "redaction: [{id: tier, tiers: [vendor], entities: [US_SSN]}]",
        "redaction: [{id: star, destinations: ['*'], entities: [US_SSN]}]",
    ],
)
def test_nothing_is_promised_that_has_to_be_read(rest: str) -> None:
    (problem,) = problems(rest=rest)
    assert "tls: passthrough" in problem


@pytest.mark.parametrize(
    "rest",
    [
        "redaction: [{id: others, destinations: [open], entities: [US_SSN]}]",
        "redaction: [{id: tier, tiers: [public], entities: [US_SSN]}]",
        "  - {id: clean, agents: ['*'], destinations: [open], effect: sanitize, redact: [own]}\n"
        "redaction: [{id: own, entities: [US_SSN]}]",
    ],
)
def test_what_others_promise_is_theirs(rest: str) -> None:
    assert problems(rest=rest) == []


@pytest.mark.parametrize(
    "more",
    [
        "trust: ../roots",
        "trust: /etc/ssl/cert.pem",
        "client_certificate: A",
        "via: socks",
    ],
)
def test_names_are_names_and_no_paths(more: str) -> None:
    (problem,) = problems(more)
    assert "passthrough" not in problem
