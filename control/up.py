"""`aegis up`: the firewall on this machine, in front."""

from __future__ import annotations

import os
import shlex
import signal
from typing import Annotated

import typer

from control import data_plane
from control.examples import Examples, examples_of
from control.home import BAD_INPUT, HomeFolder, Running, complain, home_of, running_on
from control.in_force import bundle_in_force
from control.options import (
    BundleCa,
    BundleKey,
    HostsFile,
    Labels,
    OpaUrl,
    UpstreamCa,
    UpstreamProxy,
    as_arguments,
    as_settings,
)
from ledger import Home, LedgerError
from rules import PolicyError

NEXT = """\
The firewall listens on {address}.

  Trust        {bundle}
  Token        {token}   (agent default)

{examples}

  An agent     aegis run -- COMMAND
  Decisions    aegis audit show --follow
  The log      aegis audit verify

Ctrl-C ends it.
"""


def up(
    context: typer.Context,
    policy: Annotated[
        str,
        typer.Option(
            metavar="FILE|FOLDER|URL",
            help="Policy, folder of policies, OPA bundle or URL of one. Default: what was applied, "
            "else the developer pack.",
        ),
    ] = "",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8080,
    transparent: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[HOST:]PORT",
            help="Listen there too, for connections that are redirected to the firewall.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes on the port.")] = 1,
    bundle_key: BundleKey = None,
    bundle_ca: BundleCa = None,
    otlp_endpoint: Annotated[
        str, typer.Option(help="Base URL of an OTLP/HTTP collector for spans.")
    ] = "",
    upstream_ca: UpstreamCa = None,
    upstream_proxy: UpstreamProxy = "",
    hosts_file: HostsFile = None,
    labels: Labels = None,
    opa_url: OpaUrl = "",
    folder: HomeFolder = None,
) -> None:
    """Run the firewall until Ctrl-C."""
    home = home_of(context, folder)
    already = running_on(home)
    if already is not None:
        complain(
            f"a firewall runs on {home.folder} already, on {already.host}:{already.port} "
            f"(process {already.pid}). End it first, or give this one its own folder with --home."
        )
        raise typer.Exit(BAD_INPUT)
    arguments = as_arguments(
        {
            "--policy": policy,
            "--bundle-key": bundle_key,
            "--bundle-ca": bundle_ca,
            "--host": host,
            "--port": port,
            "--workers": workers,
            "--otlp-endpoint": otlp_endpoint,
            "--upstream-ca": upstream_ca,
            "--upstream-proxy": upstream_proxy,
            "--hosts-file": hosts_file,
        }
    ) + as_settings(labels, opa_url)
    arguments += [f"--transparent={place}" for place in transparent or ()]
    asked = False

    def end(*_: object) -> None:
        nonlocal asked
        asked = True
        process.terminate()

    with data_plane.alone(home):
        process = data_plane.start(home, arguments)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, end)
        running = data_plane.wait_until_ready(home, process)
    if running is not None:
        typer.echo(_next(home, running, _examples(home, running)))
    elif process.poll() is None:
        complain("the firewall does not listen yet; its own messages say why.")
    code = process.wait()
    raise typer.Exit(0 if asked else code)


def _examples(home: Home, running: Running) -> Examples:
    try:
        return examples_of(bundle_in_force(home, running.policy or "")[1])
    except (PolicyError, LedgerError):
        return Examples()


def _next(home: Home, running: Running, shown: Examples) -> str:
    token, bundle = (shlex.quote(os.fspath(p)) for p in (home.default_token, home.ca_bundle))
    # The token's file, not the token: what is printed here ends up in logs of terminals and pods.
    proxy = running.proxy_url(f"$(cat {token})")
    # -i shows the reason of a refused CONNECT: clients keep its body to themselves.
    lines = (("Allowed", "curl", shown.allowed), (shown.refusal, "curl -i", shown.refused))
    curl = "\n".join(
        f'  {what:<12} {client} -x "{proxy}" --cacert {bundle} {shlex.quote(url)}'
        for what, client, url in lines
        if url
    )
    address = f"{running.host}:{running.port}"
    return NEXT.format(address=address, bundle=bundle, token=token, examples=curl)
