"""A policy as it was written: its documents loaded, checked whole, with the place of each part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from rules.checks import check_documents
from rules.errors import PolicyError, Problem, refused
from rules.marked_yaml import MAX_BYTES, Marked, read
from rules.registries import hosts_from
from rules.schema import check_shape
from rules.user_rego import check_modules

ORGANISATION = ""
"""The name of the layer whose policy no tenant may loosen."""

DOCUMENTS = (".yaml", ".yml", ".json")
MODULES = ".rego"
MAX_FILES = 500


@dataclass(frozen=True, slots=True)
class Part:
    """One item of a section of a policy, and where it stands."""

    marked: Marked
    section: str
    index: int
    item: dict[str, Any]

    def source(self, *path: str | int) -> str:
        """Give the file and line of the item, or of something in it."""
        return f"{self.marked.name}:{self.marked.line((self.section, self.index, *path))}"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy whose shape, references and values are right.

    `documents` are the organisation's first; `modules` are its own Rego by file name.
    """

    documents: tuple[Marked, ...]
    modules: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name, that of its first document."""
        return str(self.documents[0].data["metadata"]["name"])

    @property
    def file(self) -> str:
        """The file of its first document."""
        return self.documents[0].name

    @property
    def tenants(self) -> list[str]:
        """The tenants that have a policy of their own."""
        return sorted({tenant_of(marked) for marked in self.documents} - {ORGANISATION})

    def setting(self, key: str, layer: str = ORGANISATION) -> Any:
        """Give a setting of a layer as it was written, or None."""
        for marked in self._of(layer):
            if key in marked.data:
                return marked.data[key]
        return None

    def source(self, *path: str) -> str:
        """Give the file and line of an organisation's setting, or of something in it."""
        for marked in self._of(ORGANISATION):
            if path[0] in marked.data:
                return f"{marked.name}:{marked.line(path)}"
        return f"{self.file}:1"

    def parts(self, section: str, layer: str = ORGANISATION) -> Iterator[Part]:
        """Give the items of a section in the order in which they stand."""
        for marked in self._of(layer):
            for index, item in enumerate(marked.data.get(section) or []):
                yield Part(marked, section, index, item)

    def problem(
        self, section: str, item: str, path: Sequence[str | int], message: str, mend: str
    ) -> Problem:
        """Make a problem with an item of a section, known by its id or name, where it stands.

        A tenant's item is named as in the bundle, with the tenant before it, and a data label as
        `data:LABEL`.
        """
        if item.startswith("data:"):
            section, item = "data", item.removeprefix("data:")
        layer, _, name = ("", "", item) if section == "recognizers" else item.rpartition("/")
        for part in self.parts(section, layer or ORGANISATION):
            if name in (part.item.get("id"), part.item.get("name")):
                place = (section, part.index, *_written(part.item, path))
                return part.marked.problem(place, message, mend, at_key=True)
        return Problem(self.file, 1, 1, f"{section}.{item}", message, mend)

    def _of(self, layer: str) -> Iterable[Marked]:
        return [marked for marked in self.documents if tenant_of(marked) == layer]


def _written(item: Any, path: Sequence[str | int]) -> Iterator[str | int]:
    """Give a path as it was written, where what was compiled to a mapping may have been a list."""
    for key in path:
        if isinstance(item, list) and key in item:
            key = item.index(key)
        yield key
        try:
            item = item[key]
        except (KeyError, IndexError, TypeError):
            return


def tenant_of(marked: Marked) -> str:
    """Give the tenant whose policy a document is, empty for the organisation's."""
    return str(marked.data["metadata"].get("tenant", ORGANISATION))


def load_policy(path: FilePath) -> Policy:
    """Load a policy from a YAML or JSON file or from a folder of them.

    In a folder `*.rego` are modules of the policy's own and documents of the kind PolicyTest are
    left out. Raises `PolicyError` with every mistake.
    """
    if not path.is_dir():
        return _policy([read(_content(path), path.name)], {})
    documents: list[Marked] = []
    modules: dict[str, str] = {}
    problems: list[Problem] = []
    for file in policy_files(path):
        name = file.relative_to(path).as_posix()
        try:
            if file.suffix == MODULES:
                modules[name] = _text(_content(file), name)
            elif not is_test(marked := read(_content(file), name)):
                documents.append(marked)
        except PolicyError as error:
            problems += error.problems
    if problems:
        raise PolicyError(problems)
    if not documents:
        raise refused(
            path.name, "no policy is in this folder", "Put a document of the kind Policy into it."
        )
    return _policy(documents, modules)


def policy_files(folder: FilePath) -> list[FilePath]:
    """Give the files of a folder that make up a policy, tests among them; raises `PolicyError`."""
    found = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix in (*DOCUMENTS, MODULES)
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.is_file()
    )
    if len(found) > MAX_FILES:
        raise refused(folder.name, f"more than {MAX_FILES} files are in it", "Name a smaller one.")
    return found


def is_test(marked: Marked) -> bool:
    """Say whether a document is a test of policies and no policy."""
    return isinstance(marked.data, dict) and marked.data.get("kind") == "PolicyTest"


def parse_policy(text: str | bytes, name: str) -> Policy:
    """Read a policy from text; `name` is its file in messages. Raises `PolicyError`."""
    return _policy([read(text.encode() if isinstance(text, str) else text, name)], {})


def _policy(documents: list[Marked], modules: Mapping[str, str]) -> Policy:
    problems: list[Problem] = []
    for marked in documents:
        if isinstance(marked.data, dict):
            problems += check_shape(marked)
        else:
            problems.append(
                marked.problem((), "a policy is a mapping", "Begin with `apiVersion: aegis/v1`.")
            )
    problems += check_modules(modules)
    if not problems:
        documents = sorted(documents, key=lambda marked: (tenant_of(marked), marked.name))
        _add_hosts(documents)
        problems = check_documents(documents)
    if problems:
        raise PolicyError(problems)
    return Policy(tuple(documents), modules)


def _add_hosts(documents: Iterable[Marked]) -> None:
    """Write out the hosts that this machine's tools are configured for.

    A host that the policy names itself stays with the destination that names it.
    """
    places = [place for marked in documents for place in marked.data.get("destinations") or []]
    written = {host for place in places for host in place.get("hosts") or []}
    for place in places:
        hosts = place.setdefault("hosts", [])
        for kind in place.get("hosts_from") or []:
            new = [host for host in hosts_from(kind) if host not in written]
            hosts += new
            written.update(new)


def _content(path: FilePath) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise refused(str(path), "there is no such file", "Check the path.") from None
    except OSError as error:
        raise refused(
            str(path), f"the file cannot be read ({error.strerror})", "Check its rights."
        ) from None


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise refused(name, "the file is not UTF-8", "Save it as UTF-8.") from None
