from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledger import (
    AgentStore,
    DecisionLog,
    Signer,
    SqliteAgents,
    SqliteLog,
    SqliteToolPins,
    SqliteVault,
    ToolPins,
    Vault,
    load_or_create_signer,
)

# A new adapter joins here and passes the contract tests unchanged.
LOGS: dict[str, Callable[[Path, Signer], DecisionLog]] = {
    "sqlite": lambda home, signer: SqliteLog(home / "ledger.db", signer),
}
PINS: dict[str, Callable[..., ToolPins]] = {
    "sqlite": lambda home, **clocks: SqliteToolPins(home / "tools.db", **clocks),
}
STORES: dict[str, Callable[..., AgentStore]] = {
    "sqlite": lambda home, **clocks: SqliteAgents(home / "agents.db", **clocks),
}
VAULTS: dict[str, Callable[..., Vault]] = {
    "sqlite": lambda home, secret, **clocks: SqliteVault(home / "vault.db", secret, **clocks),
}
VAULT_SECRET = b"s" * 32


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return load_or_create_signer(tmp_path / "log.key")


@pytest.fixture
def public(signer: Signer) -> str:
    return str(signer.verifier)


@pytest.fixture
def log(tmp_path: Path, signer: Signer) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path / "ledger.db", signer)
    yield log
    log.close()


@pytest.fixture(params=sorted(LOGS))
def open_log(
    request: pytest.FixtureRequest, tmp_path: Path, signer: Signer
) -> Iterator[Callable[[], DecisionLog]]:
    opened: list[DecisionLog] = []

    def open_() -> DecisionLog:
        opened.append(LOGS[request.param](tmp_path, signer))
        return opened[-1]

    yield open_
    for log in opened:
        log.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def monotonic() -> Clock:
    return Clock(100.0)


@pytest.fixture(params=sorted(STORES))
def open_store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, monotonic: Clock
) -> Iterator[Callable[[], AgentStore]]:
    opened: list[AgentStore] = []

    def open_() -> AgentStore:
        opened.append(STORES[request.param](tmp_path, clock=clock, monotonic=monotonic))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[[], AgentStore]) -> AgentStore:
    return open_store()


@pytest.fixture(params=sorted(PINS))
def open_pins(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, monotonic: Clock
) -> Iterator[Callable[[], ToolPins]]:
    opened: list[ToolPins] = []

    def open_() -> ToolPins:
        opened.append(PINS[request.param](tmp_path, clock=clock, monotonic=monotonic))
        return opened[-1]

    yield open_
    for store in opened:
        store.close()


@pytest.fixture(params=sorted(VAULTS))
def open_vault(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> Iterator[Callable[..., Vault]]:
    opened: list[Vault] = []

    def open_(secret: bytes = VAULT_SECRET) -> Vault:
        opened.append(VAULTS[request.param](tmp_path, secret, clock=clock))
        return opened[-1]

    yield open_
    for vault in opened:
        vault.close()
