"""The second engine: a running OPA server that has the same bundle, asked over HTTP.

Whatever is not a whole decision by the bundle that the firewall has is none: the caller denies.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

import httpx
import orjson

from rules import EvaluationError
from rules.engine import whole_decision

TIMEOUT = 2.0
"""Seconds that a question may take in all, connecting included."""

MAX_ANSWER = 1 << 20
_CONNECTIONS = 32
_IDLE_SECONDS = 30.0
_PATH = "/v1/data/aegis/decision?strict-builtin-errors=true&provenance=true"
_WARM_UP = {
    "stage": "request",
    "agent": {"id": "", "tenant": "", "groups": []},
    "destination": {"scheme": "https", "host": "warm.up.invalid", "port": 443},
}
# The other side closed a kept connection just as it was used; a decision changes nothing there.
_ONCE_MORE = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class OpaServerEngine:
    """Asks an OPA server for decisions; belongs to one event loop.

    With a revision, only a server that decides by exactly that bundle is believed.
    """

    def __init__(
        self,
        url: str,
        *,
        revision: str = "",
        timeout: float = TIMEOUT,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.revision = revision
        self._url = url.rstrip("/") + _PATH
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            verify=trust or ssl.create_default_context(),
            timeout=timeout,
            limits=httpx.Limits(
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
            ),
            # A proxy of the environment could be this very firewall.
            trust_env=False,
            follow_redirects=False,
            headers={"content-type": "application/json", "accept-encoding": "identity"},
        )

    async def evaluate(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Give the decision document on an input; raises `EvaluationError`."""
        try:
            question = orjson.dumps({"input": document})
        except TypeError as error:
            raise EvaluationError(f"the question is no JSON ({error})") from None
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._ask(question)
        except TimeoutError:
            raise EvaluationError(
                f"the OPA server gave no answer within {self._timeout:g} seconds"
            ) from None
        except (httpx.HTTPError, OSError) as error:
            raise EvaluationError(
                f"the OPA server cannot be asked ({type(error).__name__})"
            ) from None
        if status != 200:
            raise EvaluationError(f"the OPA server answered with status {status}")
        return self._read(body)

    async def check(self) -> None:
        """Ask about nothing real, so that a wrong server shows early; raises `EvaluationError`."""
        await self.evaluate(_WARM_UP)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, question: bytes) -> tuple[int, bytes]:
        try:
            return await self._once(question)
        except _ONCE_MORE:
            return await self._once(question)

    async def _once(self, question: bytes) -> tuple[int, bytes]:
        body = bytearray()
        async with self._client.stream("POST", self._url, content=question) as response:
            if response.status_code != 200:
                return response.status_code, b""
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_ANSWER:
                    raise EvaluationError("the OPA server's answer is too large")
        return 200, bytes(body)

    def _read(self, body: bytes) -> dict[str, Any]:
        try:
            answer = orjson.loads(body)
        except ValueError:
            raise EvaluationError("the OPA server's answer is no JSON") from None
        if not isinstance(answer, dict) or "result" not in answer:
            raise EvaluationError("the OPA server has no decision; does it have the bundle?")
        if self.revision and self.revision not in _revisions(answer):
            raise EvaluationError(
                f"the OPA server does not decide by the policy's revision {self.revision}"
            )
        decision = answer["result"]
        if not whole_decision(decision):
            raise EvaluationError("the OPA server gave no whole decision")
        return dict(decision)


def _revisions(answer: Mapping[str, Any]) -> list[object]:
    provenance = answer.get("provenance")
    if not isinstance(provenance, dict):
        return []
    bundles = provenance.get("bundles")
    found = list(bundles.values()) if isinstance(bundles, dict) else []
    # Of a single bundle older servers say it here.
    return [provenance.get("revision"), *(b.get("revision") for b in found if isinstance(b, dict))]
