"""`aegis policy serve`: policies for firewalls and for any OPA, by OPA's bundle API."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import os
import re
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from control.home import BAD_INPUT, complain, home_of
from control.served_bundles import Bundles, Offer
from ledger import LedgerError
from rules import PolicyError

TOKEN = "AEGIS_BUNDLE_TOKEN"  # noqa: S105 - a variable's name
POLL_SECONDS = 0.25
MAX_WAIT_SECONDS = 60
"""How long an answer is held back at most, whatever a client asks for."""

MAX_WAITING = 2_000
"""How many answers are held back at most; those beyond are given at once."""

IDLE_SECONDS = 90.0
_WAIT = re.compile(r"(?:^|[;,\s])wait\s*=\s*\"?([0-9]{1,6})")
_LONG_POLLING = "application/vnd.openpolicyagent.bundles"
_GZIP = "application/gzip"


class Publisher:
    """The bundles in offer; a policy that is wrong leaves the last good ones."""

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles
        self._seen = self._before = bundles.stamp()
        self.offers: Mapping[str, Offer] = bundles.make()
        self._waiting: set[asyncio.Event] = set()

    async def follow(self) -> None:
        """Look for changes until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._look()
            except (PolicyError, LedgerError, OSError) as error:
                complain(f"the changed policy is not served, the last good one is.\n{error}")

    async def _look(self) -> None:
        try:
            stamp = await asyncio.to_thread(self._bundles.stamp)
        except (PolicyError, LedgerError, OSError) as error:
            if self._seen == str(error):
                return
            self._seen = str(error)
            raise
        before, self._before = self._before, stamp
        # Half a policy may be right in itself and allow more than the whole.
        if stamp == self._seen or (self._bundles.settles and stamp != before):
            return
        self._seen = stamp
        offers = await asyncio.to_thread(self._bundles.make)
        if offers == self.offers:
            return
        self.offers = offers
        for woken in self._waiting:
            woken.set()
        complain(_told(offers))

    async def change(self, woken: asyncio.Event, seconds: float) -> bool:
        """Wait until a bundle changes or the caller's event is set; False when not any longer."""
        if seconds <= 0 or len(self._waiting) >= MAX_WAITING:
            return False
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(seconds):
                return await woken.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(woken)


class Json(RequestHandler):
    """Says in JSON what is wrong; also the answer to all paths that are none."""

    def set_default_headers(self) -> None:
        """Keep what we run on to ourselves."""
        self.set_header("Server", "aegis")
        self.set_header("Cache-Control", "no-store")

    def compute_etag(self) -> None:
        """Leave the tag to the bundles."""

    def write_error(self, status_code: int, **_: Any) -> None:
        """Answer an error as OPA's own servers do: a code and a message."""
        reasons = {401: "unauthorized", 404: "resource_not_found", 405: "method_not_allowed"}
        if status_code == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="aegis"')
        code = reasons.get(status_code, "internal_error" if status_code >= 500 else "bad_request")
        self.finish({"code": code, "message": self._reason})

    def prepare(self) -> None:
        """Refuse whoever has no token, then what is not there."""
        if not self.refuses_stranger():
            self.send_error(404)

    def refuses_stranger(self) -> bool:
        """End a request that lacks the token, and say so."""
        token: str = self.settings["token"]
        given = self.request.headers.get("Authorization", "")
        if not token or hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return False
        self.send_error(401)
        return True


class BundleHandler(Json):
    """Gives one bundle: whole, or not at all while the caller has it already."""

    def initialize(self) -> None:
        """Nobody is waiting yet."""
        self._woken = asyncio.Event()
        self._gone = False

    def prepare(self) -> None:
        """Refuse whoever has no token."""
        self.refuses_stranger()

    async def get(self, name: str) -> None:
        """Answer at once what is new, later what is not (`Prefer: wait=SECONDS`)."""
        publisher: Publisher = self.settings["publisher"]
        known = _tags(self.request.headers.get("If-None-Match", ""))
        wait = _wait(self.request.headers.get_list("Prefer"))
        until = asyncio.get_running_loop().time() + wait
        while (offer := publisher.offers.get(name)) and offer.tag in known:
            self._woken.clear()
            left = until - asyncio.get_running_loop().time()
            if not await publisher.change(self._woken, left) or self._gone:
                break
        if self._gone:
            return
        if offer is None:
            self.send_error(404)
            return
        self.set_header("ETag", f'"{offer.tag}"')
        self.set_header("Content-Type", _LONG_POLLING if wait else _GZIP)
        if offer.tag in known:
            self.set_status(304)
            return
        self.finish(offer.content)

    async def head(self, name: str) -> None:
        """Answer as `get` does, without the bundle."""
        await self.get(name)

    def on_connection_close(self) -> None:
        """Wait no longer for a client that went away."""
        self._gone = True
        self._woken.set()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    context: typer.Context,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="What to serve. Default: what was applied, else the developer pack.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8182,
    certificate: Annotated[
        Path | None, typer.Option(help="PEM file of the certificate, to serve over TLS.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file of the certificate's key.")] = None,
    signing_key: Annotated[
        Path | None, typer.Option(help="Private key, PEM, to sign the bundles with.")
    ] = None,
) -> None:
    """Serve the policy to firewalls until Ctrl-C; they follow each change at once.

    Firewalls name it with --policy URL. Callers need the token in AEGIS_BUNDLE_TOKEN when it is
    set, which it must be for an address that other machines reach.
    """
    token = os.environ.get(TOKEN, "")
    if not token and not _is_loopback(host):
        complain(f"{host} is reached from other machines: set {TOKEN} to a token that they need.")
        raise typer.Exit(BAD_INPUT)
    tls = _tls(certificate, key)
    # Its own messages about clients that go away would be all that is to be read.
    for name in ("tornado.access", "tornado.general"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    private = signing_key.read_bytes() if signing_key is not None else None
    bundles = Bundles(home_of(context), policy, private)
    raise typer.Exit(asyncio.run(_serve(bundles, host, port, token, tls)))


async def _serve(
    bundles: Bundles, host: str, port: int, token: str, tls: ssl.SSLContext | None
) -> int:
    publisher = Publisher(bundles)
    server = HTTPServer(
        Application(
            [(r"/bundles/([A-Za-z0-9._-]+)\.tar\.gz", BundleHandler)],
            default_handler_class=Json,
            publisher=publisher,
            token=token,
        ),
        ssl_options=tls,
        idle_connection_timeout=IDLE_SECONDS,
        body_timeout=10,
        max_header_size=16_384,
        max_body_size=16_384,
    )
    try:
        sockets = bind_sockets(port, host)
    except OSError as error:
        said = error.strerror or str(error)
        complain(f"cannot listen on {host}:{port}: {said}. Choose another with --port.")
        return BAD_INPUT
    server.add_sockets(sockets)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    following = asyncio.create_task(publisher.follow())
    shown = f"[{host}]" if ":" in host else host
    scheme = "https" if tls is not None else "http"
    number = sockets[0].getsockname()[1]
    for name in sorted(publisher.offers):
        typer.echo(f"{scheme}://{shown}:{number}/bundles/{name}.tar.gz")
    complain(_told(publisher.offers))
    try:
        await ended.wait()
    finally:
        following.cancel()
        server.stop()
        await server.close_all_connections()
    return 0


def _told(offers: Mapping[str, Offer]) -> str:
    said = ", ".join(f"{name} revision {offer.revision}" for name, offer in sorted(offers.items()))
    return f"serving {said}"


def _tags(header: str) -> set[str]:
    """Read the tags of If-None-Match; one is enough for the bundle to be known."""
    return {tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")}


def _wait(prefers: list[str]) -> int:
    """Read how long the caller would wait for news, nothing when it would not."""
    found = [int(match[1]) for prefer in prefers for match in _WAIT.finditer(prefer)]
    return min(max(found, default=0), MAX_WAIT_SECONDS)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            complain("--key needs --certificate.")
            raise typer.Exit(BAD_INPUT)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        said = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        complain(f"{certificate}: the certificate or its key cannot be used ({said}).")
        raise typer.Exit(BAD_INPUT) from None
    return context
