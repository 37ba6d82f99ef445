"""Tests that change the network: they run in a network namespace of their own, started from outside.

`tests/integration/test_in_namespaces.py` starts them; by themselves they are left out.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent
INSIDE = "AEGIS_TEST_NAMESPACE"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave these tests out where the network is that of the machine."""
    if os.environ.get(INSIDE):
        return
    outside = [item for item in items if HERE in item.path.parents]
    config.hook.pytest_deselected(items=outside)
    items[:] = [item for item in items if item not in outside]
