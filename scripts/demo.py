"""The demo: local services, the firewall, an agent that behaves well and badly, the evidence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
from rich.console import Console
from rich.markup import escape

from ledger import VerifyReport, verify_log
from scripts.demo_story import POLICY, REPLY, STORY, Step, World
from tests.support.firewall import Firewall
from tests.support.process import PROJECT, ProgramError
from tests.support.upstreams import EhrApi, LlmApi, LocalCa, PaymentsApi

COLOURS = {"allow": "green", "sanitize": "yellow", "deny": "red"}
UNKNOWN = "https://collector.elsewhere.example"


class Teller:
    """Prints the story and remembers what did not go as told."""

    def __init__(self, console: Console) -> None:
        self.problems: list[str] = []
        self._console = console
        self._number = 0

    def chapter(self, title: str) -> None:
        """Begin a step."""
        self._number += 1
        self._console.print(f"\n[bold]{self._number}  {escape(title)}[/]")

    def line(self, label: str, text: str, colour: str = "dim") -> None:
        """Print one line of a step."""
        self._console.print(f"   [{colour}]{label:<9}[/] {escape(text)}", soft_wrap=True)

    def decision(self, record: dict[str, Any]) -> None:
        """Print one decision of the log."""
        effect = str(record["effect"])
        self.line(effect.upper(), str(record["reason"]), f"bold {COLOURS.get(effect, 'magenta')}")
        tools = ", ".join(record["tools"])
        took = sum(record["timing_us"].values()) / 1000
        parts = [f"rule {record['rule']}", record["source"], tools and f"tool {tools}"]
        parts += [f"{count} {entity} taken out" for entity, count in record["redacted"].items()]
        parts += [f"record {record['seq']}", f"{took:.1f} ms"]
        self.line("", " · ".join(part for part in parts if part))

    def problem(self, text: str) -> None:
        """Say that something is not as told."""
        self.problems.append(text)
        self.line("WRONG", text, "bold white on red")


def main() -> int:
    """Tell the story; gives 1 when a step did not do what the story says."""
    console = Console()
    try:
        problems = tell(console)
    except ProgramError as error:
        console.print(f"[red]demo: the firewall {escape(str(error))}[/]")
        return 1
    console.print()
    if problems:
        console.print(f"[bold red]{len(problems)} steps did not go as told.[/]")
        return 1
    console.print("[bold green]Everything went as told.[/]")
    return 0


def tell(console: Console, policy: str = POLICY) -> list[str]:
    """Run the story with a policy; gives what did not go as told."""
    teller = Teller(console)
    with tempfile.TemporaryDirectory(prefix="aegis-demo-") as name:
        folder = Path(name)
        ca = LocalCa(folder)
        with (
            LlmApi(ca, reply=REPLY) as llm,
            PaymentsApi(ca) as payments,
            EhrApi(ca) as ehr,
        ):
            world = World(llm, payments, ehr)
            text = world.policy(policy)
            with Firewall(folder / "aegis", text, llm, payments, ehr) as firewall:
                token = firewall.token("front-desk", groups=["clinic"])
                services = {"llm": llm.url, "pay": payments.url, "ehr": ehr.url, "unknown": UNKNOWN}
                console.print(
                    f"The firewall listens on {firewall.host}:{firewall.port}. The agent "
                    "[bold]front-desk[/] has nothing but a proxy address and a CA file."
                )
                with _agent(services, firewall.environment(token)) as agent:
                    for step in STORY:
                        _play(step, world, firewall, agent, teller)
            _evidence(firewall.home, teller)
    return teller.problems


@contextmanager
def _agent(services: dict[str, str], variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run the agent with the environment that `aegis run` gives."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "scripts.demo_agent", json.dumps(services)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), **variables},
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _play(
    step: Step, world: World, firewall: Firewall, agent: subprocess.Popen[str], teller: Teller
) -> None:
    """Let the agent do one step, show what was decided and check what came of it."""
    assert agent.stdin is not None
    assert agent.stdout is not None
    teller.chapter(step.title)
    before = len(firewall.decisions())
    print(step.name, file=agent.stdin, flush=True)
    answer = json.loads(agent.stdout.readline() or '{"failed": "the agent ended"}')
    decisions = firewall.wait_for("decision", before + 1)[before:]
    for record in decisions:
        teller.decision(record)
    if "failed" in answer:
        teller.line("agent", answer["failed"], "red")
    teller.line("", step.shown(world, answer))
    effects = {record["effect"] for record in decisions}
    if effects != {step.effect}:
        teller.problem(f"expected {step.effect}, the log has {', '.join(sorted(effects))}")
    elif problem := step.problem(world, answer):
        teller.problem(problem)


def _evidence(home: Path, teller: Teller) -> None:
    """Verify the log, then change a copy of it and verify that."""
    teller.chapter("Anybody with the public key verifies the log")
    report = _verify(home)
    if report.ok and report.proven == report.records:
        teller.line("VERIFIED", f"{report.records} records under a signed Merkle root", "green")
    else:
        teller.problem("; ".join(p.message for p in report.problems) or "nothing is proven")
    teller.chapter("Somebody edits a copy: the refused payment now reads as allowed")
    copy = home.parent / "copy"
    shutil.copytree(home, copy)
    changed = _tamper(copy / "ledger.db")
    if not changed:
        teller.problem("there is no refused payment in the log")
        return
    report = _verify(copy)
    for found in report.problems:
        teller.line("TAMPERED", found.message, "bold red")
    if [found.seq for found in report.problems] != [changed]:
        teller.problem(f"verification did not name record {changed}")


def _tamper(log: Path) -> int:
    """Change one word of one record; gives its number, 0 when no payment was refused."""
    database = apsw.Connection(str(log))
    try:
        where = "body ->> 'effect' = 'deny' AND body ->> '$.destination.id' = 'payments'"
        seq = int(database.execute(f"SELECT min(seq) FROM records WHERE {where}").get or 0)
        # The log refuses changes by itself; who owns the file can take that away.
        triggers = database.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute(
            """UPDATE records SET body = replace(body, '"deny"', '"allow"') WHERE seq = ?""", (seq,)
        )
        return seq
    finally:
        database.close()


def _verify(home: Path) -> VerifyReport:
    return verify_log(home / "ledger.db", (home / "log.pub").read_text("utf-8"))


if __name__ == "__main__":
    sys.exit(main())
