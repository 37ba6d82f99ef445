"""`aegis doctor` on home folders that are right and wrong."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from control.agents import open_agents
from ledger import Home, load_or_create_signer
from tests.control.conftest import Aegis

POLICY = """
apiVersion: aegis/v1
kind: Policy
metadata: {name: looked-at}
mode: MODE
agents: [{id: default, users: [USER]}]
destinations: [{id: a, hosts: [a.example.test]}]
rules: [{id: r, agents: ["*"], destinations: [a], effect: allow}]
"""


@pytest.fixture
def made(home: Path) -> Home:
    made = Home(home)
    with closing(open_agents(made)) as agents:
        agents.add("default")
        agents.mint("default", 3600)
    load_or_create_signer(made.log_key)
    return made


def found(aegis: Aegis, code: int, *arguments: str) -> dict[str, tuple[str, str]]:
    done = aegis("doctor", "--json", *arguments)
    assert done.code == code, done.out + done.err
    return {item["about"]: (item["state"], item["text"]) for item in json.loads(done.out)}


def test_a_home_that_is_right(made: Home, aegis: Aegis) -> None:
    states = {about: state for about, (state, _) in found(aegis, 0).items()}
    assert states.pop("firewall") == "note"
    assert set(states.values()) == {"ok"}


@pytest.mark.parametrize(
    ("name", "mode", "folder", "said"),
    [
        ("log.key", 0o640, 0o700, "read it"),
        ("agents.db", 0o604, 0o700, "read it"),
        ("log.pub", 0o666, 0o711, "change it"),
        ("", 0o777, 0o777, "change it"),
    ],
)
def test_what_is_open_is_named(
    made: Home, aegis: Aegis, name: str, mode: int, folder: int, said: str
) -> None:
    (made.folder / name).chmod(mode)
    made.folder.chmod(folder)
    state, text = found(aegis, 1)["home folder"]
    assert state == "open"
    assert str(made.folder / name) in text
    assert said in text


def test_a_public_file_in_a_closed_folder_is_no_matter(made: Home, aegis: Aegis) -> None:
    (made.folder / "log.pub").chmod(0o666)
    assert found(aegis, 0)["home folder"][0] == "ok"


def test_tokens_that_never_end(made: Home, aegis: Aegis) -> None:
    with closing(open_agents(made)) as agents:
        agents.mint("default")
    assert found(aegis, 0)["agents"] == ("note", "1 tokens never end (of default).")


def test_an_agent_that_is_the_firewalls_own_user(made: Home, aegis: Aegis, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    for mode, user, state in (
        ("enforce", str(os.geteuid()), "open"),
        ("observe", "31337", "note"),
        ("enforce", "31337", "ok"),
    ):
        path.write_text(POLICY.replace("MODE", mode).replace("USER", f'"{user}"'))
        assert aegis("policy", "apply", path, "--why", "a test").code == 0
        assert found(aegis, int(state == "open"))["policy"][0] == state


def test_a_log_that_was_changed(made: Home, aegis: Aegis) -> None:
    made.log.write_bytes(b"no log")
    made.log.chmod(0o600)
    state, text = found(aegis, 1)["log"]
    assert state == "open"
    assert "Traceback" not in text
