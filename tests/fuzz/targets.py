"""What is fuzzed: for each parser, what it is given and what must hold of what it gives."""

from __future__ import annotations

import gzip
import ipaddress
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import brotli
import yaml
import zstandard
from hypothesis import strategies as st

from addons.decode import DecodeError, decode
from addons.locate import _authority
from addons.read import parse, readings
from redaction.documents import UrlDocument, parse_document
from redaction.errors import UnsupportedDocument
from redaction.normalise import normalise
from rules import (
    HostError,
    HttpRequest,
    PolicyError,
    PolicySet,
    ToolError,
    canonical_host,
    compile_policy,
    judge_address,
    parse_address,
    parse_policy,
)
from rules.graphql_calls import field_calls
from rules.json_path import parse_path


@dataclass(frozen=True)
class Target:
    """A parser: a strategy for its input, and a check that raises when a property does not hold."""

    inputs: st.SearchStrategy[Any]
    check: Callable[[Any], None]


HOST_PARTS = st.sampled_from(
    ["xn--", "0x7f", "127", ".", "1", "0", "[", "]", ":", "::ffff:", "%", "\u3002", "\uff0e", "é"]
    + ["\u0430", "example", "-", "_", "\u200d", "\u00ad", "@", "/", "\uff11", "ß", "K", "a" * 63]
)
HOSTS = st.one_of(st.text(max_size=80), st.lists(HOST_PARTS, max_size=12).map("".join))


def check_host(text: str) -> None:
    """A canonical host is stable, and is either an address as usual or a plain name."""
    try:
        host = canonical_host(text)
    except HostError:
        return
    assert canonical_host(host) == host
    assert host.isascii()
    assert host == host.lower()
    assert not re.search(r"[\s/@#?\\%]", host)
    assert canonical_host(text.upper()) == host or not text.isascii()
    if parse_address(host) is None:
        assert not host.rpartition(".")[2].isdigit()


def check_address(number: int) -> None:
    """No way to write this machine or the metadata service into an IPv6 address is let through."""
    inside = ipaddress.IPv4Address([0x7F000001, 0xA9FEA9FE, 0x0A000001][number % 3])
    value, rest = int(inside), number & 0xFFFF
    written = [
        ipaddress.IPv6Address(0xFFFF << 32 | value),
        ipaddress.IPv6Address(0x2002 << 112 | value << 80 | rest),
        ipaddress.IPv6Address(0x64FF9B << 96 | value),
        ipaddress.IPv6Address(0x20010000 << 96 | rest << 32 | value ^ 0xFFFFFFFF),
        inside,
    ]
    for address in written:
        assert judge_address(str(address), ()) is not None
    for address in (ipaddress.IPv6Address(number), ipaddress.IPv4Address(number & 0xFFFFFFFF)):
        parsed = parse_address(str(address))
        assert parsed in (address, getattr(address, "ipv4_mapped", None))
        if judge_address(str(address), ()) is None:
            assert parsed is not None
            assert parsed.is_global
            assert not parsed.is_multicast


def check_authority(value: bytes) -> None:
    """An authority is read as a canonical host and a port, or not at all."""
    host, port = _authority(value)
    if host is not None:
        assert canonical_host(host) == host
        assert port is None or 0 <= port <= 65535
        assert b"@" not in value


PATH_PARTS = st.sampled_from(
    [
        "/",
        "//",
        "..",
        ".",
        "%2e",
        "%2E",
        "%2f",
        "%5c",
        "\\",
        ";",
        "%3b",
        "%00",
        "%25",
        "a",
        "%c0%ae",
    ]
    + ["%252e", "+", "~", "é", "%e3%80%82", ";a=..", "%zz", "%"]
)
PATHS = st.one_of(st.text(max_size=60), st.lists(PATH_PARTS, max_size=14).map("".join))


def check_path(text: str) -> None:
    """No reading of a path holds a dot segment, however a server splits and decodes it once."""
    path = "/" + text
    try:
        found = readings(path)
    except ValueError:
        return
    assert 1 <= len(found) <= 2
    once = unquote(path)
    for way in (path, once, once.replace("\\", "/"), re.sub(";[^/]*", "", once)):
        assert not any(part in (".", "..") for part in way.split("/")), way
    assert all("\0" not in way and way.startswith("/") for way in found)


PACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
    "identity": bytes,
}
PACKED = st.tuples(
    st.binary(max_size=400),
    st.lists(st.sampled_from([*PACK]), max_size=4),
    st.integers(0, 200_000),
    st.one_of(st.none(), st.tuples(st.integers(0, 500), st.integers(0, 255))),
)


def check_decode(given: tuple[bytes, list[str], int, tuple[int, int] | None]) -> None:
    """What is decoded is what was packed and no larger than its bound."""
    plain, names, padding, damage = given
    whole = plain + bytes(padding)
    data = whole
    for name in names:
        data = PACK[name](data)
    if damage is not None and data:
        at = damage[0] % len(data)
        data = data[:at] + bytes([damage[1]]) + data[at + 1 :]
    try:
        found = decode(data, ", ".join(names), max_bytes=100_000, max_ratio=100)
    except DecodeError:
        return
    assert not names or all(name == "identity" for name in names) or len(found) <= 100_000
    if damage is None:
        assert found == whole


TYPES = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "text/plain", "application/xml", ""]
    + ["application/x-ndjson", "application/fhir+json", "multipart/form-data", "text/csv"]
    + ["text/plain; charset=utf-16", "application/octet-stream"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
BODIES = st.one_of(
    st.binary(max_size=120),
    st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
    JSON.map(lambda value: json.dumps(value).encode()),
    JSON.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    st.lists(
        st.sampled_from([b"a=", b"&", b"%41", b"+", b"=", b"%", b"\xff", b"{", b'"', b"]"]),
        max_size=16,
    ).map(b"".join),
)


def check_body(given: tuple[bytes, str]) -> None:
    """A body that is read as JSON means to Python what it means to the firewall."""
    data, kind = given
    try:
        body = parse(data, kind)
    except DecodeError:
        return
    if body.kind == "json":
        expected = json.loads(data)
        assert repr(body.value) == repr(expected) or body.value == expected
    assert body.data == data


GRAPHQL = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(
            ["query", "mutation", "{", "}", "(", ")", "pay", ":", "a", "...", "on", "fragment", "F"]
            + ["Mutation", "$v", "@skip(if: true)", '"""', "[1]", "1e9", ",", "#", "\n", " "]
        ),
        max_size=24,
    ).map(" ".join),
)


def _request(**changes: Any) -> HttpRequest:
    given: dict[str, Any] = {
        "method": "POST", "scheme": "https", "host": "api.test", "port": 443, "path": "/rpc",
        "query": {}, "body": None, "body_kind": "json", "headers": {},
    }  # fmt: skip
    return HttpRequest(**{**given, **changes})


def check_graphql(query: str) -> None:
    """A query is a list of fields or is refused; a payment in it is not overlooked."""
    for text, planted in ((query, False), (f"mutation {{ x: pay(a: 1) }} {query}", True)):
        try:
            found = field_calls(_request(body={"query": text}))
        except ToolError:
            continue
        if planted and not re.search(r"#|\bquery\b|\bmutation\b|[{\"]", query):
            assert any(call.field == "pay" for call in found)


JSON_PATHS = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(["$", ".", "a", "[0]", "[*]", "['x']", "/", "~1", "~", '["', "..", "é"]),
        max_size=10,
    ).map("".join),
)


def check_json_path(text: str) -> None:
    """A place in JSON is read or is refused with a `ValueError`."""
    try:
        steps = parse_path(text)
    except ValueError:
        return
    assert isinstance(steps, tuple)


GOOD_POLICY = {
    "apiVersion": "aegis/v1",
    "kind": "Policy",
    "metadata": {"name": "fuzz"},
    "destinations": [{"id": "api", "hosts": ["api.test"], "ports": [443]}],
    "tools": [
        {"id": "mcp.pay", "mcp": {"server": "api", "tool": "pay"}},
        {"id": "any.pay", "destination": "api", "http": {"methods": ["POST"], "path": "/rpc"}},
    ],
    "rules": [{"id": "r", "agents": ["*"], "destinations": ["api"], "effect": "allow"}],
}
KEYS = st.sampled_from(
    [
        "destinations",
        "tools",
        "rules",
        "mode",
        "limits",
        "metadata",
        "redaction",
        "kind",
        "x",
        "hosts",
    ]
)
VALUES = JSON | st.sampled_from(
    [
        "*",
        "api",
        [{"id": "a"}],
        {"id": "*"},
        "9" * 5000,
        {"hosts": ["*."]},
        [[]],
        {"name": "x" * 200},
    ]
)
POLICIES = st.one_of(
    st.text(max_size=120),
    st.dictionaries(KEYS, VALUES, max_size=4).map(
        lambda changes: yaml.safe_dump({**GOOD_POLICY, **changes}, allow_unicode=True)
    ),
    st.lists(
        st.sampled_from(
            [
                "a: ",
                "&x ",
                "*x",
                "- ",
                "\n",
                "  ",
                "{",
                "}",
                "!!python/object:os.system ",
                "<<: ",
                "? ",
                "|",
                "'",
                "[",
                "\t",
                "---\n",
            ]
        ),
        max_size=24,
    ).map("".join),
)


def check_policy(text: str) -> None:
    """A policy compiles, or is refused with places and reasons."""
    try:
        PolicySet(compile_policy(parse_policy(text, "fuzz.yaml")))
    except PolicyError:
        return


_TOOLS = PolicySet(compile_policy(parse_policy(yaml.safe_dump(GOOD_POLICY), "fuzz.yaml")))


def check_mcp(given: tuple[Any, bool]) -> None:
    """A call of a tool is found whatever stands beside it, or the body is refused."""
    noise, batch = given
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "pay", "arguments": noise},
    }
    if isinstance(noise, dict):
        call = {**noise, **call}
    body = [noise, call] if batch else call
    try:
        found = _TOOLS.match_tools(_request(body=body))
    except ToolError:
        return
    assert "mcp.pay" in [item.name for item in found]


def check_document(given: tuple[bytes, str]) -> None:
    """A document in which nothing is replaced is put together again byte by byte."""
    data, kind = given
    try:
        document = parse_document(kind, data)
        rebuilt = document.rebuild({})
    except UnsupportedDocument:
        return
    assert rebuilt == data


def check_url(text: str) -> None:
    """A URL in which nothing is replaced is put together again as it was."""
    url = "/" + text
    try:
        document = UrlDocument(url)
        rebuilt = document.rebuild({})
    except (UnsupportedDocument, UnicodeError):
        return
    assert rebuilt == url.encode()


DISGUISES = st.lists(
    st.sampled_from(
        [
            "0",
            "7",
            "8",
            "-",
            "\u2013",
            "\u200b",
            "%30",
            "%2530",
            "&#48;",
            "&#x38;",
            "\\u0030",
            "\uff10",
        ]
        + ["\u0660", "<!-- -->", "<b>", "&amp;#48;", "%", "&", "\\", "\U0001d7ce", "\u00ad", "é"]
    ),
    max_size=20,
).map("".join)


def check_normalise(text: str) -> None:
    """Each character of a plain text came from a place in the original, in order."""
    found = normalise(text)
    if found is None:
        return
    assert len(found.text) == len(found.starts) == len(found.ends)
    assert all(
        0 <= start < end <= len(text) for start, end in zip(found.starts, found.ends, strict=True)
    )
    assert list(found.starts) == sorted(found.starts)


TARGETS: dict[str, Target] = {
    "host": Target(HOSTS, check_host),
    "address": Target(st.integers(0, 2**128 - 1), check_address),
    "authority": Target(
        st.one_of(
            st.binary(max_size=60),
            st.tuples(HOSTS, st.text(":0123456789@[]", max_size=6)).map(
                lambda pair: "".join(pair).encode("utf-8", "surrogatepass")
            ),
        ),
        check_authority,
    ),
    "path": Target(PATHS, check_path),
    "decode": Target(PACKED, check_decode),
    "body": Target(st.tuples(BODIES, TYPES), check_body),
    "graphql": Target(GRAPHQL, check_graphql),
    "json-path": Target(JSON_PATHS, check_json_path),
    "policy": Target(POLICIES, check_policy),
    "mcp": Target(st.tuples(JSON, st.booleans()), check_mcp),
    "document": Target(st.tuples(BODIES, TYPES), check_document),
    "url": Target(PATHS, check_url),
    "normalise": Target(st.one_of(st.text(max_size=60), DISGUISES), check_normalise),
}
