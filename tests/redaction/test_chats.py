"""Bodies of LLM APIs: every part that holds words is reached, and files by what they are."""

from __future__ import annotations

import base64
import json

import pytest

from redaction import parse_document
from redaction.documents import OpaqueContent


def encoded(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def data_url(kind, text):
    return f"data:{kind};base64,{encoded(text)}"


PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
WAVE = b"RIFF\0\0\0\0WAVEfmt " + bytes(64)

BODIES = {
    "openai chat": {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "SSN 1"},
                    {
                        "type": "file",
                        "file": {"filename": "a", "file_data": data_url("text/plain", "SSN 2")},
                    },
                ],
            },
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "type": "function",
                        "function": {
                            "name": "f",
                            "arguments": json.dumps(
                                {"n": 536904399, "x": "SSN 3", "y": json.dumps(["SSN 4"])}
                            ),
                        },
                    }
                ],
            },
        ]
    },
    "openai responses": {
        "instructions": "SSN 1",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "SSN 2"}]},
            {"type": "function_call", "arguments": '{"a": "SSN 3"}'},
            {"type": "function_call_output", "output": '{"b": ["SSN 4"]}'},
        ],
    },
    "openai file by name": {
        "input": [
            {"type": "input_file", "filename": "x.json", "file_data": encoded('{"a": "SSN 1"}')}
        ]
    },
    "anthropic": {
        "system": [{"type": "text", "text": "SSN 1"}],
        "messages": [
            {
                "content": [
                    {
                        "type": "document",
                        "source": {
                            "type": "base64",
                            "media_type": "text/plain",
                            "data": encoded("SSN 2"),
                        },
                    },
                    {"type": "tool_use", "input": {"note": "SSN 3"}},
                    {"type": "tool_result", "content": [{"type": "text", "text": "SSN 4"}]},
                ]
            }
        ],
    },
    "gemini": {
        "contents": [
            {
                "parts": [
                    {"text": "SSN 1"},
                    {"inlineData": {"mimeType": "text/html", "data": encoded("<p>SSN 2</p>")}},
                    {"inline_data": {"mime_type": "text/csv", "data": encoded("a,b\nSSN 3,c")}},
                ]
            }
        ]
    },
    "bedrock": {
        "messages": [
            {
                "content": [
                    {"text": "SSN 1"},
                    {"document": {"format": "txt", "source": {"bytes": encoded("SSN 2")}}},
                    {"toolResult": {"content": [{"json": {"x": "SSN 3"}}]}},
                ]
            }
        ]
    },
    "mcp call": {"method": "tools/call", "params": {"name": "t", "arguments": {"q": "SSN 1"}}},
    "mcp result": {
        "result": {
            "content": [
                {"type": "text", "text": '{"rows": [{"name": "SSN 1"}]}'},
                {
                    "type": "resource",
                    "resource": {
                        "uri": "file:///a",
                        "mimeType": "application/xml",
                        "blob": encoded("<a>SSN 2</a>"),
                    },
                },
                {"type": "resource", "resource": {"mimeType": "text/plain", "text": "SSN 3"}},
            ],
            "structuredContent": {"x": "SSN 4"},
        }
    },
    "a2a": {
        "params": {
            "message": {
                "parts": [
                    {"kind": "text", "text": "SSN 1"},
                    {"kind": "data", "data": {"k": "SSN 2"}},
                    {
                        "kind": "file",
                        "file": {"name": "x", "mimeType": "text/plain", "bytes": encoded("SSN 3")},
                    },
                ]
            }
        }
    },
    "nested": {
        "a": encoded("x"),
        "b": {
            "mimeType": "application/json",
            "data": encoded(json.dumps({"mimeType": "text/plain", "data": encoded("SSN 1")})),
        },
    },
}


@pytest.mark.parametrize("name", BODIES)
def test_every_part_is_reached_and_written_back(name):
    body = json.dumps(BODIES[name]).encode()
    document = parse_document("application/json", body)
    assert document.rebuild({}) == body
    places = {i: leaf.text for i, leaf in enumerate(document.leaves) if "SSN " in leaf.text}
    numbers = sorted(int(part[0]) for text in places.values() for part in text.split("SSN ")[1:])
    assert numbers == list(range(1, len(numbers) + 1))
    changed = document.rebuild({i: text.replace("SSN ", "[S] ") for i, text in places.items()})
    again = parse_document("application/json", changed)
    assert [leaf.text for leaf in again.leaves] == [
        leaf.text.replace("SSN ", "[S] ") for leaf in document.leaves
    ]


def test_numbers_stay_numbers_within_texts_that_are_json():
    body = json.dumps({"arguments": '{"ssn": 536904399, "ok": true, "n": 1.50}'}).encode()
    document = parse_document("application/json", body)
    [index] = [i for i, leaf in enumerate(document.leaves) if leaf.text == "536904399"]
    assert document.leaves[index].form == "number"
    assert document.leaves[index].hint == "arguments/ssn"
    changed = json.loads(document.rebuild({index: "123456789"}))
    assert changed["arguments"] == '{"ssn": 123456789, "ok": true, "n": 1.50}'
    # What is no number could only make the JSON another, or none.
    changed = json.loads(document.rebuild({index: "<US_SSN>"}))
    assert changed["arguments"] == '{"ssn": 0, "ok": true, "n": 1.50}'


def test_json_in_json_is_opened_three_deep():
    value: object = {"k": "SSN"}
    for _ in range(6):
        value = {"k": json.dumps(value)}
    document = parse_document("application/json", json.dumps(value).encode())
    deepest = document.leaves[-1]
    assert deepest.text.startswith("{")
    assert document.leaves[-2].hint == "#name"


@pytest.mark.parametrize(
    "text", ["{not json", '{"a":1,"a":2}', "[1,2", "{}x", "[" * 5000, '{"a":"\ud800"}', "{\\r", "["]
)
def test_texts_that_only_look_like_json_are_texts(text):
    body = json.dumps({"t": text}).encode()
    if "\ud800" in text:
        body = json.dumps({"t": '{"a":"\\ud800"}'}).encode()
        text = '{"a":"\\ud800"}'
    document = parse_document("application/json", body)
    assert text in [leaf.text for leaf in document.leaves]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"image_url": {"url": data_url("image/png", PNG)}}, "image"),
        ({"source": {"type": "base64", "media_type": "image/png", "data": encoded(PNG)}}, "image"),
        ({"type": "image", "mimeType": "text/plain", "data": encoded(PNG)}, "image"),
        ({"image": {"format": "png", "source": {"bytes": encoded(PNG)}}}, "image"),
        ({"inlineData": {"mimeType": "video/mp4", "data": encoded(b"\0\1\2\3" * 8)}}, "film"),
        ({"input_audio": {"format": "wav", "data": encoded(WAVE)}}, "sound"),
        ({"images": [encoded(PNG)]}, "image"),
        ({"text": json.dumps({"url": data_url("image/png", PNG)})}, "image"),
        ({"file": {"filename": "a.docx", "file_data": encoded(b"PK\3\4" + bytes(60))}}, "archive"),
        ({"file": {"filename": "a.txt", "file_data": encoded(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(9))}}, "office"),
        ({"mimeType": "application/octet-stream", "blob": encoded(bytes(range(256)))}, "a file"),
        ({"url": data_url("text/plain", b"%PDF-1.7\n\0\1\2\3")}, "PDF"),
    ],
)  # fmt: skip
def test_what_nobody_can_search_is_for_policy_to_decide(value, what):
    body = json.dumps(value).encode()
    with pytest.raises(OpaqueContent, match=what):
        parse_document("application/json", body)
    document = parse_document("application/json", body, opaque="pass")
    assert document.rebuild({}) == body
    assert not any(len(leaf.text) > 60 and " " not in leaf.text for leaf in document.leaves)


@pytest.mark.parametrize(
    "value",
    [
        {"data": "hello there"},
        {"bytes": "1024"},
        {"mimeType": "text/plain", "data": "John Smith 1"},
        {"mimeType": "text/plain", "data": "JohnSmith123"},
        {"contentType": "text/plain", "content": "Good"},
        {"type": "redacted_thinking", "data": encoded(bytes(range(256)))},
        {"url": "data:,Jane%20Roe"},
        {"url": "data:nothing of the kind"},
        {"url": "data:text/plain;base64,!!!"},
    ],
)
def test_what_is_no_file_is_searched_as_the_text_it_is(value):
    body = json.dumps(value).encode()
    document = parse_document("application/json", body)
    assert document.rebuild({}) == body
    last = list(value.values())[-1]
    assert document.leaves[-1].text in (last, "Jane Roe")
