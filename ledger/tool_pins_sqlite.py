"""Pinned descriptions of MCP tools in one SQLite file, with a snapshot in memory."""

import builtins
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from ledger.errors import LedgerError, StoreUnavailable, UnknownTool
from ledger.sqlite_file import FileKind, connect, explain, writing
from ledger.tool_pins import ToolPin

TOOLS_FILE = FileKind(
    noun="database of MCP tools",
    application_id=0x4145544C,  # "AETL"
    version=1,
    schema="""
        CREATE TABLE tools(tenant TEXT NOT NULL, destination TEXT NOT NULL, tool TEXT NOT NULL,
                           fingerprint TEXT NOT NULL, seen_at INTEGER NOT NULL,
                           changed_to TEXT NOT NULL DEFAULT '', changed_at INTEGER,
                           PRIMARY KEY (tenant, destination, tool)) STRICT, WITHOUT ROWID;
    """,
    unavailable=StoreUnavailable,
    corrupt=StoreUnavailable,
)
_REFRESH_SECONDS = 0.25
_ALL = (
    "SELECT tenant, destination, tool, fingerprint, seen_at, changed_to, changed_at FROM tools "
    "ORDER BY tenant, destination, tool"
)
_SEE = """
    INSERT INTO tools(tenant, destination, tool, fingerprint, seen_at) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET
        changed_at = CASE ?4 WHEN fingerprint THEN NULL WHEN changed_to THEN changed_at ELSE ?5 END,
        changed_to = CASE ?4 WHEN fingerprint THEN '' ELSE ?4 END
"""
_ACCEPT = """
    UPDATE tools SET fingerprint = changed_to, changed_to = '', changed_at = NULL
    WHERE tenant = ? AND destination = ? AND tool = ? AND changed_to <> ''
"""


class SqliteToolPins:
    """A ToolPins; what another process changes is seen within 250 ms."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        busy_ms: int = 5000,
    ) -> None:
        self.path = Path(path)
        self._clock = clock
        self._monotonic = monotonic
        # The writer may wait for another process; who looks must not wait for the writer.
        self._writing = threading.Lock()
        self._lock = threading.RLock()
        self._writer = connect(self.path, TOOLS_FILE, busy_ms)
        self._db = connect(self.path, TOOLS_FILE, busy_ms)
        self._pins: dict[tuple[str, str, str], ToolPin] = {}
        self._changed: frozenset[tuple[str, str]] = frozenset()
        self._version = -1
        self._look_again = float("-inf")

    def look(self, tenant: str, destination: str, tool: str) -> ToolPin | None:
        """Give what is known of a tool; raises StoreUnavailable."""
        self._refresh()
        return self._pins.get((tenant, destination, tool))

    def changed(self, tenant: str, destination: str) -> bool:
        """Tell whether a server has a tool with a change that is not accepted."""
        self._refresh()
        return (tenant, destination) in self._changed

    def see(self, tenant: str, destination: str, tool: str, fingerprint: str) -> ToolPin:
        """Write down how a tool is described now; raises StoreUnavailable."""
        self._write(_SEE, (tenant, destination, tool, fingerprint, int(self._clock())))
        return self._pins[(tenant, destination, tool)]

    def accept(self, tenant: str, destination: str, tool: str) -> ToolPin:
        """Let the description that was seen last hold; raises UnknownTool, StoreUnavailable."""
        if self.look(tenant, destination, tool) is None:
            raise UnknownTool(
                f"No agent of tenant {tenant!r} has seen a tool {tool!r} of {destination!r}. "
                "See `aegis mcp tools`."
            )
        self._write(_ACCEPT, (tenant, destination, tool))
        return self._pins[(tenant, destination, tool)]

    def list(self) -> builtins.list[ToolPin]:
        """Give all tools, by tenant, destination and name."""
        self._look_again = float("-inf")
        self._refresh()
        return builtins.list(self._pins.values())

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._writing, self._lock:
            self._writer.close(True)
            self._db.close(True)

    def _refresh(self) -> None:
        """Read all again when the file has changed."""
        if self._monotonic() < self._look_again:
            return
        with self._lock:
            try:
                version = self._db.pragma("data_version")
                if version != self._version:
                    pins = [ToolPin(*row) for row in self._db.execute(_ALL)]
                    self._pins = {(pin.tenant, pin.destination, pin.tool): pin for pin in pins}
                    self._changed = frozenset(
                        (pin.tenant, pin.destination) for pin in pins if pin.changed_to
                    )
                    self._version = version
            except apsw.Error as exc:
                raise self._explain(exc) from exc
            self._look_again = self._monotonic() + _REFRESH_SECONDS

    def _write(self, sql: str, values: tuple[Any, ...]) -> None:
        with self._writing:
            try:
                with writing(self._writer):
                    self._writer.execute(sql, values)
            except apsw.Error as exc:
                raise self._explain(exc) from exc
        self._look_again = float("-inf")
        self._refresh()

    def _explain(self, exc: apsw.Error) -> LedgerError:
        if isinstance(exc, apsw.ConnectionClosedError):
            return StoreUnavailable(f"{self.path}: this database of MCP tools was closed.")
        return explain(exc, self.path, TOOLS_FILE)
