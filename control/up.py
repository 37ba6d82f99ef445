"""`aegis up`: the firewall on this machine, in front."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from control import data_plane
from control.home import Home, Running, complain, home_of

NEXT = """\
The firewall listens on {address}.

  Trust        {bundle}
  Token        {token}

  Allowed      curl -x {proxy} --cacert {bundle} https://api.github.com/zen
  Refused      curl -x {proxy} --cacert {bundle} https://example.com/

  An agent     aegis run -- COMMAND
  Decisions    aegis audit show --follow
  The log      aegis audit verify

Ctrl-C ends it.
"""


def up(
    context: typer.Context,
    policy: Annotated[
        Path | None, typer.Option(help="Policy file or OPA bundle. Default: the developer pack.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes on the port.")] = 1,
    otlp_endpoint: Annotated[
        str, typer.Option(help="Base URL of an OTLP/HTTP collector for spans.")
    ] = "",
    upstream_ca: Annotated[
        Path | None, typer.Option(help="PEM file of roots to trust upstream.")
    ] = None,
    hosts_file: Annotated[
        Path | None, typer.Option(help="Names that come before DNS, as in hosts(5).")
    ] = None,
) -> None:
    """Run the firewall until Ctrl-C."""
    home = home_of(context)
    given = {
        "--policy": policy,
        "--host": host,
        "--port": port,
        "--workers": workers,
        "--otlp-endpoint": otlp_endpoint,
        "--upstream-ca": upstream_ca,
        "--hosts-file": hosts_file,
    }
    arguments: list[str] = []
    for name, value in given.items():
        if value not in (None, ""):
            arguments += [name, str(value)]
    already = home.running()
    if already is not None:
        complain(f"a firewall runs on this home folder already, on {already.host}:{already.port}.")
        raise typer.Exit(2)
    process = data_plane.start(home, arguments)
    asked = False

    def end(*_: object) -> None:
        nonlocal asked
        asked = True
        process.terminate()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    running = data_plane.wait_until_ready(home, process)
    if running is not None:
        typer.echo(_next(home, running))
    code = process.wait()
    raise typer.Exit(0 if asked else code)


def _next(home: Home, running: Running) -> str:
    token = home.default_token.read_text("ascii").strip()
    return NEXT.format(
        address=f"{running.host}:{running.port}",
        bundle=home.ca_bundle,
        token=token,
        proxy=running.proxy_url(token),
    )
