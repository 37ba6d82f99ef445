"""What a policy looks at of a request: only that goes to the engine, and decisions hang on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.decision import ToolCall
from rules.tools import AMBIGUOUS

_NOTHING: frozenset[str] = frozenset()


class ReadSet:
    """The arguments, time zones and data labels that a compiled policy reads."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        by_guard = {
            name: frozenset(
                part["check"]["argument"] for part in parts if part["kind"] == "argument"
            )
            for name, parts in config["guards"].items()
        }
        arguments: dict[str, frozenset[str]] = {
            name: frozenset(check["argument"] for check in tool["checks"])
            for name, tool in config["tools"].items()
            if tool["checks"]
        }
        for tool, guard in _guarded(config):
            arguments[tool] = arguments.get(tool, _NOTHING) | by_guard[guard]
        self._arguments = arguments
        self._folded = {
            tool: {name.casefold(): name for name in names} for tool, names in arguments.items()
        }
        self._all = bool(config["own"])
        self.zones: Sequence[str] = sorted(
            {
                window["zone"]
                for parts in config["guards"].values()
                for part in parts
                if part["kind"] == "time"
                for window in part["windows"]
            }
        )
        looked_at = _labels(config)
        labels = config["labels"]
        self.labelled_entities: Mapping[str, Sequence[str]] = {
            name: labels[name]["entities"] for name in sorted(looked_at) if labels[name]["entities"]
        }
        self._of_tools = _declared(labels, "tools")
        self._of_places = _declared(labels, "destinations")

    def arguments(self, call: ToolCall | None) -> dict[str, Any]:
        """Give the arguments of a call that the policy looks at."""
        if call is None:
            return {}
        read = self._arguments.get(call.name, _NOTHING)
        folded = self._folded.get(call.name, {})
        found = {}
        unsure = []
        for name, value in call.arguments.items():
            if self._all or name in read:
                found[name] = value
            if read and name not in read and name.casefold() in folded:
                # Some readers take it for the argument that it is alike but for case.
                unsure.append(folded[name.casefold()])
        return found | {name: {AMBIGUOUS: True} for name in unsure} if unsure else found

    def declared(self, destination: str, call: ToolCall | None) -> Sequence[str]:
        """Give the data labels that a request has by declaration."""
        found = self._of_places.get(destination, ())
        if call is not None and call.name in self._of_tools:
            found = (*found, *self._of_tools[call.name])
        return found


def _guarded(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for layer in config["layers"].values():
        for table in ("restrict", "permit", "shadow_restrict", "shadow_permit"):
            for tools in layer[table].values():
                for tool, cells in tools.items():
                    for entries in cells.values():
                        yield from ((tool, entry[3]) for entry in entries if entry[3])


def _labels(config: Mapping[str, Any]) -> set[str]:
    """Give the data labels on which anything in a policy depends."""
    found = {
        label
        for parts in config["guards"].values()
        for part in parts
        if part["kind"] == "data"
        for label in part["labels"]
    }
    for layer in config["layers"].values():
        for fence in layer["regions"]:
            found.update(fence["data"])
    for redaction in config["redaction"].values():
        found.update(redaction["data"])
    return found


def _declared(labels: Mapping[str, Any], key: str) -> dict[str, tuple[str, ...]]:
    by_name: dict[str, tuple[str, ...]] = {}
    for label, item in labels.items():
        for name in item[key]:
            by_name[name] = (*by_name.get(name, ()), label)
    return by_name
