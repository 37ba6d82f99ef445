"""Input documents at random for any compiled policy, by what its tables name.

Most go together, so that rules, constraints and obligations are reached; all are bent somewhere.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from typing import Any

TEXTS = (
    "", "x", "Ada", "40", "5001", "true", "null", "x" * 81, "\0", "\u0130", "\U0001f600", "e\u0301",
    "\u2028", "<&>", 'a"b\\c', "DE1234", "2026-01-01", "{}", "\x7f", "\ufeff",
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 0.0, 0.5, -0.5, 1.0, 39.999, 40, 5000, 5001, 2**31, 2**53, -(2**53), 1e15, 1e-7, 1e21,
    1e300, 9007199254740993,
)  # fmt: skip
_OPTIONAL = ("tool", "data", "region", "environment", "clock", "facts", "on_behalf_of", "request")
HOSTS = ("", "test", "example.test", "10.0.0.1", "::1", "xn--nxasmq6b.test", "a..b", ".")


class PolicyInputs:
    """Makes inputs for one policy; the same seed gives the same inputs."""

    def __init__(self, data: Mapping[str, Any], seed: int) -> None:
        config = data["aegis_cfg"]
        self._random = random.Random(seed)
        self._cells = list(_cells(config))
        self._agents = sorted({*config["agents"], *_named(self._cells, "agent:"), "guest", ""})
        self._known = config["agents"]
        self._groups = sorted(
            {
                *(group for agent in self._known.values() for group in agent["groups"]),
                *_named(self._cells, "group:"),
                "other",
            }
        )
        self._tenants = sorted(
            {*config["layers"], *(agent["tenant"] for agent in self._known.values()), "default"}
        )
        self._ends = list(_ends(config))
        self._tools = sorted(config["tools"])
        checks = [check for tool in config["tools"].values() for check in tool["checks"]]
        parts = [part for parts in config["guards"].values() for part in parts]
        checks += [part["check"] for part in parts if part["kind"] == "argument"]
        self._bounds: dict[str, list[Any]] = {}
        for check in checks:
            if check["argument"]:
                self._bounds.setdefault(check["argument"], []).append(check)
        self._data = sorted({*config["labels"], "other"})
        self._labels: dict[str, list[str]] = {}
        self._zones = {"UTC"}
        for part in parts:
            if part["kind"] == "label":
                self._labels.setdefault(part["name"], []).extend(part["values"])
            elif part["kind"] == "time":
                self._zones.update(window["zone"] for window in part["windows"])
        self._ids = sorted({*config["rules"], *config["budgets"], "no-such-rule"})
        self._redactions = sorted(config["redaction"]) or ["none"]

    def many(self, count: int) -> Iterator[dict[str, Any]]:
        """Give inputs, one after the other."""
        for _ in range(count):
            yield self.one()

    def one(self) -> dict[str, Any]:
        """Give one input."""
        rnd = self._random
        document = self._likely()
        for _ in range(rnd.choice((0, 0, 0, 1, 1, 3))):
            self._bend(document)
        return document

    def _likely(self) -> dict[str, Any]:
        rnd = self._random
        destination, tool, key = rnd.choice(self._cells) if self._cells else ("", "*", "*")
        ends = [end for end in self._ends if end[0] == destination] or self._ends
        _, scheme, host, port = rnd.choice(ends) if ends else ("", "https", "x.test", 443)
        agent = self._agent(key)
        document: dict[str, Any] = {
            "stage": rnd.choice(("request", "request", "request", "request", "connect")),
            "agent": agent,
            "destination": {"scheme": scheme, "host": host, "port": port},
            "request": {
                "method": rnd.choice(("GET", "POST")),
                "body": "json",
                "opaque": rnd.choice((0, 0, 0, 1000, 1001, "0")),
            },
            "region": {
                "host": rnd.choice(([], ["eu-west-1", "eu"], ["us"])),
                "asked": rnd.choice(([], [], [["eu"]], [["us"], ["eu"]], [[]])),
                "later": rnd.random() < 0.5,
            },
            "data": rnd.sample(self._data, rnd.choice((0, 0, 1, min(2, len(self._data))))),
            "environment": {
                name: rnd.choice([*values, "", "other"]) for name, values in self._labels.items()
            },
            "clock": {
                zone: {"day": rnd.randrange(7), "minute": rnd.randrange(1440)}
                for zone in sorted(self._zones)
            },
        }
        if tool == "*" and self._tools and rnd.random() < 0.5:
            tool = rnd.choice(self._tools)
        if tool != "*":
            document["tool"] = {
                "name": tool,
                "kind": rnd.choice(("http", "http", "mcp", "a2a", "graphql")),
                "open": rnd.random() < 0.1,
                "readable": rnd.random() < 0.9,
                "arguments": self._arguments(),
            }
        if rnd.random() < 0.3:
            document["facts"] = {
                "exceeded": self._some(self._ids),
                "approved": self._some(self._ids),
            }
        if rnd.random() < 0.2:
            document["on_behalf_of"] = [self._agent("*") for _ in range(rnd.choice((0, 1, 1, 2)))]
        return document

    def _agent(self, key: str) -> dict[str, Any]:
        rnd = self._random
        name = key.removeprefix("agent:") if key.startswith("agent:") else rnd.choice(self._agents)
        known = self._known.get(name, {"groups": [], "tenant": "default", "proof": []})
        groups = {*known["groups"], *self._some(self._groups)}
        if key.startswith("group:"):
            groups.add(key.removeprefix("group:"))
        return {
            "id": name,
            "tenant": known["tenant"] if rnd.random() < 0.85 else rnd.choice(self._tenants),
            "groups": sorted(groups),
            "proof": rnd.choice((*known["proof"] * 8, "token", "client_certificate")),
        }

    def _arguments(self) -> dict[str, Any]:
        rnd = self._random
        good = rnd.random() < 0.6
        found = {
            name: self._good(checks) if good else self._near(rnd.choice(checks))
            for name, checks in self._bounds.items()
            if good or rnd.random() < 0.85
        }
        if rnd.random() < 0.3:
            found[rnd.choice([*self._bounds, "other", ""])] = self._value(2)
        return found

    def _good(self, checks: list[Any]) -> Any:
        """Give, of values about the bounds of all checks, one that keeps to the most of them."""
        found = [self._near(self._random.choice(checks)) for _ in range(12)]
        return max(found, key=lambda value: sum(_keeps(check, value) for check in checks))

    def _near(self, check: Mapping[str, Any]) -> Any:
        """Give a value that is likely to be about where the check changes its mind."""
        rnd = self._random
        bound = check["bound"]
        if rnd.random() < 0.1:
            return self._value(2)
        value: Any
        if check["family"] == "number":
            value = rnd.choice((bound, bound + 1, bound - 1, bound / 2, float(bound), str(bound)))
        elif check["family"] == "size":
            size = max(0, int(bound) + rnd.choice((-1, 0, 1)))
            value = rnd.choice(("x" * size, "\U0001f600" * size, ["x"] * size))
        elif check["family"] == "set":
            value = rnd.choice([*bound, "other", str(bound[0]), [bound[0]]])
        elif check["family"] == "text":
            value = rnd.choice(("AB1234", "US1", "DE123456", "us1", "", "AB12\n", 7))
        else:
            value = self._value(1)
        # Constraints on elements, and on what a path found.
        for _ in range(check.get("each", 0)):
            value = [value] * rnd.choice((0, 1, 1, 2))
        return value

    def _bend(self, document: dict[str, Any]) -> None:
        """Change one thing somewhere: another value, away, or one more."""
        rnd = self._random
        arguments = document.get("tool", {}).get("arguments")
        what = rnd.random()
        if what < 0.1:
            document["destination"]["host"] = self._host(document["destination"]["host"])
        elif what < 0.15:
            document["destination"]["port"] = rnd.choice((0, 80, 443, 8443, 65535))
        elif what < 0.25:
            document["agent"] = self._agent("*")
        elif what < 0.45:
            document.pop(rnd.choice(_OPTIONAL), None)
        elif what < 0.5 and arguments is not None:
            document["tool"].pop(rnd.choice(list(document["tool"])))
        elif arguments:
            name = rnd.choice(list(arguments))
            if rnd.random() < 0.3:
                del arguments[name]
            else:
                arguments[name] = self._value(2)

    def broken(self) -> dict[str, Any]:
        """Give an input of a form that the firewall never writes."""
        rnd = self._random
        document = self.one()
        place = document
        while True:
            key = rnd.choice(list(place))
            if not isinstance(place[key], dict) or not place[key] or rnd.random() < 0.3:
                break
            place = place[key]
        if rnd.random() < 0.3:
            del place[key]
        else:
            place[key] = self._value(2)
        return document

    def _host(self, host: str) -> str:
        rnd = self._random
        return rnd.choice((f"a.{host}", f"a.b.{host}", f"evil{host}", f"{host}.evil.test", *HOSTS))

    def _some(self, names: list[str]) -> list[str]:
        return self._random.sample(names, min(len(names), self._random.choice((0, 0, 1, 2))))

    def _value(self, depth: int) -> Any:
        rnd = self._random
        kind = rnd.randrange(8 if depth else 6)
        if kind == 0:
            return rnd.choice((None, True, False))
        if kind in (1, 2):
            return rnd.choice(NUMBERS)
        if kind < 6:
            return rnd.choice(TEXTS)
        if kind == 6:
            return [self._value(depth - 1) for _ in range(rnd.randrange(4))]
        return {rnd.choice(TEXTS): self._value(depth - 1) for _ in range(rnd.randrange(3))}


def _cells(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Give what the rules are about: destination, tool and agent."""
    for layer in config["layers"].values():
        for table in ("restrict", "permit", "shadow_restrict", "shadow_permit"):
            for destination, tools in layer[table].items():
                for tool, agents in tools.items():
                    yield from ((destination, tool, agent) for agent in agents)


def _named(cells: list[tuple[str, str, str]], prefix: str) -> list[str]:
    return [key.removeprefix(prefix) for _, _, key in cells if key.startswith(prefix)]


def _ends(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str, int]]:
    """Give what there is to be reached: destination, scheme, host and port."""
    for prefix, table in (("", config["hosts"]), ("a.", config["suffixes"])):
        for host, ends in table.items():
            for end, destination in ends.items():
                scheme, _, port = end.partition(":")
                if scheme != "connect":
                    yield destination, scheme, prefix + host, int(port)


_TYPES = {"string": str, "number": (int, float), "integer": int, "boolean": bool, "array": list}


def _keeps(check: Mapping[str, Any], value: Any) -> bool:
    """Guess whether a value keeps to a check; only so that enough inputs do."""
    bound, kind = check["bound"], check["kind"]
    if check.get("each", 0):
        return isinstance(value, list) and all(
            _keeps({**check, "each": check["each"] - 1}, inner) for inner in value
        )
    if check["family"] == "size" and isinstance(value, str | list):
        value = len(value)
    if check["family"] in ("number", "size"):
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        below, above = kind.startswith("max"), kind.startswith("min")
        return value <= bound if below else value >= bound if above else True
    if check["family"] == "text":
        return isinstance(value, str) and re.search(bound, value) is not None
    if check["family"] == "set":
        return value in bound
    if check["family"] == "type":
        return isinstance(value, _TYPES.get(bound, object))
    return True
