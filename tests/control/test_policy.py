"""Policies checked, compiled and shown by command."""

import json

import pytest

from rules import DEFAULT_POLICY, Bundle, read_bundle
from tests.control.conftest import POLICY


@pytest.fixture
def right(tmp_path):
    file = tmp_path / "right.yaml"
    file.write_text(POLICY.format(name="pay.example.test", port=443))
    return file


@pytest.fixture
def wrong(tmp_path):
    file = tmp_path / "wrong.yaml"
    text = POLICY.format(name="pay.example.test", port=443)
    file.write_text(text.replace("effect: allow", "effect: alow"))
    return file


def test_every_file_is_checked_and_every_mistake_named(aegis, right, wrong):
    done = aegis("policy", "validate", wrong, right)
    assert done.code == 1
    assert "wrong.yaml:10:" in done.err
    assert "allow" in done.err
    assert f"{right}: right, revision" in done.out


def test_right_policies_are_code_0(aegis, right):
    assert aegis("policy", "validate", right, DEFAULT_POLICY).code == 0


def test_a_file_that_is_not_there_is_bad_input(aegis, tmp_path):
    done = aegis("policy", "validate", tmp_path / "none.yaml")
    assert done.code == 2
    assert str(tmp_path / "none.yaml") in done.err


def test_the_check_as_json(aegis, right, wrong):
    done = aegis("policy", "validate", "--json", wrong, right)
    assert done.code == 1
    assert done.err == ""
    bad, good = json.loads(done.out)
    assert (bad["ok"], good["ok"]) == (False, True)
    (problem,) = bad["problems"]
    assert problem["line"] == 10
    assert problem["key"].endswith("effect")


def test_a_compiled_policy_is_a_bundle_that_validates(aegis, right, tmp_path):
    out = tmp_path / "bundle.tar.gz"
    assert aegis("policy", "compile", right, "-o", out).code == 0
    revision = Bundle.from_bytes(out.read_bytes()).revision
    assert revision in aegis("policy", "validate", out).out
    assert revision in aegis("policy", "validate", right).out
    assert aegis("policy", "compile", tmp_path / "none", "-o", out).code == 2


def test_a_wrong_policy_writes_no_bundle(aegis, wrong, tmp_path):
    done = aegis("policy", "compile", wrong, "-o", tmp_path / "bundle.tar.gz")
    assert done.code == 2
    assert not (tmp_path / "bundle.tar.gz").exists()


def test_the_schema_is_json_schema(aegis):
    schema = json.loads(aegis("policy", "schema").out)
    assert schema["$schema"].endswith("2020-12/schema")


def test_show_tells_what_is_allowed(aegis, right):
    done = aegis("policy", "show", right)
    assert done.code == 0
    assert "https://pay.example.test:443" in done.out
    assert "right.yaml:10" in done.out
    shown = json.loads(aegis("policy", "show", right, "--json").out)
    assert shown["name"] == "control"
    assert shown["mode"] == "enforce"


def test_the_bundle_of_one_tenant_is_compiled_by_name(aegis, tmp_path):
    pack, out = DEFAULT_POLICY.parent / "msp", tmp_path / "acme.tar.gz"
    assert aegis("policy", "compile", pack, "--tenant", "acme", "-o", out).code == 0
    files = read_bundle(out).files
    assert b"acme/office-hours" in files["data.json"]
    assert b"globex" not in b"".join(files.values())
    done = aegis("policy", "compile", pack, "--tenant", "nobody", "-o", tmp_path / "none")
    assert done.code == 2
    assert "Tenants: acme, globex." in done.err
    assert not (tmp_path / "none").exists()


def test_show_reads_the_developer_pack_and_bundles(aegis, tmp_path):
    aegis("policy", "compile", DEFAULT_POLICY, "-o", tmp_path / "b.tar.gz")
    for file in (DEFAULT_POLICY, tmp_path / "b.tar.gz"):
        out = aegis("policy", "show", file).out
        assert "https://*.ingest.sentry.io:443" in out
        assert "US_SSN" in out


def test_show_of_nothing_says_what_to_do(aegis):
    done = aegis("policy", "show")
    assert done.code == 2
    assert "name a file" in done.err
