"""The policy packs: each is right, is tested whole, and its tests notice when it is changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from redaction import profile_from
from rules import (
    DEFAULT_POLICY,
    AgentRef,
    Bundle,
    Effect,
    PolicySet,
    ToolCall,
    compile_policy,
    load_bundle,
    load_policy,
    parse_policy,
)
from rules.coverage import coverage
from rules.judge import Judge
from rules.marked_yaml import read
from rules.policy import is_test, policy_files
from rules.policy_bench import PolicyBench
from rules.policy_test import CaseResult, PolicyTest, load_policy_test, run_test

PACKS = DEFAULT_POLICY.parent
SINGLE = sorted(path.stem for path in PACKS.glob("*.yaml"))
FOLDERS = ["msp"]
ALL = [*SINGLE, *FOLDERS]

PACKAGES = "packages.example"


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine whose tools fetch packages from one made-up host."""
    for name in ("PIP_INDEX_URL", "npm_config_registry"):
        monkeypatch.setenv(name, f"https://{PACKAGES}/simple/")
    for name in ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path))


def path_of(pack: str) -> Path:
    return PACKS / pack if pack in FOLDERS else PACKS / f"{pack}.yaml"


def suite_of(pack: str) -> PolicyTest:
    return load_policy_test(
        PACKS / pack / "tests.yaml" if pack in FOLDERS else PACKS / "tests" / f"{pack}.yaml"
    )


def run(pack: str, bundle: Bundle) -> list[CaseResult]:
    return run_test(suite_of(pack), PolicyBench(bundle))


def failures(pack: str, bundle: Bundle) -> list[str]:
    return [result.case.name for result in run(pack, bundle) if not result.passed]


def test_the_packs_are_those_of_the_documentation() -> None:
    assert SINGLE == ["developer", "devops", "finops", "fintech", "healthcare"]
    text = (PACKS.parent.parent / "docs" / "policy-packs.md").read_text("utf-8")
    for pack in ALL:
        assert f"## {pack}\n" in text


@pytest.mark.parametrize("pack", ALL)
def test_a_pack_is_right_and_its_redactions_can_be_done(pack: str) -> None:
    policy = PolicySet(load_bundle(path_of(pack)))
    for redaction in policy.all_redactions:
        profile_from([redaction])


@pytest.mark.parametrize("pack", ALL)
def test_the_tests_of_a_pack_pass_and_cover_it_whole(pack: str) -> None:
    bundle = load_bundle(path_of(pack))
    results = run(pack, bundle)
    assert [(r.case.name, [*map(str, r.differences)]) for r in results if not r.passed] == []
    fired = frozenset[str]().union(*(result.fired for result in results))
    found = coverage(Judge(bundle), None, fired)
    assert found.percent == 100, [part.uncovered for part in found.parts]


@pytest.mark.parametrize("pack", ALL)
def test_every_tool_of_a_pack_is_called_in_its_tests(pack: str) -> None:
    called = {
        call.name
        for result in run(pack, load_bundle(path_of(pack)))
        if result.answer is not None
        for call in result.answer.calls
    }
    assert {p.item["id"] for p in load_policy(path_of(pack)).parts("tools")} <= called


@pytest.mark.parametrize("pack", ALL)
def test_the_editor_finds_the_schema(pack: str) -> None:
    files = [path_of(pack)] if pack in SINGLE else policy_files(path_of(pack))
    for file in [*files, *(PACKS / "tests").glob("*.yaml")]:
        first = file.read_text("utf-8").splitlines()[0]
        assert first.startswith("# yaml-language-server: $schema=")
        assert (file.parent / first.partition("=")[2]).resolve().is_file()


def documents(pack: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the documents of a pack that are policies, by the path within the packs."""
    for file in [path_of(pack)] if pack in SINGLE else policy_files(path_of(pack)):
        data = yaml.safe_load(file.read_text("utf-8"))
        if data["kind"] == "Policy":
            yield file.relative_to(PACKS).as_posix(), data


def changed(pack: str, name: str, data: dict[str, Any], folder: Path) -> Bundle:
    """Compile a pack of which one document is another."""
    text = yaml.safe_dump(data)
    if pack in SINGLE:
        return compile_policy(parse_policy(text, name))
    shutil.copytree(PACKS / pack, folder / pack)
    (folder / name).write_text(text, "utf-8")
    return compile_policy(load_policy(folder / pack))


PARTS = [
    (pack, name, section, index, item["id"])
    for pack in ALL
    for name, data in documents(pack)
    for section in ("rules", "budgets", "rates", "regions", "redaction")
    for index, item in enumerate(data.get(section) or [])
]


@pytest.mark.parametrize(
    ("pack", "name", "section", "index"),
    [part[:4] for part in PARTS],
    ids=[f"{part[1]}-{part[4]}" for part in PARTS],
)
def test_a_pack_without_one_of_its_parts_fails_its_tests(
    pack: str, name: str, section: str, index: int, tmp_path: Path
) -> None:
    data = dict(documents(pack))[name]
    del data[section][index]
    assert failures(pack, changed(pack, name, data, tmp_path))


@pytest.mark.parametrize(
    ("pack", "old", "new"),
    [
        ("developer", "*.ingest.sentry.io", "*.ingest.example"),
        ("healthcare", "_include: &nothing {max_length: 0}", "_include: &nothing {max_length: 90}"),
        ("healthcare", "allow: [us]", "allow: [eu]"),
        ("healthcare", "hospital\\\\.example", ".*"),
        ("healthcare", "tiers: [clinical]", "tiers: [public]"),
        ("healthcare", "region: eu", "region: us"),
        ("fintech", "over: 5000}", "over: 50000}"),
        ("fintech", "max: 100000}", "max: 1000000}"),
        ("fintech", "max: 250}", "max: 25000}"),
        ("fintech", "for: [planner, treasurer]", "for: [planner]"),
        ("fintech", "{id: planner, groups: [planning]}", "{id: planner, groups: [planning, treasury]}"),
        ("finops", "google-ai]\n    scope: agent\n    unit", "google-ai]\n    scope: tool\n    tools: [openai.respond]\n    unit"),
        ("finops", "on_exceed: deny", "on_exceed: throttle"),
        ("finops", "(opus|pro)", "(huge)"),
        ("devops", 'from: "09:00"', 'from: "08:00"'),
        ("devops", "days: [mon-thu]", "days: [mon-fri]"),
        ("devops", "zone: Europe/Berlin", "zone: UTC"),
        ("devops", "labels: {stage: staging}", "labels: {stage: production}"),
        ("devops", "mode: observe", "mode: enforce"),
    ],
)  # fmt: skip
def test_a_pack_that_says_something_else_fails_its_tests(pack: str, old: str, new: str) -> None:
    text = path_of(pack).read_text("utf-8")
    assert old in text
    bundle = compile_policy(parse_policy(text.replace(old, new), f"{pack}.yaml"))
    assert failures(pack, bundle)


def test_agents_fetch_packages_from_where_the_tools_of_the_machine_do() -> None:
    policy = PolicySet(load_bundle(DEFAULT_POLICY))
    for stage in ("connect", "request"):
        decision = policy.decide(
            stage=stage, agent=AgentRef("coder"), scheme="https", host=PACKAGES, port=443
        )
        assert (decision.destination, decision.rule) == ("packages", "sources")
        assert decision.effect is not Effect.DENY


def test_a_source_host_that_serves_packages_too_stays_where_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://gitlab.com/api/v4/projects/1/packages/simple")
    policy = PolicySet(load_bundle(DEFAULT_POLICY))
    decision = policy.decide(
        stage="connect", agent=AgentRef("coder"), scheme="https", host="gitlab.com", port=443
    )
    assert decision.destination == "other-sources"


def test_the_budget_is_twenty_dollars_a_day_for_each_agent() -> None:
    policy = PolicySet(load_bundle(PACKS / "finops.yaml"))
    decision = policy.decide(
        stage="request", agent=AgentRef("night-batch"), scheme="https", host="api.openai.com",
        port=443, calls=[ToolCall("openai.respond", "http", {"model": "m", "max_output_tokens": 9})],
    )  # fmt: skip
    assert {(r.id, r.key, r.unit, r.limit, r.window_seconds) for r in decision.reserve} == {
        ("daily-dollars", "agent:night-batch", "dollars", 20, 86400),
        ("per-minute", "agent:night-batch", "calls", 60, 60),
    }


def test_two_people_approve_a_large_payment() -> None:
    results = {r.case.name: r for r in run("fintech", load_bundle(PACKS / "fintech.yaml"))}
    answer = results["a cent more needs two people"].answer
    assert answer is not None
    assert answer.decision is not None
    (approval,) = answer.decision.approve
    assert (approval.channel, approval.approvers, approval.expires_seconds) == (
        "#finance-approvals", 2, 1800,
    )  # fmt: skip


def test_a_tenants_bundle_decides_like_the_whole_and_names_no_other_tenant() -> None:
    policy = load_policy(PACKS / "msp")
    whole = compile_policy(policy)
    for tenant, other in (("acme", "globex"), ("globex", "acme")):
        scoped = compile_policy(policy, tenant)
        assert other.encode() not in b"".join(scoped.files.values())
        test = suite_of("msp")
        for case in test.cases:
            if case.request["agent"] == f"{tenant}-helper" and "tenant" not in case.request:
                answers = [PolicyBench(b).ask(PolicyBench(b).request(case.request)) for b in (whole, scoped)]  # fmt: skip
                assert answers[0].rule == answers[1].rule
                assert answers[0].effect == answers[1].effect


def test_no_document_of_the_packs_is_forgotten() -> None:
    for file in PACKS.rglob("*.yaml"):
        data = yaml.safe_load(file.read_text("utf-8"))
        assert data["kind"] in ("Policy", "PolicyTest")
    tested = {file.stem for file in (PACKS / "tests").iterdir()}
    assert tested == set(SINGLE)
    assert all(is_test(read(f.read_bytes(), f.name)) for f in (PACKS / "tests").iterdir())
