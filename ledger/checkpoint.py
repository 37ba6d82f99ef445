"""Signed checkpoints: C2SP tlog-checkpoint inside a C2SP signed-note."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import CheckpointError
from ledger.merkle import HASH_BYTES
from ledger.signer import Signer, Verifier

_NOTE = re.compile(
    r"(?P<text>(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"(?:[^\n]+\n)*)\n(?P<signatures>(?:— [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)"
)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A promise about a log: its first `size` records have the Merkle root `root`."""

    origin: str
    size: int
    root: bytes


def sign_checkpoint(signer: Signer, size: int, root: bytes) -> str:
    """Give the signed note; the origin line is the key's name."""
    text = f"{signer.name}\n{size}\n{base64.b64encode(root).decode()}\n"
    signature = signer.verifier.key_id + signer.sign(text.encode())
    return f"{text}\n— {signer.name} {base64.b64encode(signature).decode()}\n"


def open_checkpoint(note: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Verify one signed note against the trusted keys; raises CheckpointError."""
    match = _NOTE.fullmatch(note)
    if match is None:
        raise CheckpointError("This is not a signed checkpoint (origin, size, root, signature).")
    root = _decode(match["root"])
    if len(root) != HASH_BYTES:
        raise CheckpointError("The checkpoint's root is not a SHA-256 hash.")
    if not _signed(match["text"].encode(), match["signatures"], verifiers):
        names = sorted({line.split(" ")[1] for line in match["signatures"].splitlines()})
        raise CheckpointError(
            f"The checkpoint is signed by {', '.join(names)} with a key that is not the given one.",
            "other-key",
        )
    checkpoint = Checkpoint(match["origin"], int(match["size"]), root)
    if checkpoint.origin not in {v.name for v in verifiers}:
        raise CheckpointError(f"The checkpoint speaks of another log: {checkpoint.origin}.")
    return checkpoint


def split_notes(text: str) -> list[str]:
    """Cut a file of signed notes, one after another, into notes; raises CheckpointError."""
    notes, position = [], 0
    text = text.replace("\r\n", "\n").strip("\n") + "\n"
    while position < len(text):
        match = _NOTE.match(text, position)
        if match is None:
            raise CheckpointError("The text holds something that is not a signed checkpoint.")
        notes.append(match[0])
        position = match.end()
        while text[position : position + 1] == "\n":
            position += 1
    return notes


def _signed(text: bytes, signatures: str, verifiers: Sequence[Verifier]) -> bool:
    for line in signatures.splitlines():
        _, name, encoded = line.split(" ")
        data = _decode(encoded)
        for verifier in verifiers:
            if name == verifier.name and data[:4] == verifier.key_id:
                if len(data) == 68 and verifier.verify(data[4:], text):
                    return True
                raise CheckpointError("The checkpoint's signature is not valid.", "forged")
    return False


def _decode(text: str) -> bytes:
    """Decode base64 in its one proper form: a note has one text, down to the last bit."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
    return data if base64.b64encode(data).decode() == text else b""
