"""What the name of a field says about the value in it."""

from __future__ import annotations

import functools
import re
import unicodedata

from redaction.field_lists import KEYWORD_FIELDS, NAMES, PARENTS, QUANTITIES

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BY_NAME = {name: entity for entity, names in NAMES.items() for name in names.split()}


_PARENTS = _set_of(PARENTS)
_INSIDE = {"name": "PERSON", "given": "PERSON", "family": "PERSON", "first": "PERSON",
           "last": "PERSON", "middle": "PERSON"}  # fmt: skip

_QUANTITIES = _set_of(QUANTITIES)

NAME_HINT = "#name"
"""The hint of a name itself: of a JSON member or a form's field."""

CODE_HINT = "#code"
"""The hint of a coded value: a code of a vocabulary, or an identifier that is nobody's."""

_KEYWORD_FIELDS = _set_of(KEYWORD_FIELDS)

# Objects of APIs whose name is a tool's: chat completions, messages, MCP.
_NAMED_TOOLS = _set_of("tool tools function functions tool_calls content params prompts resources")

_NUMBERED = re.compile(r"(?=(?:[^0-9]*[0-9]){3})[^{}<>\n]{3,64}")
_SECRET = re.compile(
    r"(?!(?i:true|false|null|none|nil|undefined|required|optional|string|text|password|hidden|auto"
    r"|bearer|basic|\*+|x+)\Z)(?!\$?\{)(?!\[\[)[^\n]{3,4096}"
)

# What a value must look like for its field's name to be believed.
_FORMS = {
    "US_SSN": re.compile(
        r"[^A-Za-z]*(?:[0-9][^0-9A-Za-z]*){4,9}|[*#xX•.]{3}\W?[*#xX•.]{2}\W?[0-9]{4}"
    ),
    "MEDICAL_RECORD_NUMBER": re.compile(r"(?:[^0-9]*[0-9]){3}.{0,40}"),
    "EMAIL_ADDRESS": re.compile(
        r"[^\s@]{1,80}@[^\s@]{1,255}|[^@]{1,80}<[^\s@]{1,80}@[^\s@]{1,255}>"
    ),
    "PHONE_NUMBER": re.compile(
        r"[+(]*(?:[0-9][^0-9A-Za-z]{0,3}){7,15}(?:(?:x|ext)\W{0,2}[0-9]{1,6})?"
    ),
    "CREDIT_CARD": re.compile(
        r"(?:[0-9*xX•][^0-9A-Za-z]{0,3}){12,19}|[0-9]{3,4}"
        r"|(?:0?[1-9]|1[0-2])[ ]?[/-]?[ ]?(?:20)?[0-9]{2}|20[0-9]{2}-[01][0-9]"
    ),
    "IBAN_CODE": re.compile(r"[A-Za-z]{2}[0-9]{2}[0-9A-Za-z -]{8,40}"),
    "ACCOUNT_NUMBER": re.compile(r"(?=(?:[^0-9]*[0-9]){4})[^{}<>\n@]{4,64}|[A-Z]{6}[A-Z0-9]{2,5}"),
    "VEHICLE_ID": re.compile(r"(?=[^0-9]*[0-9])[A-Za-z0-9 ·-]{4,20}"),
    "DEVICE_ID": re.compile(r"(?=(?:[^0-9]*[0-9]){3})[^{}<>\n]{5,120}"),
    "BIOMETRIC_ID": re.compile(r"(?=(?:[^0-9]*[0-9]){2})[^{}<>\n]{4,4096}"),
    "US_NPI": re.compile(r"[0-9]{10}"),
    "MAC_ADDRESS": re.compile(r"(?:[0-9A-Fa-f]{2}[:.-]?){5}[0-9A-Fa-f]{2}"),
    "IP_ADDRESS": re.compile(r"(?=.*[.:])[0-9a-fA-F:.]{3,45}"),
    "DATE_TIME": re.compile(r"(?=.*[0-9]).{4,40}"),
    "PERSON": re.compile(r"(?=.*[^\W\d_].*[^\W\d_])[^\d{}<>\[\]\n]{2,100}"),
    "LOCATION": re.compile(r"(?=.*[^\W_])[^{}<>\[\]]{2,160}", re.DOTALL),
    "NRP": re.compile(r"[^\W\d_][^\d{}<>\[\]\n]{2,60}"),
    "ORGANIZATION": re.compile(r"(?=.*[^\W\d_].*[^\W\d_])[^{}<>\[\]\n]{2,100}"),
    # A lower age tells little; 45 CFR 164.514 names those over 89.
    "AGE": re.compile(
        r"(?:9[0-9]|1[0-3][0-9])(?:[ ]?(?:y|yo|yrs?|years?)(?:[ ]old)?)?", re.IGNORECASE
    ),
    "USERNAME": re.compile(
        r"(?!(?i:true|false|null|none|anonymous|guest|required)\Z)[^\s{}<>]{2,64}"
    ),
    "PASSWORD": _SECRET,
    "URL": re.compile(r"\S{2,80}\.\S{2,200}"),
}
_LONGEST, _LONGEST_SECRET = 200, 4096


_LONG = frozenset({"PASSWORD", "BIOMETRIC_ID"})


def entity_of_field(hint: str, text: str) -> str | None:
    """Give the entity that a whole value is, by the names of its fields and by its form.

    `hint` is one or two names of fields, outer first, with a slash between them.
    """
    if not hint or len(text) > _LONGEST_SECRET:
        return None
    entity = _entity_of_name(hint)
    if entity is None or (len(text) > _LONGEST and entity not in _LONG):
        return None
    form = _FORMS.get(entity, _NUMBERED)
    return None if form.fullmatch(text.strip()) is None else entity


def is_quantity(hint: str) -> bool:
    """Tell whether a field's name says that its number counts, measures or codes something."""
    if hint == CODE_HINT:
        return True
    words = _words(hint.rpartition("/")[2])
    return bool(words) and words[-1] in _QUANTITIES


def is_keyword_field(hint: str) -> bool:
    """Tell whether a field of this name holds a keyword of a protocol, or is a name itself."""
    outer, _, inner = hint.rpartition("/")
    if inner == "name" and outer in _NAMED_TOOLS:
        return True
    return hint in {NAME_HINT, CODE_HINT} or inner.lower() in _KEYWORD_FIELDS


def _words(name: str) -> list[str]:
    if not name.isascii():
        name = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
        name = "".join(char for char in name if not unicodedata.combining(char))
    return [word.lower() for word in _WORDS.findall(name)]


@functools.lru_cache(maxsize=8192)
def _entity_of_name(hint: str) -> str | None:
    outer, _, inner = hint.rpartition("/")
    for name in (inner, outer):
        words = _words(name)
        for count in range(min(5, len(words)), 0, -1):
            entity = _BY_NAME.get("".join(words[-count:]))
            if entity is not None and (name == inner or entity == "US_SSN"):
                return entity
        if "ssn" in words and not {"id", "ref", "hash"} & set(words):
            return "US_SSN"
    words, parents = _words(inner), _words(outer)
    if parents and words and parents[-1] in _PARENTS:
        return _INSIDE.get(words[-1])
    return None
