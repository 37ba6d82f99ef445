"""What is changed inside mitmproxy, all in one place.

Each patch is written for one version and is left out, with a warning, on any other; the firewall
is then slower, or refuses more, but never lets more through.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from mitmproxy import ctx, http, version
from mitmproxy.proxy.layers.http import HttpStream

from addons import (
    answer_layer,
    back_pressure,
    body_framing,
    dial_in_order,
    early_answer,
    endings,
    http1_bounds,
    http2_bounds,
    http2_windows,
    through_proxy,
    websocket_layer,
)
from addons.exchange import METADATA_KEY, Exchange

logger = logging.getLogger(__name__)

WRITTEN_FOR = "12.2.3"

_max_body: Callable[[], int] = lambda: 0  # noqa: E731


def fitting() -> bool:
    """Say whether mitmproxy is the version that the patches were written for."""
    return version.VERSION == WRITTEN_FOR


def apply(*, max_body: Callable[[], int]) -> None:
    """Bound what is held of requests, without a bound on responses, which stream.

    mitmproxy's own `body_size_limit` knows one bound for both; without the patch it is set, and
    larger downloads are refused.
    """
    global _max_body
    _max_body = max_body
    if not fitting():
        logger.warning(
            "mitmproxy %s is not the version %s that Aegis was written for: "
            "downloads larger than the bound of request bodies are refused.",
            version.VERSION,
            WRITTEN_FOR,
        )
        ctx.options.update(body_size_limit=str(max_body()))
        return
    HttpStream.check_body_size = _check_body_size  # type: ignore[method-assign]
    answer_layer.install()
    back_pressure.install()
    websocket_layer.install(max_body)
    body_framing.install()
    early_answer.install()
    http2_windows.install()
    endings.install()
    dial_in_order.install()
    through_proxy.install()
    http1_bounds.install()
    http2_bounds.install()


def _check_body_size(self: HttpStream, request: bool) -> Any:
    """Answer a request at once when it is refused or its body outgrows the bound."""
    if not request:
        return (yield from answer_layer.check_size(self))
    if not self.request_body_buf:
        return False
    exchange = self.flow.metadata.get(METADATA_KEY)
    if not early_answer.refused(self) and len(self.request_body_buf) <= _max_body():
        return False
    if isinstance(exchange, Exchange):
        exchange.request_bytes = len(self.request_body_buf)
        exchange.body.kind = "uninspected"
    yield from early_answer.answer(self)
    return True


def _get_header(self: http.Headers, key: str | bytes, default: Any = None) -> Any:
    """Do what `Headers.get` does without an exception for each header that is not there."""
    wanted = (key.encode("utf-8", "surrogateescape") if isinstance(key, str) else key).lower()
    values = [value for name, value in self.fields if name.lower() == wanted]
    if not values:
        return default
    return b", ".join(values).decode("utf-8", "surrogateescape")


def _has_header(self: http.Headers, key: object) -> bool:
    if isinstance(key, str):
        key = key.encode("utf-8", "surrogateescape")
    if not isinstance(key, bytes):
        return False
    wanted = key.lower()
    return any(name.lower() == wanted for name, _ in self.fields)


def speed_up() -> None:
    """Take a shorter way through what mitmproxy does for each message.

    Its type checks by reflection of messages it makes itself are left out, and headers are looked
    up without exceptions.
    """
    if fitting():
        http.Headers.get = _get_header  # type: ignore[method-assign,assignment]
        http.Headers.__contains__ = _has_header  # type: ignore[method-assign,assignment]
        http.MessageData.__post_init__ = lambda self: None  # type: ignore[method-assign]
