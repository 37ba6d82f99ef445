"""Options of the data plane that several commands hand on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

UpstreamCa = Annotated[Path | None, typer.Option(help="PEM file of roots to trust upstream.")]
UpstreamProxy = Annotated[
    str, typer.Option(metavar="URL", help="The proxy that calls leave through; without credential.")
]
HostsFile = Annotated[Path | None, typer.Option(help="Names that come before DNS, as in hosts(5).")]
BundleKey = Annotated[Path | None, typer.Option(help="Key that signs a bundle server's bundles.")]
BundleCa = Annotated[Path | None, typer.Option(help="PEM file of roots to trust the server by.")]

Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="NAME=VALUE", help="Environment label; may be repeated."),
]
OpaUrl = Annotated[
    str, typer.Option(help="URL of an OPA server that decides. Default: the embedded engine.")
]


def as_settings(labels: list[str] | None, opa_url: str) -> list[str]:
    """Write what the data plane takes as settings."""
    return [
        part
        for name, value in (("labels", ",".join(labels or ())), ("opa_url", opa_url))
        if value
        for part in ("--set", f"aegis_{name}={value}")
    ]


def as_arguments(given: Mapping[str, object]) -> list[str]:
    """Write options as arguments, without those that were not given."""
    return [
        part
        for name, value in given.items()
        if value not in (None, "")
        for part in (name, str(value))
    ]
