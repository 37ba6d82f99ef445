"""Ed25519 keys of the decision log, in the text forms of C2SP signed-note."""

import base64
import binascii
import contextlib
import os
import re
import secrets
import stat
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.errors import KeyFileError

_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]+")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key by name; `str()` is the C2SP verifier key `name+hash8+base64`."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Give the four bytes by which a signature line names its key."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:4]

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Tell whether the 64-byte signature is this key's over the message."""
        try:
            _public_key(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Read one verifier key; raises KeyFileError."""
        name, hash8, data = _split(text.strip(), "verifier key")
        verifier = cls(name, data)
        if verifier.key_id.hex() != hash8:
            raise KeyFileError(
                f"The verifier key of {name!r} does not match its own hash; copy it again whole."
            )
        return verifier

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_b64(_ED25519 + self.public)}"


class Signer:
    """A private key by name; it never shows itself."""

    def __init__(self, name: str, seed: bytes) -> None:
        if not _NAME.fullmatch(name):
            raise KeyFileError(f"The key name {name!r} may hold neither blanks nor '+'.")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """Give the key's name, which is also the log's origin line."""
        return self.verifier.name

    def sign(self, message: bytes) -> bytes:
        """Give the 64-byte Ed25519 signature (RFC 8032)."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"


def parse_verifiers(text: str) -> tuple[Verifier, ...]:
    """Read one verifier key a line (blank lines and # comments skipped); raises KeyFileError."""
    lines = [line for raw in text.splitlines() if (line := raw.strip()) and line[0] != "#"]
    if not lines:
        raise KeyFileError("There is no public key in the text; give the content of log.pub.")
    return tuple(Verifier.parse(line) for line in lines)


def load_or_create_signer(path: Path, name: str | None = None) -> Signer:
    """Load the key file, or create it (0600, folder 0700) with `<stem>.pub` beside it.

    `name` is used for a new key only; without one the key gets a unique name. Raises KeyFileError.
    """
    path = Path(path)
    try:
        try:
            signer = _load(path)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            signer = _create(path, name or f"aegis/{secrets.token_hex(4)}")
        _publish(path.with_suffix(".pub"), f"{signer.verifier}\n")
    except OSError as exc:
        raise KeyFileError(
            f"{path}: the signing key cannot be read or created ({exc.strerror}); "
            "check the folder, its owner and its rights."
        ) from exc
    return signer


def check_private(path: Path) -> None:
    """Raise KeyFileError when others than the owner may touch the file; OSError when it is gone."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise KeyFileError(
            f"{path}: others may read or write this secret (mode {mode:04o}); "
            f"run `chmod 600 {path}`, and replace the secret if the machine is shared."
        )


def write_private(path: Path, text: str) -> None:
    """Create a 0600 file whole or not at all; raises FileExistsError when there is one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces: of two processes that start together, one wins, the other reads.
        os.link(draft, path)
    finally:
        draft.unlink()


@lru_cache(maxsize=8)
def _public_key(data: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(data)


def _load(path: Path) -> Signer:
    check_private(path)
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not text.startswith("PRIVATE+KEY+"):
        raise KeyFileError(
            f"{path}: this is not a signing key (PRIVATE+KEY+name+hash+base64); "
            "restore it from a backup, or move it and the log away to start anew."
        )
    name, hash8, seed = _split(text.removeprefix("PRIVATE+KEY+"), f"signing key in {path}")
    signer = Signer(name, seed)
    if signer.verifier.key_id.hex() != hash8:
        raise KeyFileError(
            f"{path}: the key does not match its own hash; restore it from a backup."
        )
    return signer


def _create(path: Path, name: str) -> Signer:
    seed = secrets.token_bytes(32)
    signer = Signer(name, seed)
    key_id = signer.verifier.key_id.hex()
    try:
        write_private(path, f"PRIVATE+KEY+{name}+{key_id}+{_b64(_ED25519 + seed)}\n")
    except FileExistsError:
        return _load(path)
    return signer


def _publish(path: Path, text: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        if text in path.read_text(encoding="utf-8"):
            return
    path.write_text(text, encoding="utf-8")


def _split(text: str, what: str) -> tuple[str, str, bytes]:
    name, _, rest = text.partition("+")
    hash8, _, encoded = rest.partition("+")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not _NAME.fullmatch(name) or len(data) != 33 or data[:1] != _ED25519:
        raise KeyFileError(f"The {what} is not an Ed25519 key of the form name+hash8+base64.")
    return name, hash8, data[1:]


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
