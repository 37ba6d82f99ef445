"""Hosts of package indexes, from the tools' own configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules import PolicyError, compile_policy, parse_policy
from rules.registries import hosts_from


def test_pip(tmp_path: Path) -> None:
    folder = tmp_path / ".config" / "pip"
    folder.mkdir(parents=True)
    (folder / "pip.conf").write_text(
        "[global]\nindex-url = https://user:secret@Mirror.Corp.test/simple\n"
        "extra-index-url =\n    https://one.test/simple\n    https://two.test:8443/simple\n",
        "utf-8",
    )
    environ = {"XDG_CONFIG_DIRS": str(tmp_path / "none")}
    found = hosts_from("pip", environ, tmp_path)
    assert {"mirror.corp.test", "one.test", "two.test"} <= set(found)
    assert "secret" not in str(found)
    stated = hosts_from("pip", {**environ, "PIP_INDEX_URL": "https://env.test/s"}, tmp_path)
    assert "env.test" in stated
    assert "mirror.corp.test" not in stated


def test_pip_names_a_default_where_nothing_is_configured(tmp_path: Path) -> None:
    environ = {"PIP_CONFIG_FILE": str(tmp_path / "none")}
    assert hosts_from("pip", environ, tmp_path)


def test_npm(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(
        "# mine\nregistry=https://npm.corp.test/\n@corp:registry = https://scoped.test/x/\n"
        "//npm.corp.test/:_authToken=secret\n",
        "utf-8",
    )
    environ = {"npm_config_globalconfig": str(tmp_path / "none")}
    assert hosts_from("npm", environ, tmp_path) == ["npm.corp.test", "scoped.test"]
    environ["NPM_CONFIG_REGISTRY"] = "https://env.test"
    assert hosts_from("npm", environ, tmp_path) == ["env.test", "scoped.test"]


def test_cargo(tmp_path: Path) -> None:
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo" / "config.toml").write_text(
        '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\n'
        'registry = "sparse+https://crates.corp.test/index/"\n'
        '[registries.own]\nindex = "https://own.test/git"\n',
        "utf-8",
    )
    assert hosts_from("cargo", {}, tmp_path) == ["crates.corp.test", "own.test"]
    (tmp_path / ".cargo" / "config.toml").write_text("not toml [", "utf-8")
    assert hosts_from("cargo", {}, tmp_path) == []


def test_a_policy_takes_them_as_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.corp.test/simple")
    text = (
        "apiVersion: aegis/v1\nkind: Policy\nmetadata: {name: n}\n"
        "destinations: [{id: packages, hosts_from: [pip]}]\n"
    )
    bundle = compile_policy(parse_policy(text, "p.yaml"))
    assert "mirror.corp.test" in bundle.data["aegis_cfg"]["hosts"]
    with pytest.raises(PolicyError, match="'gem' is not one of pip, npm, cargo"):
        parse_policy(text.replace("pip", "gem"), "p.yaml")
