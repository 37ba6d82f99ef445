"""`aegis policy sign`, `verify` and `inspect`: compiled policies and who vouches for them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from control.agents import Json
from control.home import (
    BAD_INPUT,
    FAILED_CHECK,
    complain,
    home_of,
    out,
    print_json,
    printable,
    table,
)
from ledger import load_or_create_policy_key
from rules import Bundle, PolicyError, read_bundle
from rules.bundle import SIGNATURES
from rules.signature import (
    ALGORITHM,
    DEFAULT_KEY_ID,
    key_id,
    new_signing_key,
    public_key_of,
    sign,
    verify,
)

BundleFile = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="A compiled policy (bundle.tar.gz).")
]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="The public key, PEM. Default: policy.pub of the home.")
]

_ENTRYPOINT = re.compile(r"# entrypoint: true\n(?:#[^\n]*\n)*\s*([A-Za-z_][A-Za-z0-9_]*)")
_PACKAGE = re.compile(r"^\s*package\s+([A-Za-z0-9_.]+)", re.MULTILINE)


def register(app: typer.Typer) -> None:
    """Add the commands to `aegis policy`."""
    app.command("sign")(sign_bundle)
    app.command("verify")(verify_bundle)
    app.command("inspect")(inspect)


def sign_bundle(
    context: typer.Context,
    bundle: BundleFile,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="The private key, PEM. Default: policy.key of the home."),
    ] = None,
    name: Annotated[
        str, typer.Option("--key-id", help="The name by which those who verify know the key.")
    ] = DEFAULT_KEY_ID,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it. Default: in place.")
    ] = None,
) -> None:
    """Sign a bundle as OPA does; the home's key is made if there is none."""
    found = read_bundle(bundle)
    if key is None:
        private = load_or_create_policy_key(home_of(context), new_signing_key, public_key_of)
    else:
        private = key.read_bytes()
    target = output or bundle
    target.write_bytes(sign(found, private, name).to_bytes())
    complain(f"wrote {target}, revision {found.revision}, signed by the key '{name}'")


def verify_bundle(
    context: typer.Context,
    bundle: BundleFile,
    key: KeyFile = None,
    name: Annotated[
        str | None, typer.Option("--key-id", help="The key's name must be this one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that a bundle is whole and signed by the key."""
    public = _public(context, key)
    if public is None:
        complain(
            f"{key or home_of(context).policy_public_key}: there is no public key here; "
            "name one with --key."
        )
        raise typer.Exit(BAD_INPUT)
    found = read_bundle(bundle)
    problem = _problem(found, public, name, bundle)
    if as_json:
        print_json({"ok": not problem, "revision": found.revision, "problem": problem or None})
    elif problem:
        out().print(f"[red]{escape(printable(problem))}[/red]")
    else:
        by = printable(key_id(found))
        out().print(escape(f"{bundle}: whole, revision {found.revision}, signed by '{by}'."))
    if problem:
        raise typer.Exit(FAILED_CHECK)


def inspect(
    context: typer.Context, bundle: BundleFile, key: KeyFile = None, as_json: Json = False
) -> None:
    """Show what is in a bundle: its revision, files, entrypoints and signature."""
    found = read_bundle(bundle)
    said = _described(context, found, bundle, key)
    if as_json:
        print_json(said)
        return
    signature = said["signature"]
    lines = [
        f"{said['name']} ({bundle}), revision {said['revision']}",
        f"roots: {', '.join(said['roots'])}",
        f"packages: {', '.join(said['packages'])}",
        f"entrypoints: {', '.join(said['entrypoints'])}",
        f"signature: {_signature_line(signature)}",
    ]
    for line in lines:
        out().print(escape(printable(line)))
    shown = table("file", "bytes")
    for file in said["files"]:
        shown.add_row(escape(printable(file["path"])), str(file["bytes"]))
    out().print()
    out().print(shown)


def _described(
    context: typer.Context, found: Bundle, bundle: Path, key: Path | None
) -> dict[str, Any]:
    manifest = json.loads(found.files[".manifest"])
    signature: dict[str, Any] = {"signed": SIGNATURES in found.files}
    if signature["signed"]:
        public = _public(context, key)
        problem = _problem(found, public, None, bundle) if public is not None else None
        signature |= {
            "key_id": key_id(found),
            "algorithm": ALGORITHM,
            "verified": public is not None and not problem,
            "problem": problem or (None if public is not None else "no public key to verify with"),
        }
    return {
        "file": str(bundle),
        "name": manifest["metadata"]["name"],
        "revision": found.revision,
        "roots": [str(root) for root in manifest.get("roots") or []],
        "manifest": manifest,
        "packages": sorted(
            {match[1] for text in found.modules.values() if (match := _PACKAGE.search(text))}
        ),
        "entrypoints": sorted(_entrypoints(found)),
        "signature": signature,
        "files": [{"path": path, "bytes": len(found.files[path])} for path in sorted(found.files)],
    }


def _entrypoints(found: Bundle) -> set[str]:
    """Give the rules whose metadata says that they are entrypoints."""
    names = set()
    for text in found.modules.values():
        package = _PACKAGE.search(text)
        if package is not None:
            names |= {
                f"{package[1]}.{name}".replace(".", "/") for name in _ENTRYPOINT.findall(text)
            }
    return names


def _public(context: typer.Context, key: Path | None) -> bytes | None:
    path = key or home_of(context).policy_public_key
    return path.read_bytes() if path.is_file() else None


def _problem(found: Bundle, public: bytes, name: str | None, file: Path) -> str:
    try:
        verify(found, public, name, name=file.name)
    except PolicyError as error:
        if any(problem.file == "key" for problem in error.problems):
            raise
        return str(error.problems[0].message)
    return ""


def _signature_line(signature: dict[str, Any]) -> str:
    if not signature["signed"]:
        return "none"
    state = "right" if signature["verified"] else signature["problem"]
    return f"{signature['algorithm']}, key '{signature['key_id']}': {state}"
