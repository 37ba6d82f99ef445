"""Package indexes that the tools of this machine are configured for, as hosts."""

from __future__ import annotations

import configparser
import contextlib
import functools
import importlib
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rules.errors import HostError
from rules.hosts import canonical_host

TOOL_SECONDS = 15
_INDEXES = ("index-url", "extra-index-url", "find-links")


def hosts_from(
    kind: str, environ: Mapping[str, str] | None = None, home: Path | None = None
) -> list[str]:
    """Give the hosts that pip, npm or cargo fetch packages from; credentials never come out."""
    found = _READERS[kind](
        os.environ if environ is None else environ, Path.home() if home is None else home
    )
    hosts: set[str] = set()
    for url in found:
        with contextlib.suppress(HostError, ValueError):
            host = urlsplit(url.strip().removeprefix("sparse+")).hostname
            hosts.add(canonical_host(host or ""))
    return sorted(hosts)


def _pip(environ: Mapping[str, str], home: Path) -> Iterator[str]:
    main = ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX")
    named = [environ[name] for name in main if environ.get(name)]
    stated = bool(named)
    others = [environ.get(name, "") for name in ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL")]
    for path in _pip_files(environ, home):
        reader = configparser.RawConfigParser(strict=False)
        with contextlib.suppress(OSError, configparser.Error, UnicodeDecodeError):
            reader.read(path, "utf-8")
        for section in ("global", "install", "download"):
            values = [reader.get(section, key, fallback="") for key in _INDEXES]
            # A variable comes before the same setting in a file.
            named += [] if stated else values[0].split()
            others += values[1:]
    yield from named or _pip_default()
    for text in others:
        yield from (url for url in text.split() if "://" in url)


def _pip_files(environ: Mapping[str, str], home: Path) -> Iterable[Path]:
    if environ.get("PIP_CONFIG_FILE"):
        return [Path(environ["PIP_CONFIG_FILE"])]
    own = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    shared = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    files = [*(Path(folder) / "pip" / "pip.conf" for folder in shared), Path("/etc/pip.conf")]
    files += [home / ".pip" / "pip.conf", own / "pip" / "pip.conf"]
    if environ.get("VIRTUAL_ENV"):
        files.append(Path(environ["VIRTUAL_ENV"]) / "pip.conf")
    return files


@functools.cache
def _pip_default() -> tuple[str, ...]:
    """Ask pip itself where it looks when nobody says otherwise."""
    try:
        index = importlib.import_module("pip._internal.models.index").PyPI
        return (str(index.simple_url), f"https://{index.file_storage_domain}/")
    except (ImportError, AttributeError):
        return ()


def _npm(environ: Mapping[str, str], home: Path) -> Iterator[str]:
    variables = {name.lower(): value for name, value in environ.items()}
    named = variables.get("npm_config_registry", "")
    scoped: list[str] = []
    files = [
        Path(variables.get("npm_config_globalconfig") or "/etc/npmrc"),
        Path(variables.get("npm_config_userconfig") or home / ".npmrc"),
    ]
    for path in files:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            for line in path.read_text("utf-8").splitlines():
                key, _, value = (part.strip() for part in line.partition("="))
                if key == "registry":
                    named = named or value
                elif re.fullmatch(r"@[\w.~-]+:registry", key):
                    scoped.append(value)
    yield named or _npm_default()
    yield from scoped


@functools.cache
def _npm_default() -> str:
    """Ask npm itself where it looks when nobody says otherwise."""
    npm = shutil.which("npm")
    if npm is None:
        return ""
    try:
        done = subprocess.run(
            [npm, "config", "get", "registry"],
            capture_output=True,
            text=True,
            timeout=TOOL_SECONDS,
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _cargo(environ: Mapping[str, str], home: Path) -> Iterator[str]:
    folder = Path(environ.get("CARGO_HOME") or home / ".cargo")
    for name in ("config.toml", "config"):
        try:
            config: dict[str, Any] = tomllib.loads((folder / name).read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
            continue
        for section, key in (("source", "registry"), ("registries", "index")):
            items = config.get(section)
            for item in items.values() if isinstance(items, dict) else ():
                if isinstance(item, dict) and isinstance(item.get(key), str):
                    yield item[key]
        return


_READERS: dict[str, Callable[[Mapping[str, str], Path], Iterator[str]]] = {
    "pip": _pip,
    "npm": _npm,
    "cargo": _cargo,
}
