"""What holds for all tests."""

from __future__ import annotations

import pytest

from tests.support.opa_server import opa_program


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what asks a stock `opa` where there is none: no registry has one to install.

    AEGIS_OPA names one; its library, which is installed, gives the same answers elsewhere.
    """
    if opa_program() is not None:
        return
    without = [
        item
        for item in items
        if "program" in getattr(item, "fixturenames", ()) or "[program" in item.name
    ]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in without]
