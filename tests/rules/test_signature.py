"""Signatures of bundles, and every way in which one does not hold."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from rules import DEFAULT_POLICY, Bundle, PolicyError, load_bundle
from rules.bundle import SIGNATURES, make_bundle
from rules.signature import key_id, new_signing_key, public_key_of, sign, verify

PRIVATE = new_signing_key()
PUBLIC = public_key_of(PRIVATE)
PLAIN = load_bundle(DEFAULT_POLICY)
SIGNED = sign(PLAIN, PRIVATE, "acme")


def token_of(bundle: Bundle) -> str:
    return str(json.loads(bundle.files[SIGNATURES])["signatures"][0])


def payload_of(bundle: Bundle) -> Any:
    return jwt.decode(token_of(bundle), options={"verify_signature": False})


def changed(bundle: Bundle, **files: bytes | None) -> Bundle:
    """Give the bundle with files put in place, `None` for away; underscores stand for dots."""
    named = {name.replace("_", "."): content for name, content in files.items()}
    kept = {path: content for path, content in bundle.files.items() if path not in named}
    return Bundle(
        bundle.revision,
        {**kept, **{path: content for path, content in named.items() if content is not None}},
        bundle.data,
    )


def with_token(token: object) -> Bundle:
    return changed(SIGNED, **{SIGNATURES: json.dumps({"signatures": [token]}).encode()})


def refusal(bundle: Bundle | bytes, key: bytes = PUBLIC, kid: str | None = None) -> str:
    with pytest.raises(PolicyError) as refused:
        verify(bundle, key, kid, name="acme.tar.gz")
    assert "acme.tar.gz" in str(refused.value) or "key" in str(refused.value)
    return str(refused.value)


def test_a_signed_bundle_is_the_same_policy_with_one_file_more() -> None:
    assert SIGNED.revision == PLAIN.revision
    assert SIGNED.data == PLAIN.data
    assert set(SIGNED.files) - set(PLAIN.files) == {SIGNATURES}
    verify(SIGNED, PUBLIC)
    verify(SIGNED.to_bytes(), PUBLIC, "acme")
    assert key_id(SIGNED) == "acme"
    assert key_id(PLAIN) is None


def test_the_same_key_gives_the_same_bytes_and_they_survive_reading() -> None:
    raw = SIGNED.to_bytes()
    assert sign(PLAIN, PRIVATE, "acme").to_bytes() == raw
    assert sign(SIGNED, PRIVATE, "acme").to_bytes() == raw
    assert Bundle.from_bytes(raw) == SIGNED
    assert Bundle.from_bytes(raw).to_bytes() == raw


def test_every_file_is_in_the_signature_by_its_name_and_sha256() -> None:
    files = {item["name"]: item for item in payload_of(SIGNED)["files"]}
    assert set(files) == set(PLAIN.files)
    assert not any(name.startswith("/") for name in files)
    module = "aegis/aegis.rego"
    assert files[module]["hash"] == hashlib.sha256(PLAIN.files[module]).hexdigest()
    assert {item["algorithm"] for item in files.values()} == {"SHA-256"}
    assert jwt.get_unverified_header(token_of(SIGNED))["kid"] == "acme"


def test_documents_are_hashed_by_what_they_say() -> None:
    written = json.dumps(PLAIN.data, indent=3).encode()
    verify(changed(SIGNED, data_json=written), PUBLIC)
    other = sign(
        changed(
            PLAIN, data_json=b'{"b": 1.50, "a": ["<&>\\u2028\\u2029\\u0001\\b\\u00e9/", 1e3, null]}'
        ),
        PRIVATE,
    )
    hashed = {item["name"]: item["hash"] for item in payload_of(other)["files"]}["data.json"]
    walked = '{"a":["<&>\\u2028\\u2029\\u0001\\bé/",1e3,null],"b":1.50}'
    assert hashed == hashlib.sha256(walked.encode()).hexdigest()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"aegis/aegis_rego": b"package aegis"}, "aegis/aegis.rego was changed"),
        ({"data_json": b"{}"}, "data.json was changed"),
        ({"data_json": b"NaN"}, "data.json was changed"),
        ({"data_json": b"[" * 100_000}, "data.json was changed"),
        ({"_manifest": b"{}"}, ".manifest was changed"),
        ({"aegis/aegis_rego": None}, "aegis/aegis.rego, which was signed, is missing"),
        ({"aegis/more_rego": b"package aegis"}, "aegis/more.rego was added"),
        ({"policy_wasm": b""}, "policy.wasm was added"),
        ({"_signatures_json": None}, "not signed"),
        ({"_signatures_json": b"{"}, "does not hold one signature"),
        ({"_signatures_json": b'{"signatures": []}'}, "does not hold one signature"),
        ({"_signatures_json": b'{"signatures": ["a", "b"]}'}, "does not hold one signature"),
        ({"_signatures_json": b'{"signatures": [7]}'}, "does not hold one signature"),
        ({"_signatures_json": b'{"signatures": ["a.b.c"]}'}, "cannot be read"),
    ],
)
def test_what_was_changed_is_refused_by_name(files: dict[str, bytes | None], said: str) -> None:
    assert said in refusal(changed(SIGNED, **files))


def test_a_file_that_is_in_the_tar_twice_is_no_bundle() -> None:
    raw = bytearray(gzip.decompress(SIGNED.to_bytes()))
    name = b"/data.json\0"
    at = raw.index(name)
    size = 512 + -(-len(SIGNED.files["data.json"]) // 512) * 512
    twice = gzip.compress(bytes(raw[at : at + size]) + bytes(raw))
    assert "this is no policy bundle" in refusal(twice)


def test_another_key_is_refused() -> None:
    other = public_key_of(new_signing_key())
    assert "not made by this key" in refusal(SIGNED, other)
    assert "by the key 'acme', not by 'other'" in refusal(SIGNED, PUBLIC, "other")


def test_a_changed_payload_is_refused() -> None:
    head, _, mark = token_of(SIGNED).split(".")
    payload = payload_of(SIGNED)
    payload["files"].append({"name": "x.rego", "hash": "0", "algorithm": "SHA-256"})
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    assert "not made by this key" in refusal(with_token(f"{head}.{body}.{mark}"))


def test_the_algorithm_is_that_of_our_key() -> None:
    payload = payload_of(SIGNED)
    none = jwt.encode(payload, None, "none", headers={"kid": "acme"})
    assert "not RS256" in refusal(with_token(none))
    # The old trick: the public key, which everybody has, taken for a shared secret.
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"acme"}').rstrip(b"=").decode()
    body = token_of(SIGNED).split(".")[1]
    mark = hashlib.sha256(f"{head}.{body}".encode()).digest()
    shared = f"{head}.{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
    assert "not RS256" in refusal(with_token(shared))
    stronger = jwt.encode(payload, PRIVATE, "RS512", headers={"kid": "acme"})
    assert "not RS256" in refusal(with_token(stronger))


@pytest.mark.parametrize(
    "files",
    [
        None,
        "all",
        [7],
        [{"name": "data.json", "hash": "x", "algorithm": "MD5"}],
        [{"name": "data.json", "hash": "x"}],
        [{"name": "a", "hash": "x", "algorithm": "SHA-256"}] * 2,
    ],
)
def test_a_payload_of_another_form_is_refused(files: object) -> None:
    token = jwt.encode({"files": files}, PRIVATE, "RS256", headers={"kid": "acme"})
    assert "SHA-256 of each file once" in refusal(with_token(token))


def test_a_scope_is_for_those_who_want_it() -> None:
    scoped = sign(PLAIN, PRIVATE, "acme", scope="write")
    verify(scoped, PUBLIC, scope="write")
    assert "another scope" in refusal(scoped)
    with pytest.raises(PolicyError, match="another scope"):
        verify(SIGNED, PUBLIC, scope="write")


def test_what_is_no_key_is_told() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    for key in (weak, curve):
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        assert "no public RSA key" in refusal(SIGNED, public)
        with pytest.raises(PolicyError, match="no private RSA key"):
            sign(PLAIN, private)
    assert "no public RSA key" in refusal(SIGNED, b"nonsense")
    with pytest.raises(PolicyError, match="no private RSA key"):
        sign(PLAIN, PUBLIC)


def test_openssl_finds_the_signature_right(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    assert openssl, "the tests need openssl"
    signed, _, mark = token_of(SIGNED).rpartition(".")
    (tmp_path / "signed").write_text(signed)
    (tmp_path / "mark").write_bytes(base64.urlsafe_b64decode(mark + "=="))
    (tmp_path / "key.pub").write_bytes(PUBLIC)
    command = [openssl, "dgst", "-sha256", "-verify", "key.pub", "-signature", "mark", "signed"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)


def test_an_unsigned_bundle_is_read_as_before() -> None:
    assert Bundle.from_bytes(PLAIN.to_bytes()) == PLAIN
    modules = {path: text for path, text in PLAIN.files.items() if path.endswith(".rego")}
    assert make_bundle("developer", modules, PLAIN.data) == PLAIN
