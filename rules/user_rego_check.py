"""A policy's own Rego, checked before it is loaded: what it is named, says, reads and calls."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import regorus

from rules.errors import Problem
from rules.schema import suggest
from rules.user_rego_builtins import BUILTINS, impurity

FINDINGS = ("deny", "approve", "redact")
"""The sets that Aegis reads of each package."""

ROOT = ("aegis", "user")
MAX_MODULE = 256 * 1024
MAX_NESTING = 10
"""Lists and objects inside one another; the parser's time doubles with each level."""
MAX_PARENTHESES = 40

_STRINGS_AND_COMMENTS = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*')
_PLACE = re.compile(r"-->\s*\S.*?:(\d+):(\d+)")
_ERROR = re.compile(r"error: (.+)")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(slots=True)
class Module:
    """What there is to know of one module: its package, rules, functions and texts."""

    file: str
    source: bytes
    package: str = ""
    findings: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    texts: dict[str, int] = field(default_factory=dict)
    """Every text that is written in it and the line of its rule; one that finds comes first."""
    tree: Any = None
    aliases: dict[str, str] = field(default_factory=dict)


def check_modules(modules: Mapping[str, str]) -> list[Problem]:
    """Give every mistake in the modules of a policy's own, by file name."""
    return read_modules(modules)[1]


def read_modules(modules: Mapping[str, str]) -> tuple[list[Module], list[Problem]]:
    """Give what is in each module, and every mistake."""
    found: list[Module] = []
    problems: list[Problem] = []
    for file in sorted(modules):
        problem = _too_much(file, modules[file]) or _parsed(file, modules[file], found)
        if problem is not None:
            problems.append(problem)
    functions = {
        f"data.{module.package}.{name}" for module in found for name in sorted(module.functions)
    }
    for module in found:
        problems += _Checker(module, functions).problems()
    problems += _collisions(found)
    if found and not problems:
        problems += _compiled(modules)
    return found, sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))


def _collisions(modules: list[Module]) -> Iterator[Problem]:
    """Refuse a package that stands where a set of another one stands."""
    sets = {f"{module.package}.{finding}" for module in modules for finding in FINDINGS}
    for module in modules:
        parts = module.package.split(".")
        taken = [".".join(parts[:size]) for size in range(4, len(parts) + 1)]
        owner = next((name for name in taken if name in sets), "")
        if owner:
            yield Problem(
                module.file,
                1,
                1,
                "package",
                f"the package '{module.package}' is inside the set {owner}",
                "Rename the package.",
            )


def _too_much(file: str, text: str) -> Problem | None:
    """Refuse what the parser would take too long over."""
    if len(text) > MAX_MODULE:
        return Problem(file, 1, 1, "", f"it is larger than {MAX_MODULE} characters", "Split it.")
    bare = _STRINGS_AND_COMMENTS.sub("", text)
    depth = {"[": 0, "(": 0}
    for character in bare:
        kind = "(" if character in "()" else "["
        if character in "[{(":
            depth[kind] += 1
        elif character in "]})":
            depth[kind] -= 1
        if depth["["] > MAX_NESTING or depth["("] > MAX_PARENTHESES:
            return Problem(
                file, 1, 1, "", f"brackets stand more than {MAX_NESTING} deep", "Use helper rules."
            )
    return None


def _parsed(file: str, text: str, found: list[Module]) -> Problem | None:
    engine = regorus.Engine()
    try:
        engine.add_policy(file, text)
        (tree,) = json.loads(engine.get_ast_as_json())
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the library is no Exception
        return _engine_problem(file, error)
    module = Module(file, text.encode(), tree=tree["ast"])
    found.append(module)
    _collect(module)
    return None


def _compiled(modules: Mapping[str, str]) -> Iterator[Problem]:
    """Let the interpreter analyse all modules together, evaluating none of them."""
    engine = regorus.Engine()
    file = ""
    try:
        for file in sorted(modules):
            engine.add_policy(file, modules[file])
        engine.add_policy("probe", "package aegis.probe\n\nok := true\n")
        engine.set_input_json("{}")
        engine.eval_rule_as_json("data.aegis.probe.ok")
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        named = re.search(r"-->\s*(\S.*?):\d+:\d+", str(error))
        yield _engine_problem(named[1] if named and named[1] in modules else file, error)


def _engine_problem(file: str, error: BaseException) -> Problem:
    text = str(error)
    place, said = _PLACE.search(text), _ERROR.search(text)
    line, column = (int(place[1]), int(place[2])) if place else (1, 1)
    what = said[1].strip().rstrip(".") if said else f"not valid Rego ({type(error).__name__})"
    return Problem(file, line, column, "", what, "Correct the Rego here.")


def _collect(module: Module) -> None:
    tree = module.tree
    module.package = ".".join(chain(tree["package"]["refr"]) or ())
    for item in tree["imports"]:
        parts = chain(item["refr"]) or ()
        alias = item.get("as")
        name = parts[-1] if parts else ""
        if alias:
            name = module.source[alias["start"] : alias["end"]].decode()
        module.aliases[name] = ".".join(parts)
    specs = [rule["Spec"] for rule in tree["rules"] if "Spec" in rule]
    for spec in sorted(specs, key=lambda spec: _head(spec)[1] not in FINDINGS):
        kind, name, _ = _head(spec)
        if kind == "Set" and name in FINDINGS:
            module.findings.add(name)
        if kind == "Func":
            module.functions.add(name)
        for node in walk(spec):
            for label in ("String", "RawString"):
                if label in node and isinstance(node[label], dict):
                    module.texts.setdefault(str(node[label].get("value")), spec["span"]["line"])


def _head(spec: Any) -> tuple[str, str, Any]:
    ((kind, head),) = spec["head"].items()
    parts = chain(head["refr"]) or ("",)
    return kind, ".".join(parts), head


def chain(node: Any) -> tuple[str, ...]:
    """Give the constant names that a reference begins with; empty for what is none."""
    return reference(node)[0]


def reference(node: Any) -> tuple[tuple[str, ...], list[Any]]:
    """Give the constant names that a reference begins with, and the nodes inside its brackets."""
    names: list[str | None] = []
    inside: list[Any] = []
    while "RefDot" in node or "RefBrack" in node:
        if "RefDot" in node:
            node = node["RefDot"]
            names.append(str(node["field"][1]))
        else:
            node = node["RefBrack"]
            text = node["index"].get("String") or node["index"].get("RawString")
            names.append(str(text["value"]) if text else None)
            inside.append(node["index"])
        node = node["refr"]
    if "Var" not in node:
        return (), [*inside, node]
    names.append(str(node["Var"]["value"]))
    constant = itertools.takewhile(lambda name: name is not None, reversed(names))
    return tuple(str(name) for name in constant), inside


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Give each mapping of a tree, from the top."""
    waiting = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


class _Checker:
    """Finds what a module says that own Rego may not say."""

    def __init__(self, module: Module, functions: set[str]) -> None:
        self._module = module
        self._functions = functions
        self._found: list[Problem] = []

    def problems(self) -> list[Problem]:
        tree = self._module.tree
        self._package(tree["package"])
        for item in tree["imports"]:
            self._import(item)
        for rule in tree["rules"]:
            self._rule(rule)
        return self._found

    def _add(self, node: Any, message: str, mend: str, key: str = "") -> None:
        span = node.get("span") or next(
            (inner["span"] for inner in walk(node) if "span" in inner), {"line": 1, "col": 1}
        )
        problem = Problem(self._module.file, span["line"], span["col"], key, message, mend)
        if problem not in self._found:
            self._found.append(problem)

    def _package(self, package: Any) -> None:
        parts = self._module.package.split(".")
        if (
            tuple(parts[:2]) != ROOT
            or len(parts) < 3
            or not all(_NAME.fullmatch(part) for part in parts)
        ):
            self._add(
                package,
                f"the package is '{self._module.package}'",
                "Packages of a policy's own are named aegis.user.NAME.",
                "package",
            )

    def _import(self, item: Any) -> None:
        parts = chain(item["refr"]) or ("",)
        if parts[0] in ("input", "future") or parts == ("rego", "v1"):
            return
        if parts[0] != "data" or parts[1:3] != ROOT:
            self._add(
                item,
                f"'{'.'.join(parts)}' cannot be imported",
                "Own Rego reads input and data.aegis.user only.",
                "import",
            )

    def _rule(self, rule: Any) -> None:
        ((form, spec),) = rule.items()
        if form == "Default":
            name = ".".join(chain(spec["refr"]) or ("",))
            kind = "Compr"
        else:
            kind, name, _ = _head(spec)
        first = name.partition(".")[0]
        if first == "allow":
            self._add(
                spec,
                "own Rego can deny, require approval and redact, but never allow",
                "Rename the rule, or allow it with a rule of the policy.",
                "allow",
            )
        if first in FINDINGS and (kind != "Set" or name != first):
            self._add(
                spec,
                f"'{first}' must be a set",
                f'Write `{first} contains "id" if {{ ... }}`.',
                first,
            )
        self._look_through(spec)

    def _look_through(self, spec: Any) -> None:
        """Judge every reference, call and replacement of a rule."""
        waiting: list[Any] = [spec]
        while waiting:
            node = waiting.pop()
            if isinstance(node, list):
                waiting += node
            if not isinstance(node, dict):
                continue
            if "Call" in node and isinstance(node["Call"], dict):
                self._call(node["Call"])
            for modifier in node.get("with_mods") or ():
                self._replacement(modifier)
            if "RefDot" in node or "RefBrack" in node or "Var" in node:
                names, inside = reference(node)
                if names[:1] == ("data",) and (names[1:3] != ROOT or len(names) < 4):
                    self._add(
                        node,
                        "own Rego cannot read this part of data",
                        "Read input and data.aegis.user.NAME.",
                        ".".join(names),
                    )
                waiting += inside
            else:
                waiting += node.values()

    def _replacement(self, modifier: Any) -> None:
        names = chain(modifier["refr"])
        if names[:1] != ("input",):
            self._add(
                modifier, f"'{'.'.join(names)}' cannot be replaced", "Use `with input as` only."
            )

    def _call(self, call: Any) -> None:
        parts = chain(call["fcn"]) or ("",)
        name = ".".join(parts)
        alias = self._module.aliases.get(parts[0])
        full = ".".join((alias, *parts[1:])) if alias else name
        why = impurity(name)
        known = {full, f"data.{self._module.package}.{name}"} & self._functions
        if why:
            # One of its own with that name is refused too: nobody could tell which is called.
            self._add(call, f"{name} is not allowed: {why}", "Decide by the input alone.", name)
        elif not known and name not in BUILTINS:
            near = suggest(name, [*BUILTINS, *self._module.functions])
            self._add(
                call,
                f"there is no function {name} for own Rego",
                near or "Define it, or use a built-in function of OPA that needs no clock or net.",
                name,
            )
