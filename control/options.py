"""Options of the data plane that several commands hand on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

UpstreamCa = Annotated[Path | None, typer.Option(help="PEM file of roots to trust upstream.")]
HostsFile = Annotated[Path | None, typer.Option(help="Names that come before DNS, as in hosts(5).")]
BundleKey = Annotated[Path | None, typer.Option(help="Key that signs a bundle server's bundles.")]
BundleCa = Annotated[Path | None, typer.Option(help="PEM file of roots to trust the server by.")]


def as_arguments(given: Mapping[str, object]) -> list[str]:
    """Write options as arguments, without those that were not given."""
    return [
        part
        for name, value in given.items()
        if value not in (None, "")
        for part in (name, str(value))
    ]
