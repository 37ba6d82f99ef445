"""A bundle server as the place where the policy comes from: OPA's bundle API, with long polling."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import ssl
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest, HTTPResponse
from tornado.httputil import HTTPInputError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from addons.policy_source import WRONG, SourceError
from rules import Bundle, PolicySet

logger = logging.getLogger(__name__)

MAX_BYTES = 16 * 1024 * 1024
"""How large a packed bundle may be."""

WAIT_SECONDS = 30
"""How long the server is asked to hold an answer back until the policy changes."""

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""How long an answer may take that is not held back."""

IDLE_SECONDS = 2.0
"""How long to pause where the server answers at once that nothing is new."""

RETRY_SECONDS = (0.25, 10.0)
"""The first pause after a failure and the longest; each is twice the one before."""

Verify = Callable[[bytes], None]
"""Checks the signature of a bundle's bytes; raises `PolicyError` or `ValueError`."""


class BundleServerSource:
    """Follows one bundle of a server; keeps the last good one for a start without the server."""

    def __init__(
        self,
        url: str,
        kept: Path,
        *,
        token: str = "",
        verify: Verify | None = None,
        roots: Path | None = None,
    ) -> None:
        self.name = url
        self._url = url
        self._kept = kept
        self._token = token
        self._verify = verify
        self._tls = _tls(roots) if url.startswith("https:") else None
        self._client: SimpleAsyncHTTPClient | None = None
        self._etag = ""
        self._content = b""
        self._digest = b""
        self._away = False
        self._pause = RETRY_SECONDS[0]
        # What matters of a connection that fails is said here, once and in words.
        logging.getLogger("tornado").setLevel(logging.CRITICAL)

    def load(self) -> Bundle:
        """Give the server's policy, or the last good one when that cannot be had or used."""
        try:
            response = _apart(self._ask_once)
            bundle = self._read(response.body)
            PolicySet(bundle)
        except WRONG as error:
            return self._last_good(str(error))
        self._remember(response)
        return bundle

    async def changed(self) -> Bundle:
        """Wait until the server has another policy; raises `PolicyError` for a wrong one."""
        while True:
            asked = time.monotonic()
            try:
                response = await self._ask(self._connection(), WAIT_SECONDS)
            except SourceError as error:
                await self._wait_for_server(str(error))
                continue
            if self._away:
                logger.info("The bundle server answers again: %s.", self._url)
            self._away, self._pause = False, RETRY_SECONDS[0]
            if response.code == 304 or not self._remember(response):
                # A server that knows no long polling is not asked again at once.
                if time.monotonic() - asked < IDLE_SECONDS:
                    await asyncio.sleep(IDLE_SECONDS)
                continue
            return await asyncio.to_thread(self._read, response.body)

    async def accepted(self) -> None:
        """Keep the bundle that came last, now that it is known to be good."""
        content, self._content = self._content, b""
        if content:
            await asyncio.to_thread(_write, self._kept, content)

    async def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            self._client.close()

    def _remember(self, response: HTTPResponse) -> bool:
        """Remember what came, wrong or right, so that it is not taken twice; say if it is new."""
        self._etag = response.headers.get("ETag", "")
        digest = hashlib.sha256(response.body).digest()
        if digest == self._digest:
            return False
        self._digest, self._content = digest, response.body
        return True

    def _read(self, content: bytes) -> Bundle:
        if self._verify is not None:
            try:
                self._verify(content)
            except ValueError as error:
                raise SourceError(
                    f"{self._url}: the bundle's signature is wrong: {error}"
                ) from None
        return Bundle.from_bytes(content, self._url)

    def _last_good(self, problem: str) -> Bundle:
        try:
            content = self._kept.read_bytes()
        except FileNotFoundError:
            raise SourceError(
                f"{problem} There is no earlier bundle of this server in the home folder either."
            ) from None
        bundle = self._read(content)
        logger.warning(
            "%s\nThe last good policy of this server is used instead, revision %s.",
            problem,
            bundle.revision,
        )
        return bundle

    async def _wait_for_server(self, problem: str) -> None:
        if not self._away:
            self._away = True
            logger.warning("%s The policy in force stays until it answers.", problem)
        # Not all firewalls at the same moment when the server is back.
        await asyncio.sleep(self._pause * random.uniform(0.5, 1))  # noqa: S311
        self._pause = min(self._pause * 2, RETRY_SECONDS[1])

    def _connection(self) -> SimpleAsyncHTTPClient:
        if self._client is None:
            self._client = _client()
        return self._client

    async def _ask_once(self) -> HTTPResponse:
        client = _client()
        try:
            return await self._ask(client, 0)
        finally:
            client.close()

    async def _ask(self, client: SimpleAsyncHTTPClient, wait: int) -> HTTPResponse:
        headers = {"Accept": "application/vnd.openpolicyagent.bundles, application/gzip, */*"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if wait:
            headers["Prefer"] = f"modes=snapshot;wait={wait}"
        if self._etag and wait:
            headers["If-None-Match"] = self._etag
        request = HTTPRequest(
            self._url,
            headers=headers,
            connect_timeout=CONNECT_SECONDS,
            request_timeout=ANSWER_SECONDS + wait,
            follow_redirects=False,
            decompress_response=False,
            ssl_options=self._tls,
            user_agent="aegis",
        )
        try:
            response = await client.fetch(request, raise_error=False)
        except (HTTPClientError, HTTPInputError, OSError, ValueError) as error:
            raise SourceError(f"{self._url}: {_why(error)}.") from None
        if response.code not in (200, 304):
            raise SourceError(f"{self._url}: {_meaning(response.code)}.")
        return response


def _client() -> SimpleAsyncHTTPClient:
    # Of its own: the one that is shared takes its limits from whoever was first.
    return SimpleAsyncHTTPClient(
        force_instance=True, max_body_size=MAX_BYTES, max_buffer_size=MAX_BYTES + 65_536
    )


def _tls(roots: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(roots) if roots is not None else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _apart[T](ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Wait for something asynchronous on a thread of its own: here an event loop may run."""
    with ThreadPoolExecutor(1, "aegis-bundle") as pool:
        return pool.submit(lambda: asyncio.run(ask())).result()


def _why(error: Exception) -> str:
    if isinstance(error, HTTPClientError):
        return f"the bundle server does not answer ({error.message or error.code})"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the bundle server's certificate is not trusted ({error.verify_message})"
    if isinstance(error, OSError):
        return f"the bundle server cannot be reached ({error.strerror or type(error).__name__})"
    return f"the bundle server's answer cannot be read ({type(error).__name__})"


def _meaning(code: int) -> str:
    if code in (401, 403):
        return f"the bundle server refuses us ({code}); set AEGIS_BUNDLE_TOKEN to its token"
    if code == 404:
        return "the bundle server has no such bundle (404); check the path"
    return f"the bundle server answered {code}"


def _write(path: Path, content: bytes) -> None:
    """Replace the file whole or not at all; a failure costs only a start without the server."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError as error:
        logger.error("%s: the policy cannot be kept (%s).", path, error.strerror)
