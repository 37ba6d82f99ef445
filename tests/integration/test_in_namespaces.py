"""Runs the tests that change the network in a namespace, where nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.support.process import PROJECT

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or shutil.which("nft") is None,
    reason="a network of one's own with several users needs Linux, root and nft",
)


def test_on_a_network_of_their_own() -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "pytest", "-x", "-p", "no:xdist",
         "tests/namespace"],
        cwd=PROJECT, env={**os.environ, "AEGIS_TEST_NAMESPACE": "1"}, capture_output=True, text=True,
        timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
