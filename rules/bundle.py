"""OPA bundles: a deterministic gzip tar of Rego, data and a manifest with the revision."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules.errors import refused

ROOTS = ["aegis", "aegis_cfg"]
SIGNATURES = ".signatures.json"
"""The one file that is kept beside the content and counts for nothing in the revision."""

MAX_BUNDLE = 64 * 1024 * 1024
REVISION_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Bundle:
    """A compiled policy: `files` by their path in the tar, `data` as OPA sees it."""

    revision: str
    files: Mapping[str, bytes]
    data: Mapping[str, Any]

    @property
    def modules(self) -> dict[str, str]:
        """The Rego modules by path."""
        return {
            path: content.decode("utf-8")
            for path, content in self.files.items()
            if path.endswith(".rego")
        }

    def to_bytes(self) -> bytes:
        """Write the bundle; the same bundle gives the same bytes."""
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for path in sorted(self.files):
                entry = tarfile.TarInfo(f"/{path}")
                entry.size = len(self.files[path])
                entry.mode = 0o644
                archive.addfile(entry, io.BytesIO(self.files[path]))
        return gzip.compress(plain.getvalue(), mtime=0)

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "bundle") -> Bundle:
        """Read a bundle; raises `PolicyError` for what is none of ours."""
        try:
            return cls._read(content)
        except (OSError, EOFError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
            raise refused(
                name,
                f"this is no policy bundle ({type(error).__name__})",
                "Make one with `aegis policy compile`.",
            ) from None

    @classmethod
    def _read(cls, content: bytes) -> Bundle:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            plain = packed.read(MAX_BUNDLE + 1)
        if len(plain) > MAX_BUNDLE:
            raise ValueError("too large")
        files: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as archive:
            for entry in archive:
                if entry.isfile() and (file := archive.extractfile(entry)) is not None:
                    path = entry.name.lstrip("/")
                    if path in files:
                        raise ValueError("a file twice")
                    files[path] = file.read()
        manifest = json.loads(files[".manifest"])
        bundle = make_bundle(
            manifest["metadata"]["name"],
            {path: data for path, data in files.items() if path.endswith(".rego")},
            json.loads(files["data.json"]),
        )
        if bundle.revision != manifest["revision"]:
            raise ValueError("its content is not that of its revision")
        # As they came: what a signature is over must not be what we made of it.
        return cls(bundle.revision, files, bundle.data)


def make_bundle(name: str, modules: Mapping[str, bytes], data: Mapping[str, Any]) -> Bundle:
    """Put a bundle together; its revision is a digest of its content."""
    files = {**modules, "data.json": _json(data)}
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{len(files[path])}\0".encode())
        digest.update(files[path])
    revision = digest.hexdigest()[:REVISION_DIGITS]
    files[".manifest"] = _json(
        {"revision": revision, "roots": ROOTS, "rego_version": 1, "metadata": {"name": name}}
    )
    return Bundle(revision, files, data)


def read_bundle(path: Path) -> Bundle:
    """Read a bundle file; raises `PolicyError`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise refused(
            str(path), f"it cannot be read ({error.strerror})", "Check the path."
        ) from None
    return Bundle.from_bytes(content, path.name)


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
