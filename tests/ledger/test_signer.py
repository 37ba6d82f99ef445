import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger import KeyFileError, Verifier, load_or_create_signer, parse_verifiers


def test_key_is_made_once_private_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "home" / "log.key"
    first = load_or_create_signer(path)
    again = load_or_create_signer(path)
    assert first.verifier == again.verifier
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(p.name for p in path.parent.iterdir()) == ["log.key", "log.pub"]
    message = b"evidence"
    Ed25519PublicKey.from_public_bytes(first.verifier.public).verify(again.sign(message), message)


def test_public_key_beside_it_is_a_note_verifier_key(tmp_path: Path) -> None:
    signer = load_or_create_signer(tmp_path / "log.key", "aegis.example/log")
    text = (tmp_path / "log.pub").read_text()
    assert text.startswith("aegis.example/log+")
    assert parse_verifiers(text) == (signer.verifier,)


def test_known_verifier_key_of_the_go_checksum_database() -> None:
    text = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    verifier = Verifier.parse(text)
    assert verifier.key_id.hex() == "033de0ae"
    assert str(verifier) == text


def test_every_key_gets_its_own_name(tmp_path: Path) -> None:
    names = {load_or_create_signer(tmp_path / str(i) / "log.key").name for i in range(3)}
    assert len(names) == 3


def test_key_readable_by_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    load_or_create_signer(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match=r"mode 0640.*chmod 600"):
        load_or_create_signer(path)


@pytest.mark.parametrize("content", ["", "hello", "PRIVATE+KEY+a+b+c", "PRIVATE+KEY+x+00000000+"])
def test_key_file_with_something_else_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    path = tmp_path / "log.key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="key"):
        load_or_create_signer(path)
    assert path.read_text() == content


def test_key_with_a_changed_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    load_or_create_signer(path, "one")
    path.write_text(path.read_text().replace("KEY+one+", "KEY+two+"))
    with pytest.raises(KeyFileError, match="does not match its own hash"):
        load_or_create_signer(path)


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError, match=r"log.key: the signing key cannot be"):
        load_or_create_signer(tmp_path / "file" / "log.key")


def test_secret_is_not_in_any_text(tmp_path: Path) -> None:
    path = tmp_path / "log.key"
    signer = load_or_create_signer(path)
    secret = path.read_text().split("+")[-1].strip()
    path.write_text(path.read_text().replace(secret, secret[:-4]))
    with pytest.raises(KeyFileError) as caught:
        load_or_create_signer(path)
    assert secret[:20] not in repr(signer) + str(caught.value)


def test_processes_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from ledger import load_or_create_signer as l;"
        "print(l(Path(sys.argv[1])).verifier)"
    )
    path = str(tmp_path / "home" / "log.key")
    runs = [
        subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    keys = {run.communicate(timeout=30)[0] for run in runs}
    assert len(keys) == 1
    assert "+" in keys.pop()


@pytest.mark.parametrize("text", ["", "# only a comment\n", "nonsense", "a+b", "a+00000000+AAAA"])
def test_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(KeyFileError):
        parse_verifiers(text)
