"""YAML (and so JSON) read into plain data, with the place of each key and value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from rules.errors import PolicyError, Problem, refused

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 500_000

Path = tuple[str | int, ...]
Mark = tuple[int, int]


@dataclass(slots=True)
class Marked:
    """Plain data and the line and column, from 1, of each key and of each value."""

    name: str
    data: Any
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)

    def problem(self, path: Path, message: str, mend: str = "", *, at_key: bool = False) -> Problem:
        """Make a problem at a path, or at the nearest place above it that is known."""
        places = self.keys if at_key else self.values
        mark: Mark = (1, 1)
        for length in range(len(path), -1, -1):
            found = places.get(path[:length]) or self.values.get(path[:length])
            if found is not None:
                mark = found
                break
        return Problem(self.name, *mark, dotted(path), message, mend)

    def line(self, path: Path) -> int:
        """Give the line of a value."""
        return self.values.get(path, (1, 1))[0]


def dotted(path: Path) -> str:
    """Write a path the way people do: `tools[0].arguments.amount`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(content: bytes, name: str) -> Marked:
    """Read one document; raises `PolicyError` for what is not one, with its place."""
    if len(content) > MAX_BYTES:
        raise refused(name, f"the file is larger than {MAX_BYTES} bytes", "Split it.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refused(name, "the file is not UTF-8", "Save it as UTF-8.", line=line) from None
    if not text.strip():
        raise refused(name, "the file is empty", "Begin with `apiVersion: aegis/v1`.")
    try:
        loader = yaml.CSafeLoader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = re.sub(r"\s+", " ", error.problem or "not valid YAML")
        raise refused(
            name,
            f"not valid YAML: {problem}",
            "Check indentation and quotes here.",
            line=line,
            column=column,
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise refused(name, "not valid YAML", "Check it with a YAML editor.") from None
    if root is None:
        raise refused(name, "the file is empty", "Begin with `apiVersion: aegis/v1`.")
    reader = _Reader(name)
    marked = Marked(name, None, reader.keys, reader.values)
    marked.data = reader.build(root, (), 0)
    if reader.problems:
        raise PolicyError(reader.problems)
    return marked


class _Reader:
    """Builds plain data out of YAML nodes, with JSON's types and no surprise."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.problems: list[Problem] = []

    def build(self, node: yaml.Node, path: Path, depth: int) -> Any:
        mark = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.values[path] = mark
        self._count += 1
        if depth > MAX_DEPTH or self._count > MAX_NODES:
            raise PolicyError(
                [Problem(self._name, *mark, dotted(path), "too deep or too large", "Simplify it.")]
            )
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.build(item, (*path, index), depth + 1) for index, item in enumerate(node.value)
            ]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self._report(mark, path, "a key must be a word", "Write `key: value`.")
                continue
            key = str(key_node.value)
            if key == "<<" and key_node.style is None:
                self._report(mark, path, "merge keys are not supported", "Write the keys out.")
                continue
            if key in built:
                first = self.keys[(*path, key)][0]
                self._report(
                    mark,
                    (*path, key),
                    f"the key stands twice, first in line {first}",
                    "Keep one of the two.",
                )
                continue
            self.keys[(*path, key)] = mark
            built[key] = self.build(value_node, (*path, key), depth + 1)
        return built

    def _scalar(self, node: Any, path: Path) -> Any:
        text, tag = str(node.value), node.tag
        try:
            if tag == "tag:yaml.org,2002:null":
                return None
            if tag == "tag:yaml.org,2002:bool":
                return text.lower() in ("true", "yes", "on")
            if tag == "tag:yaml.org,2002:int":
                return yaml.SafeLoader.construct_yaml_int(_CONSTRUCTOR, node)
            if tag == "tag:yaml.org,2002:float":
                return float(yaml.SafeLoader.construct_yaml_float(_CONSTRUCTOR, node))
        except (ValueError, OverflowError):
            pass
        if tag.removeprefix("tag:yaml.org,2002:") in _TEXTS:
            return text
        self._report(self.values[path], path, f"the tag {tag} is not supported", "Leave it out.")
        return text

    def _report(self, mark: Mark, path: Path, message: str, mend: str) -> None:
        self.problems.append(Problem(self._name, *mark, dotted(path), message, mend))


_TEXTS = ("str", "timestamp", "value", "int", "float")
_CONSTRUCTOR = yaml.SafeLoader("")
