"""PDF files: their text is searched, and cannot be rewritten."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping
from typing import Any

from redaction.documents.model import Leaf, OpaqueContent
from redaction.errors import RedactionError

MAX_BYTES = 8 * 1024 * 1024
MAX_PAGES = 300
MAX_OPERATIONS = 200_000
"""Drawing operations of one file, at most: what a page costs."""
MAX_CHARS = 4_000_000


class PdfDocument:
    """The text of each page; a finding in it cannot be cut out."""

    def __init__(self, body: bytes) -> None:
        """Read the file; raises `OpaqueContent` where no text can be read from it for certain."""
        self._body = body
        if len(body) > MAX_BYTES:
            raise OpaqueContent(f"The body carries a PDF of more than {MAX_BYTES} bytes.")
        try:
            texts, pictures = _read(body)
        except OpaqueContent:
            raise
        except Exception:
            # Whatever goes wrong in a reader of hostile files: the file cannot be searched.
            raise OpaqueContent("The body carries a PDF that cannot be read.") from None
        if pictures and not any(text.strip() for text in texts):
            raise OpaqueContent("The body carries a PDF of pictures, which cannot be searched.")
        shown = [text for text in texts if text.strip()]
        self.leaves = [Leaf(f"/{number}", text) for number, text in enumerate(shown)]

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Give the file as it is; raises `RedactionError` where a text should be another."""
        if any(text != self.leaves[index].text for index, text in replaced.items()):
            raise RedactionError("What was found stands in a PDF, out of which it cannot be cut.")
        return self._body


def _read(body: bytes) -> tuple[list[str], bool]:
    # A tenth of a second of imports that few bodies need.
    import pypdf

    logging.getLogger("pypdf").disabled = True
    reader = pypdf.PdfReader(io.BytesIO(body), strict=False)
    if reader.is_encrypted:
        raise OpaqueContent("The body carries a PDF that is encrypted.")
    if len(reader.pages) > MAX_PAGES:
        raise OpaqueContent(f"The body carries a PDF of more than {MAX_PAGES} pages.")
    operations = 0

    def count(*_: Any) -> None:
        nonlocal operations
        operations += 1
        if operations > MAX_OPERATIONS:
            raise OpaqueContent("The body carries a PDF that takes too long to read.")

    texts: list[str] = []
    chars = 0
    pictures = False
    for page in reader.pages:
        text = page.extract_text(visitor_operand_before=count)
        chars += len(text)
        if chars > MAX_CHARS:
            raise OpaqueContent(f"The body carries a PDF of more than {MAX_CHARS} characters.")
        pictures = pictures or _has_picture(page)
        texts.append(text)
        texts += _notes(page)
    texts += [str(value) for value in (reader.metadata or {}).values()]
    fields = reader.get_fields() or {}
    texts += [f"{name}: {field.value}" for name, field in fields.items() if field.value]
    if reader.attachments:
        raise OpaqueContent("The body carries a PDF with files in it.")
    return texts, pictures


def _has_picture(page: Any) -> bool:
    resources = page.get("/Resources")
    objects = (resources.get_object() or {}).get("/XObject") if resources is not None else None
    if objects is None:
        return False
    return any(
        item.get_object().get("/Subtype") == "/Image" for item in objects.get_object().values()
    )


def _notes(page: Any) -> list[str]:
    found = []
    for note in page.get("/Annots") or ():
        text = note.get_object().get("/Contents")
        if text is not None:
            found.append(str(text))
    return found
