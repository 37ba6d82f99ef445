"""The data plane as a process that commands start and stop."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from control.home import Home, Running

START_SECONDS = 120.0
STOP_SECONDS = 15.0


def start(home: Home, arguments: Sequence[str], *, quiet: bool = False) -> subprocess.Popen[bytes]:
    """Start the firewall on a home folder; it writes its own messages."""
    command = [sys.executable, "-m", "addons", "--home", str(home.folder), *arguments]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE if quiet else None,
        # Ctrl-C goes to the command in front, which ends the firewall when it is done itself.
        start_new_session=True,
    )


def wait_until_ready(home: Home, process: subprocess.Popen[bytes]) -> Running | None:
    """Wait until the firewall listens; None when it ended instead."""
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        running = home.running()
        if running is not None and running.pid == process.pid:
            return running
        time.sleep(0.05)
    return None


def stop(process: subprocess.Popen[bytes]) -> int:
    """End the firewall and give its exit code."""
    process.terminate()
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
