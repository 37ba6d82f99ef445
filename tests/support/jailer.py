"""`aegis run --jail` as root and as a user without any rights, on a folder of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from ledger import LogReader
from tests.support.authority import write_hosts
from tests.support.process import PROJECT
from tests.support.server import Upstream

Who = Literal["root", "user"]
type Running = subprocess.Popen[str]
USER = 61_234
AEGIS = ("-P", "-c", "import sys; from control.cli import main; sys.exit(main())")


def why_not(who: Who) -> str:
    """Say why there can be no jail here, or nothing."""
    if who == "root" and os.geteuid() != 0:
        return "these tests run as no root"
    if shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin:/bin") is None:
        return "there is no nft"
    probe = ["unshare", "-Urnmpf", "--mount-proc", "true"]
    if who == "root":
        probe[1:1] = ["-m"]
    done = subprocess.run(probe, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()}"


class Jailer:
    """Runs commands in jails; all lies in `folder`, which belongs to the one who runs them.

    `name_server` is what this machine, outside of the jail, looks names up by (for root only).
    """

    def __init__(
        self, who: Who, policy: str, upstreams: Sequence[Upstream], name_server: str = ""
    ) -> None:
        self.who, self._name_server = who, name_server
        # Not below pytest's folders, which are root's alone.
        self.folder = Path(tempfile.mkdtemp(prefix="aegis-jail-"))
        self.folder.chmod(0o755)
        self.work = self.folder / "work"
        self.home = self.work / "state" / "home"
        self.work.mkdir()
        self.home.parent.mkdir()
        self.policy = self.work / "policies" / "policy.yaml"
        self.policy.parent.mkdir()
        self.policy.write_text(policy, "utf-8")
        names = {name: "127.0.0.1" for upstream in upstreams for name in upstream.names}
        write_hosts(self.folder / "hosts", names)
        ca = next(upstream.ca for upstream in upstreams if upstream.ca)
        shutil.copy(ca.pem, self.folder / "upstream-ca.pem")
        if os.geteuid() == 0 and who == "user":
            for place in [self.folder, *self.folder.rglob("*")]:
                os.chown(place, USER, USER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder)

    @property
    def uid(self) -> int:
        """Who runs the jail."""
        return USER if self.who == "user" and os.geteuid() == 0 else os.geteuid()

    def command(self, *arguments: str | Path, inside: str = "") -> list[str]:
        """Give the command line of `aegis run --jail ARGUMENTS`, run by a shell's `inside`."""
        aegis = [sys.executable, *AEGIS, "run", "--jail", *map(str, arguments)]
        return [*self._prefix(inside), *aegis]

    @property
    def environment(self) -> dict[str, str]:
        """The environment to run it in."""
        mine = {"AEGIS_HOME": str(self.home), "HOME": str(self.work)}
        return {**os.environ, "PYTHONPATH": str(PROJECT), **mine}

    def start(self, *arguments: str | Path, inside: str = "", **options: Any) -> Running:
        """Start `aegis run --jail ARGUMENTS`."""
        return subprocess.Popen(
            self.command(*arguments, inside=inside),
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "cwd": self.work,
                **options,
                "env": {**self.environment, **options.get("env", {})},
            },
        )

    def run(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run `aegis run --jail ARGUMENTS` to its end."""
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @property
    def behind(self) -> list[str | Path]:
        """The options by which the firewall knows the upstreams and allows them."""
        return [
            *("--policy", self.policy),
            *("--hosts-file", self.folder / "hosts"),
            *("--upstream-ca", self.folder / "upstream-ca.pem"),
        ]

    def records(self, kind: str = "") -> list[dict[str, Any]]:
        """Read the log's records, of one kind or of all."""
        found = LogReader(self.home / "ledger.db").records()
        return [record for record in found if kind in ("", record["kind"])]

    def _prefix(self, inside: str) -> list[str]:
        """Become who runs it, with an interpreter that they can reach."""
        if os.geteuid() != 0:
            return ["sh", "-c", f'exec {inside} "$@"', "sh"]
        lines = ["set -e"]
        if self._name_server:
            resolver = self.folder / "resolv.conf"
            resolver.write_text(f"nameserver {self._name_server}\noptions timeout:1 attempts:1\n")
            lines.append(f"mount --bind {resolver} /etc/resolv.conf")
        become = ""
        if self.who == "user":
            lines += self._open_up()
            become = f"setpriv --reuid={USER} --regid={USER} --clear-groups"
        lines.append(f'exec {become} {inside} "$@"')
        return ["unshare", "-m", "sh", "-c", "\n".join(lines), "sh"]

    def _open_up(self) -> list[str]:
        """Uncover what the interpreter needs below folders that are root's alone."""
        needed = {Path(p).resolve() for p in (sys.base_prefix, sys.prefix, PROJECT)}
        closed = {
            folder
            for path in needed
            for folder in path.parents
            if not folder.stat().st_mode & 0o001
        }
        lines: list[str] = []
        for folder in sorted(f for f in closed if not closed & set(f.parents)):
            stage = self.folder / "stage"
            below = [path for path in needed if folder in path.parents]
            for number, path in enumerate(below):
                lines += [f"mkdir -p {stage}/{number}", f"mount --bind {path} {stage}/{number}"]
            lines.append(f"mount -t tmpfs -o mode=755 tmpfs {folder}")
            for number, path in enumerate(below):
                lines += [f"mkdir -p {path}", f"mount --move {stage}/{number} {path}"]
        return lines


def said(text: str) -> dict[str, Any]:
    """Read what the probe found."""
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found
