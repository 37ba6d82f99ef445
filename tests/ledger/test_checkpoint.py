import base64
from pathlib import Path

import pytest

from ledger import CheckpointError, Signer, load_or_create_signer
from ledger.checkpoint import open_checkpoint, sign_checkpoint, split_notes
from ledger.merkle import leaf_hash
from ledger.signer import Verifier

ROOT = leaf_hash(b"x")


def test_note_has_the_form_of_tlog_checkpoint(signer: Signer) -> None:
    lines = sign_checkpoint(signer, 7, ROOT).split("\n")
    assert lines[:2] == [signer.name, "7"]
    assert lines[3] == ""
    assert lines[4].startswith(f"— {signer.name} ")
    assert lines[5:] == [""]


def test_note_opens_with_its_key(signer: Signer) -> None:
    checkpoint = open_checkpoint(sign_checkpoint(signer, 7, ROOT), [signer.verifier])
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (signer.name, 7, ROOT)


def test_known_note_of_the_go_checksum_database() -> None:
    """A checkpoint that another implementation signed."""
    verifier = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    note = (
        "If you think cryptography is the answer to your problem,\n"
        "then you don't know what your problem is.\n"
        "\n"
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo"
        "tpRZb6KE6RyyBwJnAM=\n"
    )
    text, signature = note.split("\n\n")
    data = base64.b64decode(signature.split(" ")[2])
    assert data[:4] == verifier.key_id
    assert verifier.verify(data[4:], text.encode() + b"\n")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda n: n.replace("\n7\n", "\n8\n"), "forged"),
        (lambda n: n.split("\n\n")[0] + "\n\n", "malformed"),
        (lambda n: n + "more\n", "malformed"),
        (lambda n: n.replace("\n7\n", "\n07\n"), "malformed"),
        (lambda n: n[:-10] + n[-9:], "malformed"),
        (lambda n: "", "malformed"),
    ],
)
def test_changed_note_is_refused(signer: Signer, change: object, kind: str) -> None:
    note = change(sign_checkpoint(signer, 7, ROOT))  # type: ignore[operator]
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(note, [signer.verifier])
    assert caught.value.kind in (kind, "other-key" if kind == "malformed" else kind)


def test_note_has_one_spelling_only(signer: Signer) -> None:
    """The last digit of base64 holds bits that decoding drops."""
    note = sign_checkpoint(signer, 7, ROOT)
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = note.rstrip("=\n")[-1]
    spelt = note.rstrip("=\n")[:-1] + digits[digits.index(last) ^ 1] + "=\n"
    assert len(spelt) == len(note)
    with pytest.raises(CheckpointError):
        open_checkpoint(spelt, [signer.verifier])


def test_note_of_another_key_is_refused_by_name(signer: Signer, tmp_path: Path) -> None:
    other = load_or_create_signer(tmp_path / "other" / "log.key", "stranger")
    with pytest.raises(CheckpointError, match="signed by stranger") as caught:
        open_checkpoint(sign_checkpoint(other, 7, ROOT), [signer.verifier])
    assert caught.value.kind == "other-key"


def test_note_about_another_log_is_refused(signer: Signer) -> None:
    text = f"another/log\n7\n{base64.b64encode(ROOT).decode()}\n"
    signature = base64.b64encode(signer.verifier.key_id + signer.sign(text.encode())).decode()
    with pytest.raises(CheckpointError, match="another log"):
        open_checkpoint(f"{text}\n— {signer.name} {signature}\n", [signer.verifier])


def test_second_signature_of_a_witness_is_no_hindrance(signer: Signer, tmp_path: Path) -> None:
    other = load_or_create_signer(tmp_path / "other" / "log.key", "witness")
    note = sign_checkpoint(signer, 7, ROOT)
    text = note.split("\n\n")[0] + "\n"
    line = base64.b64encode(other.verifier.key_id + other.sign(text.encode())).decode()
    assert open_checkpoint(f"{note}— witness {line}\n", [signer.verifier]).size == 7


def test_notes_appended_to_one_file_come_apart_again(signer: Signer) -> None:
    notes = [sign_checkpoint(signer, size, ROOT) for size in (1, 2, 3)]
    assert split_notes("".join(notes)) == notes
    assert split_notes("\n" + "\n\n".join(notes)) == notes
    with pytest.raises(CheckpointError):
        split_notes(notes[0] + "scribble\n")
