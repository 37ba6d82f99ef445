"""What every Vault adapter must do; the adapters are listed in conftest.py."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ledger import StoreUnavailable, Vault, VaultCollision, VaultFull
from ledger.vault import MAX_ENTRIES

OpenVault = Callable[..., Vault]
HERE = ("acme", "spiffe://aegis.local/tenant/acme/agent/scribe")
ENTRIES = {"Jordan Ellis": ("d1", "Maria Nguyen"), "900-11-2233": ("d2", "536-90-4399")}
VALUES = {surrogate: value for surrogate, (_, value) in ENTRIES.items()}


@pytest.fixture
def vault(open_vault: OpenVault) -> Vault:
    return open_vault()


def test_what_was_put_comes_back(vault: Vault, clock: Any) -> None:
    assert vault.mapping(*HERE, clock.now) == {}
    vault.put(*HERE, ENTRIES, clock.now + 60)
    assert vault.mapping(*HERE, clock.now) == VALUES
    assert vault.mapping(*HERE, clock.now) is vault.mapping(*HERE, clock.now)
    vault.put(*HERE, {"Zoë “Q” Ñandú 𝔛": ("d3", 'Ana "Nana"\nLópez \udc80')}, clock.now + 60)
    assert vault.mapping(*HERE, clock.now)["Zoë “Q” Ñandú 𝔛"] == 'Ana "Nana"\nLópez \udc80'
    assert len(vault.mapping(*HERE, clock.now)) == 3


def test_it_is_there_after_a_restart(open_vault: OpenVault, clock: Any) -> None:
    first = open_vault()
    first.put(*HERE, ENTRIES, clock.now + 60)
    first.close()
    assert open_vault().mapping(*HERE, clock.now) == VALUES


def test_sessions_and_tenants_are_apart(vault: Vault, clock: Any) -> None:
    vault.put(*HERE, ENTRIES, clock.now + 60)
    other = ("acme", HERE[1] + "#other")
    elsewhere = ("globex", HERE[1])
    assert vault.mapping(*other, clock.now) == vault.mapping(*elsewhere, clock.now) == {}
    # The same surrogate may stand for somebody else there.
    vault.put(*other, {"Jordan Ellis": ("d9", "Peter Novak")}, clock.now + 60)
    assert vault.mapping(*other, clock.now) == {"Jordan Ellis": "Peter Novak"}
    assert vault.mapping(*HERE, clock.now) == VALUES
    vault.forget(*HERE)
    assert vault.mapping(*HERE, clock.now) == {}
    assert vault.mapping(*other, clock.now) == {"Jordan Ellis": "Peter Novak"}


def test_a_surrogate_stands_for_one_value(vault: Vault, clock: Any) -> None:
    vault.put(*HERE, ENTRIES, clock.now + 60)
    more = {"Jordan Ellis": ("d7", "Peter Novak"), "Sam Reed": ("d8", "Olga Berg")}
    with pytest.raises(VaultCollision) as raised:
        vault.put(*HERE, more, clock.now + 60)
    assert raised.value.digests == {"d7"}
    assert "Novak" not in str(raised.value)
    # All or none.
    assert vault.mapping(*HERE, clock.now) == VALUES
    vault.put(*HERE, {"Jordan Ellis": ("d1", "Maria Nguyen")}, clock.now + 60)
    assert vault.mapping(*HERE, clock.now) == VALUES


def test_another_choice_is_remembered(open_vault: OpenVault, clock: Any) -> None:
    vault = open_vault()
    vault.put(*HERE, ENTRIES, clock.now + 60)
    assert vault.bumps(*HERE) == {}
    vault.bump(*HERE, ["d7", "d8"])
    vault.bump(*HERE, ["d7"])
    assert vault.bumps(*HERE) == open_vault().bumps(*HERE) == {"d7": 2, "d8": 1}
    assert vault.bumps("globex", HERE[1]) == {}
    vault.forget(*HERE)
    assert vault.bumps(*HERE) == {}


def test_values_end(vault: Vault, clock: Any) -> None:
    vault.put(*HERE, ENTRIES, clock.now + 60)
    vault.put(*HERE, {"Sam Reed": ("d8", "Olga Berg")}, clock.now + 600)
    clock.now += 64
    assert vault.mapping(*HERE, clock.now) == {"Sam Reed": "Olga Berg"}
    # What has ended may stand for somebody else, even before it is purged.
    vault.put(*HERE, {"Jordan Ellis": ("d7", "Peter Novak")}, clock.now + 60)
    assert vault.mapping(*HERE, clock.now)["Jordan Ellis"] == "Peter Novak"


def test_use_puts_the_end_off(vault: Vault, clock: Any) -> None:
    vault.put(*HERE, ENTRIES, clock.now + 60)
    clock.now += 50
    vault.put(*HERE, {"Jordan Ellis": ENTRIES["Jordan Ellis"]}, clock.now + 60)
    vault.put(*HERE, {"Jordan Ellis": ENTRIES["Jordan Ellis"]}, clock.now + 1)
    clock.now += 50
    assert vault.mapping(*HERE, clock.now) == {"Jordan Ellis": "Maria Nguyen"}


def test_a_purge_deletes_what_has_ended(vault: Vault, clock: Any) -> None:
    vault.put(*HERE, ENTRIES, clock.now + 60)
    vault.bump(*HERE, ["d7"])
    vault.put("globex", HERE[1], {"Sam Reed": ("d8", "Olga Berg")}, clock.now + 600)
    assert vault.purge(clock.now) == 0
    clock.now += 64
    assert vault.purge(clock.now) == 2
    assert vault.purge(clock.now) == 0
    assert vault.mapping(*HERE, clock.now) == vault.bumps(*HERE) == {}
    assert vault.mapping("globex", HERE[1], clock.now) == {"Sam Reed": "Olga Berg"}


def test_a_session_is_bounded(vault: Vault, clock: Any) -> None:
    many = {f"n{number}": (f"d{number}", "v") for number in range(MAX_ENTRIES)}
    vault.put(*HERE, many, clock.now + 60)
    with pytest.raises(VaultFull):
        vault.put(*HERE, ENTRIES, clock.now + 60)
    assert len(vault.mapping(*HERE, clock.now)) == MAX_ENTRIES
    vault.put(*HERE, {"n1": ("d1", "v")}, clock.now + 600)
    clock.now += 64
    vault.put(*HERE, ENTRIES, clock.now + 60)


def test_another_process_sees_it_at_once(open_vault: OpenVault, clock: Any, tmp_path: Path) -> None:
    vault = open_vault()
    assert vault.mapping(*HERE, clock.now) == {}
    program = (
        "import sys, pathlib; from ledger import SqliteVault\n"
        "v = SqliteVault(pathlib.Path(sys.argv[1]), b's' * 32, clock=lambda: float(sys.argv[2]))\n"
        f"v.put(*{HERE!r}, {ENTRIES!r}, float(sys.argv[2]) + 60)\n"
        f"v.bump(*{HERE!r}, ['d7'])\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "vault.db"), str(clock.now)], check=True
    )
    assert vault.mapping(*HERE, clock.now) == VALUES
    assert vault.bumps(*HERE) == {"d7": 1}
    with pytest.raises(VaultCollision):
        vault.put(*HERE, {"Jordan Ellis": ("d7", "Peter Novak")}, clock.now + 60)


def test_a_closed_vault_says_so(vault: Vault, clock: Any) -> None:
    vault.close()
    vault.close()
    with pytest.raises(StoreUnavailable):
        vault.mapping(*HERE, clock.now)
    with pytest.raises(StoreUnavailable):
        vault.put(*HERE, ENTRIES, clock.now + 60)
