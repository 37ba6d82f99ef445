"""Bundles signed, verified and looked into by command."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ledger import Home, KeyFileError, load_or_create_policy_key
from rules import Bundle
from rules.bundle import SIGNATURES
from rules.signature import new_signing_key, public_key_of, verify
from tests.control.conftest import POLICY, Aegis


@pytest.fixture
def bundle(aegis: Aegis, tmp_path: Path) -> Path:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY.format(name="pay.example.test", port=443))
    assert aegis("policy", "compile", policy, "-o", tmp_path / "bundle.tar.gz").code == 0
    return tmp_path / "bundle.tar.gz"


@pytest.fixture
def signed(aegis: Aegis, bundle: Path) -> Path:
    target = bundle.with_name("signed.tar.gz")
    done = aegis("policy", "sign", bundle, "-o", target)
    assert done.code == 0, done.err
    return target


def tamper(file: Path, **changed: bytes) -> None:
    found = Bundle.from_bytes(file.read_bytes())
    files = {**found.files, **{name.replace("_", "."): data for name, data in changed.items()}}
    file.write_bytes(Bundle(found.revision, files, found.data).to_bytes())


def test_a_signed_bundle_is_verified_with_the_homes_key(
    aegis: Aegis, home: Path, signed: Path
) -> None:
    done = aegis("policy", "verify", signed)
    assert (done.code, done.err) == (0, "")
    revision = Bundle.from_bytes(signed.read_bytes()).revision
    assert f"whole, revision {revision}, signed by 'aegis'" in done.out
    assert revision in aegis("policy", "validate", signed).out
    assert stat.S_IMODE((home / "policy.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    said = json.loads(aegis("policy", "verify", signed, "--json").out)
    assert said == {"ok": True, "revision": revision, "problem": None}


def test_signing_again_changes_nothing(aegis: Aegis, bundle: Path, signed: Path) -> None:
    before = signed.read_bytes()
    assert aegis("policy", "sign", signed).code == 0
    assert signed.read_bytes() == before
    assert aegis("policy", "sign", bundle, "--key-id", "acme").code == 0
    assert aegis("policy", "verify", bundle, "--key-id", "acme").code == 0
    done = aegis("policy", "verify", bundle, "--key-id", "other")
    assert done.code == 1
    assert "by the key 'acme', not by 'other'" in done.out


def test_what_was_changed_is_code_1_and_named(aegis: Aegis, signed: Path) -> None:
    tamper(signed, more_json=b"{}")
    done = aegis("policy", "verify", signed)
    assert done.code == 1
    assert "more.json was added after the signature" in done.out
    said = json.loads(aegis("policy", "verify", signed, "--json").out)
    assert said["ok"] is False
    assert "more.json" in said["problem"]


def test_an_unsigned_bundle_is_code_1(aegis: Aegis, bundle: Path, signed: Path) -> None:
    done = aegis("policy", "verify", bundle)
    assert done.code == 1
    assert "not signed" in done.out


def test_a_key_of_ones_own(aegis: Aegis, bundle: Path, tmp_path: Path, home: Path) -> None:
    private, public = tmp_path / "mine.pem", tmp_path / "mine.pub"
    private.write_bytes(new_signing_key())
    public.write_bytes(public_key_of(private.read_bytes()))
    assert aegis("policy", "sign", bundle, "--key", private).code == 0
    assert not (home / "policy.key").exists()
    verify(bundle.read_bytes(), public.read_bytes())
    assert aegis("policy", "verify", bundle, "--key", public).code == 0
    other = tmp_path / "other.pub"
    other.write_bytes(public_key_of(new_signing_key()))
    done = aegis("policy", "verify", bundle, "--key", other)
    assert done.code == 1
    assert "not made by this key" in done.out


def test_a_key_that_is_none_is_bad_input(aegis: Aegis, bundle: Path, signed: Path) -> None:
    done = aegis("policy", "verify", signed, "--key", bundle.with_name("none.pub"))
    assert done.code == 2
    assert "none.pub: there is no public key" in done.err
    wrong = bundle.with_name("wrong.pub")
    wrong.write_text("nonsense")
    for command in (("verify", signed), ("inspect", signed), ("sign", bundle)):
        done = aegis("policy", *command, "--key", wrong)
        assert done.code == 2, command
        assert "RSA key" in done.err
    wrong.write_text("nonsense")
    assert aegis("policy", "verify", wrong).code == 2


def test_inspect_shows_what_is_in_it(aegis: Aegis, bundle: Path, signed: Path) -> None:
    out = aegis("policy", "inspect", signed).out
    revision = Bundle.from_bytes(signed.read_bytes()).revision
    for wanted in (
        f"control ({signed}), revision {revision}",
        "roots: aegis, aegis_cfg",
        "aegis/decision",
        "signature: RS256, key 'aegis': right",
        "aegis/aegis.rego",
        SIGNATURES,
    ):
        assert wanted in out
    assert "signature: none" in aegis("policy", "inspect", bundle).out
    said = json.loads(aegis("policy", "inspect", signed, "--json").out)
    assert said["signature"]["verified"] is True
    assert said["manifest"]["revision"] == said["revision"] == revision
    assert said["entrypoints"] == ["aegis/decision", "aegis/explanation"]
    assert "aegis" in said["packages"]


def test_inspect_says_what_is_wrong_with_a_signature(
    aegis: Aegis, signed: Path, home: Path
) -> None:
    (home / "policy.pub").unlink()
    said = json.loads(aegis("policy", "inspect", signed, "--json").out)["signature"]
    assert (said["verified"], said["problem"]) == (False, "no public key to verify with")
    (home / "policy.pub").write_bytes(public_key_of(new_signing_key()))
    done = aegis("policy", "inspect", signed)
    assert done.code == 0
    assert "not made by this key" in done.out


def test_what_is_no_bundle_is_bad_input(aegis: Aegis, tmp_path: Path) -> None:
    (tmp_path / "none.tar.gz").write_bytes(b"x")
    for name in ("none.tar.gz", "missing.tar.gz"):
        for command in ("verify", "inspect", "sign"):
            done = aegis("policy", command, tmp_path / name, "--key", tmp_path / "none.tar.gz")
            assert done.code == 2, command
            assert name in done.err


def test_the_key_is_made_once_and_kept_to_oneself(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    first = load_or_create_policy_key(home, new_signing_key, public_key_of)
    assert load_or_create_policy_key(home, new_signing_key, public_key_of) == first
    assert home.policy_public_key.read_bytes() == public_key_of(first)
    home.policy_public_key.unlink()
    load_or_create_policy_key(home, new_signing_key, public_key_of)
    assert home.policy_public_key.read_bytes() == public_key_of(first)
    home.policy_key.chmod(0o644)
    with pytest.raises(KeyFileError, match="others may read"):
        load_or_create_policy_key(home, new_signing_key, public_key_of)


def test_of_two_that_make_the_key_one_wins(tmp_path: Path) -> None:
    home = Home(tmp_path)
    other = new_signing_key()

    def slowly() -> bytes:
        load_or_create_policy_key(home, lambda: other, public_key_of)
        return new_signing_key()

    assert load_or_create_policy_key(home, slowly, public_key_of) == other
    assert home.policy_public_key.read_bytes() == public_key_of(other)
