"""`aegis policy shadow`: policies that decide without being enforced."""

from __future__ import annotations

import typer

shadow = typer.Typer(
    help="Policies that decide beside the active one, without being enforced.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Hang the commands under `aegis policy`."""
    app.add_typer(shadow, name="shadow")
