"""The demo does what it tells, and says so when it does not."""

import subprocess
import sys

from rich.console import Console

from scripts import demo
from scripts.demo_story import POLICY
from tests.support.process import PROJECT


def test_the_demo_goes_as_told():
    done = subprocess.run(
        [sys.executable, "-m", "scripts.demo"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for told in ("ALLOW", "DENY", "SANITIZE", "VERIFIED", "TAMPERED", "Everything went as told."):
        assert told in done.stdout
    assert "536-90" not in "".join(done.stdout.split("the EHR received")[1:2]).split("\n")[0]


def test_a_policy_that_lets_the_large_payment_through_is_noticed():
    console = Console(quiet=True)
    problems = demo.tell(console, POLICY.replace("max: 5000", "max: 9000"))
    assert any("expected deny" in problem for problem in problems)
