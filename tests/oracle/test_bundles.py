"""OPA on what Aegis writes: its bundles, signatures, modules and metadata."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rules import DEFAULT_POLICY, Bundle, load_bundle
from rules.bundle import SIGNATURES
from rules.signature import new_signing_key, public_key_of, sign, verify
from tests.oracle.test_differential import rich
from tests.support.opa import OpaLibrary
from tests.support.opa_server import opa_program

PRIVATE = new_signing_key()
PUBLIC = public_key_of(PRIVATE)
QUESTION = {
    "stage": "request",
    "agent": {"id": "guest", "tenant": "default", "groups": []},
    "destination": {"scheme": "https", "host": "api.openai.com", "port": 443},
}
# How OPA itself goes about it: the JWT by our key and algorithm, then the hash of every file.
CHECK = """
package check

payload := io.jwt.decode(input.token)[1]

signed if io.jwt.verify_rs256(input.token, input.key)

right contains file.name if {
	some file in payload.files
	file.algorithm == "SHA-256"
	file.hash == crypto.sha256(input.files[file.name])
}
"""


def test_opas_own_jwt_library_finds_the_signature_right() -> None:
    bundle = sign(load_bundle(DEFAULT_POLICY), PRIVATE)
    opa = OpaLibrary(Bundle("", {"check.rego": CHECK.encode()}, {}))
    plain = {path: data.decode() for path, data in bundle.files.items() if path != SIGNATURES}
    asked = {
        "token": json.loads(bundle.files[SIGNATURES])["signatures"][0],
        "key": PUBLIC.decode(),
        "files": plain,
    }
    found = opa.document("check", asked)
    assert found["signed"] is True
    # Our JSON is written as OPA walks it, so that the hash of its bytes is that of the walk.
    assert set(found["right"]) == set(plain)
    other = public_key_of(new_signing_key()).decode()
    assert "signed" not in opa.document("check", {**asked, "key": other})


def test_the_modules_carry_metadata_that_opa_reads() -> None:
    bundle = load_bundle(DEFAULT_POLICY)
    opa = OpaLibrary(bundle)
    for path, text in bundle.modules.items():
        (found,) = opa.query(
            "x := rego.parse_module(input.path, input.text)", {"path": path, "text": text}
        )
        assert found["x"]["package"]["path"][1]["value"] == "aegis"


@pytest.fixture
def program() -> str:
    found = opa_program()
    assert found is not None
    return found


class TestProgram:
    """A stock OPA, where there is one."""

    @pytest.fixture
    def bundles(self, tmp_path: Path) -> Path:
        plain = rich(tmp_path)
        (tmp_path / "plain.tar.gz").write_bytes(plain.to_bytes())
        (tmp_path / "signed.tar.gz").write_bytes(sign(plain, PRIVATE, "acme").to_bytes())
        other = sign(plain, new_signing_key(), "acme")
        (tmp_path / "other.tar.gz").write_bytes(other.to_bytes())
        signed = sign(plain, PRIVATE, "acme")
        more = {**signed.files, "aegis/more.rego": b"package aegis.more\n"}
        (tmp_path / "more.tar.gz").write_bytes(Bundle("", more, {}).to_bytes())
        (tmp_path / "key.pub").write_bytes(PUBLIC)
        return tmp_path

    def build(self, program: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
        """Load a bundle as OPA does before it runs it."""
        command = [program, "build", "--bundle", *options, "-o", "out.tar.gz"]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)

    @pytest.mark.parametrize(
        ("file", "verified", "right"),
        [
            ("plain", False, True),
            ("signed", True, True),
            ("plain", True, False),
            ("other", True, False),
            ("more", True, False),
        ],
    )
    def test_it_verifies_what_aegis_signs(
        self, program: str, bundles: Path, file: str, verified: bool, right: bool
    ) -> None:
        key = ["--verification-key", "key.pub", "--verification-key-id", "acme"]
        done = self.build(program, bundles, f"{file}.tar.gz", *(key if verified else []))
        assert (done.returncode == 0) is right, done.stderr

    def test_aegis_verifies_what_it_signs(self, program: str, bundles: Path) -> None:
        (bundles / "key.pem").write_bytes(PRIVATE)
        odd: Any = {
            "a": ['<&>\u2028\u2029\u0001\u007f\b\u00e9\U0001f600/\\"', 1.5, -0.0, 1e300, None],
            "": {},
        }
        (bundles / "data").mkdir()
        (bundles / "data" / "data.json").write_text(json.dumps({"aegis_cfg": odd}, indent=2))
        for ascii_only in (True, False):
            text = json.dumps({"aegis_cfg": odd}, ensure_ascii=ascii_only, indent=3)
            (bundles / "data" / "data.json").write_text(text)
            command = [program, "sign", "--signing-key", "../key.pem", "--bundle", "."]
            subprocess.run(command, cwd=bundles / "data", check=True, timeout=60)
            files = {p.name: p.read_bytes() for p in (bundles / "data").iterdir()}
            verify(Bundle("", files, {}), PUBLIC)

    def test_it_formats_the_modules_as_they_are(self, program: str, tmp_path: Path) -> None:
        for path, text in rich(tmp_path).modules.items():
            (tmp_path / "module.rego").write_text(text)
            command = [program, "fmt", "--diff", str(tmp_path / "module.rego")]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stdout) == (0, ""), f"{path}\n{done.stdout}"

    def test_it_finds_nothing_wrong_with_the_modules(self, program: str, tmp_path: Path) -> None:
        bundle = rich(tmp_path)
        folder = tmp_path / "modules"
        folder.mkdir()
        for path, text in bundle.modules.items():
            (folder / path.replace("/", "-")).write_text(text)
        command = [program, "check", "--strict", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
