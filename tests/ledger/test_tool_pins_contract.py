"""What every ToolPins adapter must do; the adapters are listed in conftest.py."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import StoreUnavailable, ToolPin, ToolPins, UnknownTool, fingerprint

OpenPins = Callable[[], ToolPins]
READ = ("acme", "notes", "read")


@pytest.fixture
def pins(open_pins: OpenPins) -> ToolPins:
    return open_pins()


def test_the_first_description_holds(pins: ToolPins, clock: Any) -> None:
    now = int(clock.now)
    assert pins.look(*READ) is None
    assert pins.see(*READ, "f1") == ToolPin(*READ, "f1", now)
    clock.now += 60
    assert pins.see(*READ, "f1") == ToolPin(*READ, "f1", now)
    assert not pins.changed("acme", "notes")
    assert pins.see(*READ, "f2") == ToolPin(*READ, "f1", now, "f2", now + 60)
    clock.now += 60
    assert pins.see(*READ, "f2") == pins.look(*READ) == ToolPin(*READ, "f1", now, "f2", now + 60)
    assert pins.see(*READ, "f3").changed_at == now + 120
    assert pins.changed("acme", "notes")


def test_tenants_and_servers_are_apart(pins: ToolPins) -> None:
    pins.see(*READ, "f1")
    pins.see("globex", "notes", "read", "f2")
    pins.see("acme", "wiki", "read", "f3")
    pins.see(*READ, "f4")
    assert [pin.fingerprint for pin in pins.list()] == ["f1", "f3", "f2"]
    assert not pins.changed("globex", "notes")
    assert not pins.changed("acme", "wiki")


def test_a_change_is_accepted_or_taken_back(pins: ToolPins) -> None:
    pins.see(*READ, "f1")
    pins.see(*READ, "f2")
    assert pins.see(*READ, "f1").changed_to == ""
    assert not pins.changed("acme", "notes")
    pins.see(*READ, "f2")
    accepted = pins.accept(*READ)
    assert (accepted.fingerprint, accepted.changed_to, accepted.changed_at) == ("f2", "", None)
    assert pins.accept(*READ) == accepted
    with pytest.raises(UnknownTool):
        pins.accept("acme", "notes", "wipe")


def test_another_process_sees_it_soon(open_pins: OpenPins, monotonic: Any) -> None:
    one, other = open_pins(), open_pins()
    assert other.look(*READ) is None
    one.see(*READ, "f1")
    monotonic.now += 0.3
    assert other.look(*READ) is not None
    one.see(*READ, "f2")
    one.accept(*READ)
    monotonic.now += 0.3
    assert other.see(*READ, "f1").changed_to == "f1"


def test_a_closed_store_says_so(pins: ToolPins, monotonic: Any) -> None:
    pins.close()
    pins.close()
    monotonic.now += 1
    with pytest.raises(StoreUnavailable):
        pins.look(*READ)
    with pytest.raises(StoreUnavailable):
        pins.see(*READ, "f1")


def test_a_fingerprint_is_of_all_that_is_said() -> None:
    one = {"name": "read", "description": "Reads.", "inputSchema": {"a": 1, "b": 2}, "_meta": 1}
    same = {"inputSchema": {"b": 2, "a": 1}, "description": "Reads.", "name": "read", "_meta": 2}
    assert fingerprint(one) == fingerprint(same)
    others = [{**one, key: "x"} for key in ("description", "inputSchema", "annotations", "title")]
    assert len({fingerprint(tool) for tool in [one, *others]}) == 5
