"""What holds for every command: help, codes, and messages for people."""

import tomllib

import pytest

from control import status
from tests.support.process import PROJECT


def test_no_command_gives_the_help(aegis):
    done = aegis()
    assert done.code == 2
    for noun in ("up", "run", "agents", "tokens", "audit", "policy", "status", "version"):
        assert noun in done.out + done.err


def test_the_version_is_that_of_the_project(aegis):
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert aegis("version").out.strip() == project["version"]


@pytest.mark.parametrize(
    "wrong", [("bogus",), ("status", "--bogus"), ("audit", "show", "--limit", "0"), ("policy",)]
)
def test_bad_input_is_code_2(aegis, wrong):
    done = aegis(*wrong)
    assert done.code == 2
    assert done.out + done.err


def test_the_home_may_be_an_option_or_a_variable(aegis, tmp_path, home):
    assert str(home) in aegis("status").out
    assert str(tmp_path / "other") in aegis("--home", tmp_path / "other", "status").out


def test_a_home_that_is_a_file_is_told_in_one_line(aegis, home):
    home.write_text("")
    done = aegis("agents", "list")
    assert done.code == 2
    assert done.err.startswith("aegis: ")
    assert str(home) in done.err
    assert done.err.count("\n") == 1


def test_the_unexpected_is_one_line_too(aegis, monkeypatch):
    monkeypatch.setattr(status, "LogReader", None)
    done = aegis("status")
    assert done.code == 70
    assert "AEGIS_DEBUG=1" in done.err
    assert done.err.count("\n") == 1
    monkeypatch.setenv("AEGIS_DEBUG", "1")
    with pytest.raises(TypeError):
        aegis("status")


def test_colours_are_for_terminals_and_for_those_who_want_them(aegis, log, monkeypatch):
    assert "\x1b[" not in aegis("audit", "show").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[31m" in aegis("audit", "show").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[31m" not in aegis("audit", "show").out
