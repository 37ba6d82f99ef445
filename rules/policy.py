"""A policy as it was written: loaded, checked whole, with the place of each of its parts."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from rules.errors import HostError, PolicyError, Problem, refused
from rules.hosts import canonical_host
from rules.marked_yaml import MAX_BYTES, Marked, Path, read
from rules.patterns import PatternError, portable_pattern
from rules.schema import check_shape, suggest

REACHED_BY_DEFAULT = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy whose shape, references and values are right."""

    marked: Marked

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.marked.data["metadata"]["name"])

    def section(self, key: str) -> list[dict[str, Any]]:
        """Give a list of the policy, empty where it is left out."""
        return list(self.marked.data.get(key) or [])

    def source(self, *path: str | int) -> str:
        """Give the file and line of a part."""
        return f"{self.marked.name}:{self.marked.line(path)}"


def load_policy(path: FilePath) -> Policy:
    """Load a policy from a YAML or JSON file; raises `PolicyError` with every mistake in it."""
    name = path.name
    try:
        if path.is_dir():
            raise refused(name, "this is a folder", "Give a file.")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise refused(str(path), "there is no such file", "Check the path.") from None
    except OSError as error:
        raise refused(
            str(path), f"the file cannot be read ({error.strerror})", "Check its rights."
        ) from None
    return parse_policy(content, name)


def parse_policy(text: str | bytes, name: str) -> Policy:
    """Read a policy from text; `name` is its file in messages. Raises `PolicyError`."""
    marked = read(text.encode() if isinstance(text, str) else text, name)
    if not isinstance(marked.data, dict):
        raise PolicyError(
            [marked.problem((), "a policy is a mapping", "Begin with `apiVersion: aegis/v1`.")]
        )
    problems = check_shape(marked)
    if not problems:
        problems = list(_check_meaning(marked))
    if problems:
        raise PolicyError(problems)
    return Policy(marked)


def ports_of(destination: dict[str, Any]) -> list[int]:
    """Give the ports of a destination, by default those of its schemes."""
    schemes = destination.get("schemes") or ["https"]
    return list(destination.get("ports") or [REACHED_BY_DEFAULT[scheme] for scheme in schemes])


def _check_meaning(marked: Marked) -> Iterable[Problem]:
    data = marked.data
    known: dict[str, list[str]] = {}
    for section in ("agents", "destinations", "tools", "rules", "redaction"):
        known[section] = [item["id"] for item in data.get(section) or []]
        yield from _duplicates(marked, section, known[section])
    yield from _check_destinations(marked, data.get("destinations") or [])
    yield from _check_tools(marked, data.get("tools") or [], known["destinations"])
    groups = {group for agent in data.get("agents") or [] for group in agent.get("groups") or []}
    for index, rule in enumerate(data.get("rules") or []):
        here: Path = ("rules", index)
        yield from _references(marked, (*here, "destinations"), rule, known["destinations"])
        yield from _references(marked, (*here, "tools"), rule, known["tools"], star=False)
        for at, agent in enumerate(rule["agents"]):
            if agent.startswith("group:") and groups and agent[6:] not in groups:
                yield marked.problem(
                    (*here, "agents", at),
                    f"no agent of this policy is in the group '{agent[6:]}'",
                    suggest(agent[6:], sorted(groups)),
                )
    for index, redaction in enumerate(data.get("redaction") or []):
        yield from _references(
            marked, ("redaction", index, "destinations"), redaction, known["destinations"]
        )


def _duplicates(marked: Marked, section: str, ids: list[str]) -> Iterable[Problem]:
    for index, name in enumerate(ids):
        first = ids.index(name)
        if first < index:
            line = marked.line((section, first, "id"))
            yield marked.problem(
                (section, index, "id"),
                f"the id '{name}' is taken, in line {line}",
                "Give each its own id.",
            )


def _references(
    marked: Marked, path: Path, item: dict[str, Any], known: list[str], *, star: bool = True
) -> Iterable[Problem]:
    for index, name in enumerate(item.get(str(path[-1])) or []):
        if name in known or (star and name == "*"):
            continue
        what = str(path[-1]).rstrip("s")
        yield marked.problem((*path, index), f"there is no {what} '{name}'", suggest(name, known))


def _check_destinations(marked: Marked, destinations: list[dict[str, Any]]) -> Iterable[Problem]:
    taken: dict[tuple[str, str, int], str] = {}
    for index, destination in enumerate(destinations):
        here: Path = ("destinations", index)
        for at, text in enumerate(destination["hosts"]):
            place = (*here, "hosts", at)
            host = text[2:] if text.startswith("*.") else text
            if "://" in text or "/" in text:
                yield marked.problem(place, f"'{text}' is a URL", "Write the host name alone.")
                continue
            if "*" in host:
                yield marked.problem(
                    place,
                    f"'{text}' has a wildcard inside",
                    "A wildcard stands alone in front: *.example.com.",
                )
                continue
            try:
                name = text[: len(text) - len(host)] + canonical_host(host)
            except HostError as error:
                yield marked.problem(place, f"'{text}' is no host: {error}", "Correct the name.")
                continue
            for scheme in destination.get("schemes") or ["https"]:
                for port in ports_of(destination):
                    owner = taken.setdefault((name, scheme, port), destination["id"])
                    if owner != destination["id"]:
                        yield marked.problem(
                            place,
                            f"'{text}' with {scheme} and port {port} belongs to '{owner}' already",
                            "Name it in one destination only.",
                        )
        for at, text in enumerate(destination.get("addresses") or []):
            try:
                ipaddress.ip_network(text)
            except ValueError as error:
                yield marked.problem(
                    (*here, "addresses", at),
                    f"'{text}' is no network: {error}",
                    "Write it like 10.0.0.0/8 or 192.168.1.5/32.",
                )


def _check_tools(
    marked: Marked, tools: list[dict[str, Any]], destinations: list[str]
) -> Iterable[Problem]:
    for index, tool in enumerate(tools):
        here: Path = ("tools", index)
        if "mcp" in tool:
            owner, place = tool["mcp"]["server"], (*here, "mcp", "server")
        else:
            owner, place = tool["destination"], (*here, "destination")
            yield from _check_template(marked, (*here, "http", "path"), tool["http"]["path"])
        if owner not in destinations:
            yield marked.problem(
                place, f"there is no destination '{owner}'", suggest(owner, destinations)
            )
        for name, constraint in (tool.get("arguments") or {}).items():
            yield from _check_argument(marked, (*here, "arguments", name), name, constraint)


def _check_template(marked: Marked, path: Path, template: str) -> Iterable[Problem]:
    segments = template.split("/")[1:]
    names: list[str] = []
    for index, segment in enumerate(segments):
        inner = segment[1:-1] if segment.startswith("{") and segment.endswith("}") else ""
        if not inner and ("{" in segment or "}" in segment):
            yield marked.problem(
                path, f"'{segment}' mixes text and braces", "A {name} stands for a whole segment."
            )
        if inner.endswith("*") and index != len(segments) - 1:
            yield marked.problem(path, "{name*} stands for the rest", "Put it at the end.")
        if inner:
            if inner in names:
                yield marked.problem(path, f"'{inner}' stands twice", "Give each its own name.")
            names.append(inner)
        if segment in (".", ".."):
            yield marked.problem(path, "dot segments are never sent", "Write the path plainly.")


def _check_argument(marked: Marked, path: Path, name: str, constraint: Any) -> Iterable[Problem]:
    if not isinstance(constraint, dict):
        if not name.startswith(("max_", "min_")) or len(name) < 5:
            yield marked.problem(
                path,
                f"a number says nothing about the argument '{name}'",
                f"Write max_{name}: {constraint}, or {name}: {{max: {constraint}}}.",
            )
        return
    if not constraint:
        yield marked.problem(path, "no constraint is given", "Name one, such as required: true.")
    pairs: list[tuple[str, str, Callable[[Any, Any], bool]]] = [
        ("min", "max", lambda low, high: low > high),
        ("min_length", "max_length", lambda low, high: low > high),
    ]
    for low, high, wrong in pairs:
        if low in constraint and high in constraint and wrong(constraint[low], constraint[high]):
            yield marked.problem(
                (*path, high), f"{high} is smaller than {low}", "Exchange the two."
            )
    if "pattern" in constraint:
        try:
            portable_pattern(constraint["pattern"])
        except PatternError as error:
            yield marked.problem((*path, "pattern"), str(error), error.mend)
