"""What a policy may not promise of destinations whose TLS passes through unread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.errors import Problem
from rules.marked_yaml import Marked

UNREAD = "says `tls: passthrough`, so nothing there is read or changed"
NOT_THERE = {
    "endpoints": "a call that is not read cannot be sent to another region",
    "trust": "the client checks the certificate itself",
    "client_certificate": "the client shows a certificate of its own",
}
_SELECTORS = ("destinations", "tiers", "tools", "data")


def check_passthrough(
    organisation: Sequence[Marked], documents: Sequence[Marked]
) -> Iterator[Problem]:
    """Report what cannot be done there in the documents of one layer of a policy."""
    unread = {
        item["id"]: item
        for marked in organisation
        for item in marked.data.get("destinations") or []
        if item.get("tls") == "passthrough"
    }
    if not unread:
        return
    for marked in documents:
        yield from _destinations(marked)
        yield from _tools(marked, unread)
        yield from _rules(marked, unread)
        yield from _redactions(marked, unread, documents)


def _destinations(marked: Marked) -> Iterator[Problem]:
    for index, item in enumerate(marked.data.get("destinations") or []):
        if item.get("tls") != "passthrough":
            continue
        if "http" in (item.get("schemes") or []):
            yield marked.problem(
                ("destinations", index, "schemes"),
                "plain http has no TLS that could pass through",
                "Put it into a destination of its own, without `tls: passthrough`.",
            )
        for key, why in NOT_THERE.items():
            if key in item:
                yield marked.problem(
                    ("destinations", index, key),
                    f"'{item['id']}' {UNREAD}: {why}",
                    f"Leave out `{key}` or `tls: passthrough`.",
                    at_key=True,
                )


def _tools(marked: Marked, unread: Mapping[str, Any]) -> Iterator[Problem]:
    for index, tool in enumerate(marked.data.get("tools") or []):
        owner = tool["mcp"]["server"] if "mcp" in tool else tool["destination"]
        if owner in unread:
            key = ("mcp", "server") if "mcp" in tool else ("destination",)
            yield marked.problem(
                ("tools", index, *key),
                f"'{owner}' {UNREAD}: no call of a tool can be seen there",
                "Leave out the tool or `tls: passthrough`.",
            )


def _rules(marked: Marked, unread: Mapping[str, Any]) -> Iterator[Problem]:
    for index, rule in enumerate(marked.data.get("rules") or []):
        named = [name for name in rule.get("destinations") or [] if name in unread]
        if rule["effect"] == "sanitize" and named:
            yield marked.problem(
                ("rules", index, "effect"),
                f"'{named[0]}' {UNREAD}: nothing can be taken out",
                "Write `allow` for it in a rule of its own, or leave out `tls: passthrough`.",
            )


def _redactions(
    marked: Marked, unread: Mapping[str, Any], documents: Sequence[Marked]
) -> Iterator[Problem]:
    named = {
        name
        for other in documents
        for rule in other.data.get("rules") or []
        for name in rule.get("redact") or []
    }
    for index, item in enumerate(marked.data.get("redaction") or []):
        alone = item["id"] in named and not any(key in item for key in _SELECTORS)
        # One for tools never applies where there are none.
        if alone or "tools" in item:
            continue
        for name, place in unread.items():
            wanted, tiers = item.get("destinations"), item.get("tiers")
            if (wanted is None or name in wanted or "*" in wanted) and (
                tiers is None or place.get("tier", "") in tiers or "*" in tiers
            ):
                yield marked.problem(
                    ("redaction", index),
                    f"'{item['id']}' applies to '{name}' too, which {UNREAD}",
                    "Name the redaction's destinations without it, or leave out "
                    "`tls: passthrough`.",
                )
