"""The key that signs policy bundles, in the home folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from ledger.errors import KeyFileError
from ledger.home import Home
from ledger.signer import check_private, write_private


def load_or_create_policy_key(
    home: Home, create: Callable[[], bytes], public_of: Callable[[bytes], bytes]
) -> bytes:
    """Give the private key as PEM, made by `create` if there is none (0600, its folder 0700).

    Its public half is written beside it. Raises KeyFileError when others may read the private one,
    or when it cannot be read or written.
    """
    path = home.policy_key
    try:
        try:
            private = _load(home)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # When another process was quicker, its key is the one.
            with contextlib.suppress(FileExistsError):
                write_private(path, create().decode("ascii"))
            private = _load(home)
        _publish(home, public_of(private))
    except OSError as error:
        raise KeyFileError(
            f"{path}: the key of policies cannot be read or created ({error.strerror}); "
            "check the folder, its owner and its rights."
        ) from error
    return private


def _load(home: Home) -> bytes:
    check_private(home.policy_key)
    return home.policy_key.read_bytes()


def _publish(home: Home, public: bytes) -> None:
    path = home.policy_public_key
    if not path.exists() or path.read_bytes() != public:
        path.write_bytes(public)
