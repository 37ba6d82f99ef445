"""What a file is by its first bytes, whatever it is said to be."""

from __future__ import annotations

from collections.abc import Mapping

from redaction.documents.model import Leaf, OpaqueContent

PDF = "a PDF"
RTF = "an RTF text"

_IMAGE, _FILM, _SOUND = "an image", "a film", "a sound recording"
_ARCHIVE, _OFFICE, _FILE = "an archive", "an office file", "a file"
_MAGIC = (
    (b"%PDF-", PDF),
    (b"{\\rtf", RTF),
    (b"\x89PNG\r\n\x1a\n", _IMAGE),
    (b"\xff\xd8\xff", _IMAGE),
    (b"GIF87a", _IMAGE),
    (b"GIF89a", _IMAGE),
    (b"II*\0", _IMAGE),
    (b"MM\0*", _IMAGE),
    (b"BM", _IMAGE),
    (b"\0\0\1\0", _IMAGE),
    (b"8BPS", _IMAGE),
    (b"\xff\x0a", _IMAGE),
    (b"PK\3\4", _ARCHIVE),
    (b"PK\5\6", _ARCHIVE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"Rar!\x1a\x07", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"\xfd7zXZ\0", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OFFICE),
    (b"ID3", _SOUND),
    (b"OggS", _SOUND),
    (b"fLaC", _SOUND),
    (b"\xff\xfb", _SOUND),
    (b"\xff\xf3", _SOUND),
    (b"\x1aE\xdf\xa3", _FILM),
)
_TYPES = (
    ("image/svg", ""),
    ("image/", _IMAGE),
    ("audio/", _SOUND),
    ("video/", _FILM),
    ("font/", _FILE),
    ("model/", _FILE),
    ("application/zip", _ARCHIVE),
    ("application/gzip", _ARCHIVE),
    ("application/x-", ""),
    ("application/dicom+", ""),
    ("application/dicom", "a DICOM file"),
    ("application/msword", _OFFICE),
    ("application/vnd.ms-", _OFFICE),
    ("application/vnd.openxmlformats", _OFFICE),
    ("application/vnd.oasis", _OFFICE),
)
_SUFFIXES: Mapping[str, str] = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "text": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "html": "text/html",
    "htm": "text/html",
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "ndjson": "application/x-ndjson",
    "xml": "application/xml",
    "ccda": "application/xml",
    "hl7": "application/hl7-v2",
    "rtf": "application/rtf",
    "edi": "application/edi-x12",
    "x12": "application/edi-x12",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "pcm16": "audio/l16",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "mkv": "video/x-matroska",
    "webm": "video/webm",
    "zip": "application/zip",
}
"""Content types by the end of a file's name, or by the word for a format."""


def type_of_suffix(word: str) -> str:
    """Give the content type of a file's name or of a format's; empty for an unknown one."""
    return _SUFFIXES.get(word.rpartition(".")[2].lower(), "")


def kind_of_content(body: bytes) -> str:
    """Tell what a file is by its first bytes, in words; empty for what begins like none."""
    for magic, kind in _MAGIC:
        # Two letters alone begin many a text.
        sure = len(magic) > 2 or kind == _ARCHIVE
        if body.startswith(magic) and (sure or not _is_text(body)):
            return kind
    if body[:4] == b"RIFF":
        return {b"WEBP": _IMAGE, b"WAVE": _SOUND, b"AVI ": _FILM}.get(body[8:12], "")
    if body[4:8] == b"ftyp":
        return _IMAGE if body[8:12] in (b"heic", b"avif", b"mif1", b"heix") else _FILM
    if body[128:132] == b"DICM":
        return "a DICOM file"
    return ""


def kind_of_type(content_type: str) -> str:
    """Tell what a declared type is in words, where it cannot be searched; else empty."""
    media = content_type.strip().lower()
    return next((kind for start, kind in _TYPES if media.startswith(start)), "")


def _is_text(body: bytes) -> bool:
    return b"\0" not in body[:512] and body[:64].isascii()


class OpaqueDocument:
    """A file that nobody can search, left as it is because policy says so."""

    leaves: tuple[Leaf, ...] = ()

    def __init__(self, body: bytes) -> None:
        self._body = body

    def rebuild(self, replaced: Mapping[int, str]) -> bytes:
        """Give the file as it is."""
        return self._body


def refuse(kind: str) -> OpaqueContent:
    """Make the error for a file that cannot be searched."""
    return OpaqueContent(
        f"The body carries {kind or _FILE}, which cannot be searched for personal data."
    )
