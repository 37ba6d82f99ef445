"""The way back: what surrogates of a conversation stand for, at hand while its answers come."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from addons.exchange import Exchange
from addons.json_texts import JsonTexts
from ledger import LedgerError, Vault
from redaction import RedactionError, UrlDocument, parse_document
from redaction.media_type import looks_like_json
from redaction.restore import Restorer

logger = logging.getLogger(__name__)

MAX_SESSIONS = 256
"""Conversations whose restorers are kept; to make one takes a while where they are long."""

MAX_NESTED = 4
"""How deep JSON may lie in texts of JSON."""

_URLS = frozenset({"location", "content-location"})
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


class Ways:
    """Gives values back in the texts of one answer."""

    def __init__(self, mapping: Mapping[str, str]) -> None:
        self.surrogates = mapping.keys()
        self._restorer = Restorer(mapping)

    def way(self, *, code: bool) -> Restorer:
        """Begin a text that comes in pieces; `code` says that it is a JSON text."""
        return self._restorer.again(in_json=code)

    def text(self, text: str, depth: int = 0) -> str:
        """Give values back in a whole text, which may be JSON itself."""
        if text[:1] in ("{", "[") and depth < MAX_NESTED:
            try:
                inner = JsonTexts(text.encode())
            except ValueError:
                pass
            else:
                return inner.write(self._changes(inner, depth + 1)).decode()
        return self._restorer.text(text)

    def body(self, content_type: str, data: bytes) -> bytes:
        """Give values back in a whole body, of whatever kind it is."""
        try:
            document = parse_document(content_type, data)
            new = {}
            for index, leaf in enumerate(document.leaves):
                text = self.text(leaf.text)
                if text != leaf.text:
                    new[index] = text
            return document.rebuild(new) if new else data
        except RedactionError:
            pass
        try:
            text = data.decode()
            if looks_like_json(data):
                return self._restorer.json_text(text).encode()
            return self._restorer.text(text).encode()
        except UnicodeError:
            return data

    def header(self, name: str, value: str) -> str:
        """Give values back in a header, in the form that it has."""
        if name.lower() not in _URLS:
            return _CONTROL.sub(" ", self._restorer.text(value))
        document = UrlDocument(value)
        new = {i: self._restorer.text(leaf.text) for i, leaf in enumerate(document.leaves)}
        changed = {i: text for i, text in new.items() if text != document.leaves[i].text}
        return document.rebuild(changed).decode("utf-8", "surrogateescape") if changed else value

    def _changes(self, texts: JsonTexts, depth: int) -> Mapping[int, str]:
        new = {}
        for index, text in enumerate(texts.texts):
            restored = self.text(text.text, depth)
            if restored != text.text:
                new[index] = restored
        return new


class WayBack:
    """Makes the restorers of conversations, and keeps those that are in use."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[Any, Ways]] = OrderedDict()

    async def of(self, vault: Vault, exchange: Exchange) -> Ways | None:
        """Give the ways back of an exchange's conversation, None where it has no surrogates."""
        agent = exchange.agent
        if agent is None:
            return None
        where = (agent.tenant, exchange.vault_session)
        try:
            mapping = await asyncio.to_thread(vault.mapping, where[0], where[1], time.time())
        except LedgerError as error:
            # Its surrogates stay in the answer: nothing is told that should not be.
            logger.warning("An answer is not restored. %s", error)
            exchange.answer_problem = "vault_unavailable"
            return None
        return self.ways(where, mapping)

    def ways(self, where: tuple[str, str], mapping: Mapping[str, str]) -> Ways | None:
        """Give the ways back of a conversation, None where it has no surrogates."""
        if not mapping:
            self._known.pop(where, None)
            return None
        known = self._known.get(where)
        if known is None or known[0] is not mapping:
            known = self._known[where] = mapping, Ways(mapping)
            if len(self._known) > MAX_SESSIONS:
                self._known.popitem(last=False)
        self._known.move_to_end(where)
        return known[1]
