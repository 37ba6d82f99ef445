"""What a policy means: references, ids, hosts and constraints, checked over all its documents."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from rules.check_agents import check_agents
from rules.check_passthrough import check_passthrough
from rules.check_tools import check_condition, check_tool
from rules.errors import HostError, Problem
from rules.hosts import canonical_host
from rules.marked_yaml import Marked, Path
from rules.schema import suggest

REACHED_BY_DEFAULT = {"https": 443, "http": 80}

SECTIONS = (
    "agents", "destinations", "tools", "data", "rules", "approvals", "budgets", "rates", "regions",
    "redaction",
)  # fmt: skip
SETTINGS = ("mode", "onError", "limits")
ORGANISATIONS = (
    "onError", "limits", "destinations", "tools", "data", "delegation", "recognizers",
)  # fmt: skip
"""What only the organisation's policy says."""

Names = dict[str, None]
Known = dict[str, Names]
"""The ids of each section, in their order."""

_ONE_NAMESPACE = {"rates": "budgets"}

REFERENCES = (
    ("tools", "data", "data"),
    ("data", "tools", "tools"),
    ("data", "destinations", "destinations"),
    ("rules", "destinations", "destinations"),
    ("rules", "tools", "tools"),
    ("rules", "redact", "redaction"),
    ("budgets", "destinations", "destinations"),
    ("budgets", "tools", "tools"),
    ("rates", "destinations", "destinations"),
    ("rates", "tools", "tools"),
    ("regions", "data", "data"),
    ("redaction", "destinations", "destinations"),
    ("redaction", "tools", "tools"),
    ("redaction", "data", "data"),
)


def ports_of(destination: dict[str, Any]) -> list[int]:
    """Give the ports of a destination, by default those of its schemes."""
    schemes = destination.get("schemes") or ["https"]
    return list(destination.get("ports") or [REACHED_BY_DEFAULT[scheme] for scheme in schemes])


def check_documents(documents: Sequence[Marked]) -> list[Problem]:
    """Give every mistake in the meaning of the documents of one policy."""
    layers: dict[str, list[Marked]] = {}
    for marked in documents:
        layers.setdefault(marked.data["metadata"].get("tenant", ""), []).append(marked)
    organisation = layers.get("")
    if organisation is None:
        (marked, *_) = documents
        return [
            marked.problem(
                ("metadata", "tenant"),
                "a tenant's policy does not stand alone",
                "Put it into one folder with the organisation's, which names no tenant.",
            )
        ]
    found: list[Problem] = []
    shared = _ids(organisation)
    for tenant, own in layers.items():
        known = _ids(own)
        if tenant:
            found += _only_the_organisations(own)
            known = {
                section: {**shared[section], **names}
                if section in ("agents", "destinations", "tools", "data", "approvals")
                else names
                for section, names in known.items()
            }
        found += _settings_once(own)
        found += _duplicates(own)
        found += check_passthrough(organisation, own)
        for marked in own:
            found += _check(marked, known)
            found += _check_groups(marked, [*organisation, *own])
    found += _hosts_once(organisation)
    found += _recognizers_once(organisation)
    found += check_agents(layers)
    return sorted(dict.fromkeys(found), key=lambda p: (p.file, p.line, p.column))


def _ids(documents: Iterable[Marked]) -> Known:
    return {
        section: {
            item["id"]: None for marked in documents for item in marked.data.get(section) or []
        }
        for section in SECTIONS
    }


def _only_the_organisations(documents: Iterable[Marked]) -> Iterator[Problem]:
    for marked in documents:
        for key in ORGANISATIONS:
            if key in marked.data:
                yield marked.problem(
                    (key,),
                    f"'{key}' is not a tenant's to say",
                    "Move it to the organisation's policy.",
                    at_key=True,
                )


def _settings_once(documents: Sequence[Marked]) -> Iterator[Problem]:
    for key in SETTINGS:
        named = [marked for marked in documents if key in marked.data]
        for marked in named[1:]:
            yield marked.problem(
                (key,), f"'{key}' is said in {named[0].name} already", "Say it once.", at_key=True
            )


def _duplicates(documents: Iterable[Marked]) -> Iterator[Problem]:
    taken: dict[tuple[str, str], str] = {}
    for marked in documents:
        for section in SECTIONS:
            for index, item in enumerate(marked.data.get(section) or []):
                place: Path = (section, index, "id")
                key = (_ONE_NAMESPACE.get(section, section), item["id"])
                if key in taken:
                    yield marked.problem(
                        place, f"the id '{item['id']}' is taken, in {taken[key]}",
                        "Give each its own id.",
                    )  # fmt: skip
                else:
                    taken[key] = f"{marked.name}:{marked.line(place)}"


def _recognizers_once(documents: Iterable[Marked]) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for marked in documents:
        for index, item in enumerate(marked.data.get("recognizers") or []):
            place: Path = ("recognizers", index, "name")
            first = taken.setdefault(item["name"], f"{marked.name}:{marked.line(place)}")
            if first != f"{marked.name}:{marked.line(place)}":
                yield marked.problem(
                    place,
                    f"the name '{item['name']}' is taken, in {first}",
                    "Give each its own name.",
                )


def _check(marked: Marked, known: Known) -> Iterator[Problem]:
    data = marked.data
    for section, key, target in REFERENCES:
        for index, item in enumerate(data.get(section) or []):
            star = section not in ("rules", "data") or key != "tools"
            yield from _references(marked, (section, index, key), item, known[target], star=star)
    for index, destination in enumerate(data.get("destinations") or []):
        yield from _check_destination(marked, ("destinations", index), destination)
    for index, tool in enumerate(data.get("tools") or []):
        yield from check_tool(marked, ("tools", index), tool, known["destinations"])
    for index, rule in enumerate(data.get("rules") or []):
        yield from _check_rule(marked, ("rules", index), rule, known)
    for section in ("budgets", "rates"):
        for index, item in enumerate(data.get(section) or []):
            yield from _check_spending(marked, (section, index), item, known)


def _references(
    marked: Marked, path: Path, item: dict[str, Any], known: Names, *, star: bool = True
) -> Iterator[Problem]:
    for index, name in enumerate(item.get(str(path[-1])) or []):
        if name in known or (star and name == "*"):
            continue
        what = {"data": "data label", "redact": "redaction"}.get(
            str(path[-1]), str(path[-1]).rstrip("s")
        )
        yield marked.problem(
            (*path, index), f"there is no {what} '{name}'", suggest(name, list(known))
        )


def _check_groups(marked: Marked, documents: Iterable[Marked]) -> Iterator[Problem]:
    groups = {
        group
        for document in documents
        for agent in document.data.get("agents") or []
        for group in agent.get("groups") or []
    }
    for section, key in (
        ("rules", "agents"), ("budgets", "agents"), ("rates", "agents"), ("delegation", "agents"),
        ("delegation", "for"),
    ):  # fmt: skip
        for index, item in enumerate(marked.data.get(section) or []):
            for at, name in enumerate(item.get(key) or []):
                if name.startswith("group:") and groups and name[6:] not in groups:
                    yield marked.problem(
                        (section, index, key, at),
                        f"no agent of this policy is in the group '{name[6:]}'",
                        suggest(name[6:], sorted(groups)),
                    )


def _check_destination(
    marked: Marked, here: Path, destination: dict[str, Any]
) -> Iterator[Problem]:
    for at, text in enumerate(destination["hosts"]):
        yield from _check_host(marked, (*here, "hosts", at), text)
    for region, text in (destination.get("endpoints") or {}).items():
        place = (*here, "endpoints", region)
        if text.startswith("*."):
            yield marked.problem(place, "an endpoint is one host", "Write its name out.")
        else:
            yield from _check_host(marked, place, text)
    for at, text in enumerate(destination.get("addresses") or []):
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            yield marked.problem(
                (*here, "addresses", at),
                f"'{text}' is no network: {error}",
                "Write it like 10.0.0.0/8 or 192.168.1.5/32.",
            )


def _check_host(marked: Marked, place: Path, text: str) -> Iterator[Problem]:
    host = text[2:] if text.startswith("*.") else text
    if "://" in text or "/" in text:
        yield marked.problem(place, f"'{text}' is a URL", "Write the host name alone.")
    elif "*" in host:
        yield marked.problem(
            place,
            f"'{text}' has a wildcard inside",
            "A wildcard stands alone in front: *.example.com.",
        )
    else:
        try:
            canonical_host(host)
        except HostError as error:
            yield marked.problem(place, f"'{text}' is no host: {error}", "Correct the name.")


def _hosts_once(documents: Iterable[Marked]) -> Iterator[Problem]:
    """Report a host that two destinations claim by the same scheme and port."""
    taken: dict[tuple[str, str, int], str] = {}
    for marked in documents:
        for index, destination in enumerate(marked.data.get("destinations") or []):
            for at, text in enumerate(destination["hosts"]):
                wild = "*." if text.startswith("*.") else ""
                try:
                    name = wild + canonical_host(text.removeprefix("*."))
                except HostError:
                    continue  # reported already
                for scheme in destination.get("schemes") or ["https"]:
                    for port in ports_of(destination):
                        owner = taken.setdefault((name, scheme, port), destination["id"])
                        if owner != destination["id"]:
                            yield marked.problem(
                                ("destinations", index, "hosts", at),
                                f"'{text}' with {scheme} and port {port} belongs to '{owner}' "
                                "already",
                                "Name it in one destination only.",
                            )


def _check_rule(
    marked: Marked, here: Path, rule: dict[str, Any], known: Known
) -> Iterator[Problem]:
    when = rule.get("when") or {}
    if "approval" in rule and rule["effect"] != "require_approval":
        yield marked.problem(
            (*here, "approval"), "only a rule that requires approval names one", "Leave it out."
        )
    if "redact" in rule and rule["effect"] != "sanitize":
        yield marked.problem(
            (*here, "redact"), "only a rule that sanitizes names redactions", "Leave it out."
        )
    yield from _check_approval(marked, here, rule, known)
    if "arguments" in when and not rule.get("tools"):
        yield marked.problem(
            (*here, "when", "arguments"),
            "arguments are a tool's, and this rule names no tools",
            "Name them with `tools`.",
        )
    yield from _references(marked, (*here, "when", "data"), when, known["data"], star=False)
    for name, condition in (when.get("arguments") or {}).items():
        yield from check_condition(marked, (*here, "when", "arguments", name), condition)
    for at, window in enumerate(when.get("time") or []):
        place = (*here, "when", "time", at)
        if "zone" in window:
            try:
                ZoneInfo(window["zone"])
            except (ValueError, OSError):
                yield marked.problem(
                    (*place, "zone"),
                    f"there is no time zone '{window['zone']}'",
                    "Write it like Europe/Berlin, or UTC.",
                )
        if "from" in window and window["from"] == window.get("to"):
            yield marked.problem((*place, "to"), "the window is empty", "Leave both out for all.")


def _check_approval(
    marked: Marked, here: Path, item: dict[str, Any], known: Known
) -> Iterator[Problem]:
    name = item.get("approval")
    if name is not None and name not in known["approvals"]:
        yield marked.problem(
            (*here, "approval"),
            f"there is no approval '{name}'",
            suggest(name, list(known["approvals"])),
        )


def _check_spending(
    marked: Marked, here: Path, item: dict[str, Any], known: Known
) -> Iterator[Problem]:
    yield from _check_approval(marked, here, item, known)
    if item["scope"] == "group" and not all(
        name.startswith("group:") for name in item.get("agents") or ["*"]
    ):
        yield marked.problem(
            (*here, "scope"),
            "a budget by group needs to know the groups",
            "Name them under `agents` as group:NAME.",
        )
