"""A wrong policy gets messages that name the place and the mend, all at once."""

from pathlib import Path

import pytest

from rules import PolicyError, load_policy, parse_policy

HEAD = "apiVersion: aegis/v1\nkind: Policy\nmetadata: {name: t}\n"
PLACE = HEAD + "destinations:\n  - id: pay\n    hosts: [pay.example.test]\n"

CASES = {
    "wrong key": (HEAD + "destination: []\n", 4, "destination", "Did you mean 'destinations'?"),
    "wrong key inside": (
        HEAD + "destinations:\n  - id: a\n    hosts: [a.test]\n    port: 443\n",
        7,
        "destinations[0].port",
        "Did you mean 'ports'?",
    ),
    "wrong type": (
        HEAD + "destinations:\n  - id: a\n    hosts: a.test\n",
        6,
        "destinations[0].hosts",
        "Give a list.",
    ),
    "missing key": (
        HEAD + "destinations:\n  - hosts: [a.test]\n",
        5,
        "destinations[0]",
        "Add `id:`.",
    ),
    "no hosts": (HEAD + "destinations:\n  - id: a\n", 5, "destinations[0]", "`hosts:` or"),
    "wrong version": (HEAD.replace("v1", "v9"), 1, "apiVersion", "Write `aegis/v1`."),
    "wrong mode": (HEAD + "mode: enforced\n", 4, "mode", "Did you mean 'enforce'?"),
    "unknown destination": (
        PLACE
        + "rules:\n  - id: r\n    agents: ['*']\n    destinations: [pai]\n    effect: allow\n",
        10,
        "rules[0].destinations[0]",
        "Did you mean 'pay'?",
    ),
    "unknown tool": (
        PLACE
        + "rules:\n  - id: r\n    agents: ['*']\n    tools: [pay.create]\n    effect: allow\n",
        10,
        "rules[0].tools[0]",
        "there is no tool 'pay.create'",
    ),
    "duplicate id": (
        PLACE + "  - id: pay\n    hosts: [b.test]\n",
        7,
        "destinations[1].id",
        "in p.yaml:5",
    ),
    "duplicate key": (HEAD + "mode: enforce\nmode: observe\n", 5, "mode", "first in line 4"),
    "bad pattern": (
        PLACE
        + "tools:\n  - id: t\n    destination: pay\n    http: {path: /x}\n"
        + "    arguments:\n      memo: {pattern: '[a-'}\n",
        12,
        "tools[0].arguments.memo.pattern",
        "RE2",
    ),
    "pattern engines differ in": (
        PLACE
        + "tools:\n  - id: t\n    destination: pay\n    http: {path: /x}\n"
        + "    arguments:\n      memo: {pattern: '\\bx'}\n",
        12,
        "tools[0].arguments.memo.pattern",
        "engines differ",
    ),
    "bad yaml": (HEAD + "destinations: [\n", 5, "", "not valid YAML"),
    "empty": ("", 1, "", "the file is empty"),
    "only comments": ("# nothing\n", 1, "", "the file is empty"),
    "a list": ("- a\n", 1, "", "a policy is a mapping"),
    "wildcard inside": (
        HEAD + "destinations:\n  - id: a\n    hosts: ['a.*.test']\n",
        6,
        "destinations[0].hosts[0]",
        "stands alone in front",
    ),
    "url as host": (
        HEAD + "destinations:\n  - id: a\n    hosts: ['https://a.test']\n",
        6,
        "destinations[0].hosts[0]",
        "Write the host name alone",
    ),
    "bad network": (
        PLACE + "    addresses: [10.0.0.1/8]\n",
        7,
        "destinations[0].addresses[0]",
        "is no network",
    ),
    "shared endpoint": (
        PLACE + "  - id: other\n    hosts: [PAY.example.test.]\n",
        8,
        "destinations[1].hosts[0]",
        "belongs to 'pay' already",
    ),
    "max below min": (
        PLACE
        + "tools:\n  - id: t\n    destination: pay\n    http: {path: /x}\n"
        + "    arguments:\n      amount: {min: 10, max: 5}\n",
        12,
        "tools[0].arguments.amount.max",
        "smaller than min",
    ),
    "number without a meaning": (
        PLACE
        + "tools:\n  - id: t\n    destination: pay\n    http: {path: /x}\n"
        + "    arguments: {amount: 5}\n",
        11,
        "tools[0].arguments.amount",
        "max_amount: 5",
    ),
    "alias bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n"
            for i in range(8)
        ),
        1,
        "",
        "too large",
    ),
    "self reference": ("a: &a [*a]\n", 1, "", "too deep"),
    "tag": (HEAD + "mode: !!python/object:os.system x\n", 4, "mode", "tag"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_place_and_the_mend_are_named(case: str) -> None:
    text, line, key, mend = CASES[case]
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    problem = caught.value.problems[0]
    assert (problem.line, problem.file) == (line, "p.yaml") or case in ("alias bomb", "bad yaml")
    assert key in problem.key
    assert mend in str(problem)
    assert str(caught.value).startswith("p.yaml:")


def test_all_mistakes_come_at_once() -> None:
    text = HEAD + "mode: x\nfoo: 1\ndestinations:\n  - id: A\n    hosts: []\n"
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p.yaml")
    assert [problem.line for problem in caught.value.problems] == [4, 5, 7, 8]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    latin = tmp_path / "latin.yaml"
    empty = tmp_path / "empty"
    empty.mkdir()
    latin.write_bytes(HEAD.encode() + b"# caf\xe9\n")
    for path, words in (
        (tmp_path / "none.yaml", "there is no such file"),
        (tmp_path, "not UTF-8"),
        (empty, "no policy is in this folder"),
        (latin, "not UTF-8"),
    ):
        with pytest.raises(PolicyError, match=words):
            load_policy(path)


def test_json_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text('{"apiVersion": "aegis/v1", "kind": "Policy", "metadata": {"name": "j"}}')
    assert load_policy(path).name == "j"
