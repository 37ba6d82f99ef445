"""Refusals as the SDKs of agents understand them: their own exception, our words, no retry."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import World
from tests.integration.test_clients import python
from tests.support.firewall import Firewall


@pytest.mark.parametrize("firewall", ["own"], indirect=True)
def test_the_sdks_raise_what_they_should(firewall: Firewall, world: World) -> None:
    script = """
        import asyncio, json, sys
        import anthropic, openai

        ask = dict(model="m", messages=[{"role": "user", "content": "hi"}])
        ai = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="k")
        claude = anthropic.Anthropic(base_url=sys.argv[1], api_key="k")
        later = openai.AsyncOpenAI(base_url=sys.argv[1] + "/v1", api_key="k")

        def streamed():
            with claude.messages.stream(**ask, max_tokens=9) as stream:
                stream.until_done()

        calls = {
            "chat": lambda: ai.chat.completions.create(**ask),
            "streamed chat": lambda: ai.chat.completions.create(**ask, stream=True),
            "responses": lambda: ai.responses.create(model="m", input="hi"),
            "embeddings": lambda: ai.embeddings.create(model="m", input="hi"),
            "async": lambda: asyncio.run(later.chat.completions.create(**ask, stream=True)),
            "messages": lambda: claude.messages.create(**ask, max_tokens=9),
            "streamed messages": streamed,
        }
        for name, call in calls.items():
            try:
                call()
            except (openai.APIStatusError, anthropic.APIStatusError) as error:
                told = error.body.get("error", error.body)
                print(json.dumps([name, type(error).__name__, error.status_code, told]))
    """
    said = python(firewall, script, world.payments.url)
    answers = [json.loads(line) for line in said.splitlines()]
    assert [name for name, *_ in answers] == [
        "chat", "streamed chat", "responses", "embeddings", "async", "messages", "streamed messages",
    ]  # fmt: skip
    records = {record["id"]: record for record in firewall.decisions(effect="deny")}
    for name, kind, status, told in answers:
        assert (kind, status) == ("PermissionDeniedError", 403), name
        assert told["type"] == ("permission_error" if "messages" in name else "permission_denied")
        record = records.pop(told["decision_id"])
        assert told["message"] == record["reason"]
        assert "Add a rule" in told["message"]
    # Each was asked once.
    assert not records
    assert world.payments.untouched


def test_a_waiting_upload_is_refused_before_it_is_asked_for(
    firewall: Firewall, world: World
) -> None:
    from tests.integration.test_boundary import read
    from tests.integration.test_streaming import tunnel

    allowed = f"{world.files.name}:{world.files.port}"
    with tunnel(firewall, allowed, world.files.name) as tls:
        tls.sendall(
            f"POST /upload HTTP/1.1\r\nHost: {allowed}\r\nContent-Length: 50000000\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        answer = read(tls)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert world.touched == []
