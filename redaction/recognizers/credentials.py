"""Secrets: passwords behind their label, and keys of services by their form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Recognizer, Span, has_digit, near, word_pattern
from redaction.recognizers.words import set_of

# Keys that services give out, each with a prefix of its own.
_KEYS = linear.compile(
    r"\b(?:"
    r"sk-(?:ant-|proj-|svcacct-|or-v1-)?[A-Za-z0-9_-]{20,}"
    r"|gh[opusr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"
    r"|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,}"
    r"|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}"
    r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{30,}|do[opr]_v1_[a-f0-9]{64}"
    r"|dckr_pat_[A-Za-z0-9_-]{20,}"
    r"|sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{20,}|shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"
    r"|lin_api_[A-Za-z0-9]{40}"
    r"|(?:pat|key)[A-Za-z0-9]{14}\.[a-f0-9]{64}|r8_[A-Za-z0-9]{37}|tvly-[A-Za-z0-9-]{20,}"
    r"|pplx-[a-f0-9]{40,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"
    r")"
)
_PEM = linear.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s:,.\\-]*"
    r"(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?"
    r"|(?:[A-Za-z0-9+/=]{40,}(?:\s|\\n|\\r)+)+[A-Za-z0-9+/=]*(?:\s|\\n|\\r)*"
    r"-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
)
_IN_URL = linear.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:\"'<>]{0,64}:([^\s/@\"'<>]{1,100})@")
_BEARER = linear.compile(
    r"(?i)\b(?:authorization|proxy-authorization)[\"']?[ ]?[:=]?[ ]?[\"']?(?:bearer|basic|token"
    r"|digest)[ ]"
    r"([A-Za-z0-9._~+/=-]{8,})|\bbearer[ ]([A-Za-z0-9._~+/=-]{20,})"
)
_LABEL = linear.compile(
    r"(?i)(?:\b|_)(?:pass[ _-]?words?|passwd|pwd|pass[ _-]?code|pass[ _-]?phrase|pass[ _-]?key"
    r"|secret(?:[ _-]?(?:access[ _-]?)?(?:key|token|answer|phrase|word))?|api[ _-]?(?:key|secret"
    r"|token)"
    r"|(?:access|auth|refresh|session|security|bearer|bot|oauth|personal access)[ _-]?(?:token"
    r"|key|secret)"
    r"|client[ _-]?secret|private[ _-]?key|encryption[ _-]?key|signing[ _-]?key|credentials?|creds"
    r"|account[ _-]?key|connection[ _-]?string|seed[ _-]?phrase|contrase[ñn]a|mot de passe|mdp"
    r"|pass(?:wort|wörter)|kenn ?wort|senha|palabra clave)(?:[ _-]?(?:hash|value|is))?"
)
_LINK = re.compile(
    r"""["'`*]{0,3}+[ \t]?(?P<sign>(?:[:=]|:=|=>|->)
        |(?i:is|was|es|est|ist|as|to|set[ ]to|[eéè])\b|(?=["'“‘`])|)
    [ \t]{0,3}+(?P<quote>["'“‘`(<]{0,2}+)(?:\*\*)?""",
    re.VERBOSE,
)
_VALUE = re.compile(r"[^\s\"'`“”‘’<>]{4,128}+")
_PHRASE = re.compile(r"[^\"'`\n]{4,80}+(?=[\"'`])")
_CODE = re.compile(
    r"[a-z_][\w.]{0,60}[(\[].*|\$?[{(\[].*|\$[A-Za-z_]\w*|%\w+%|<.*|[*•x.]{3,}|os\.environ.*"
    r"|process\.env.*"
    r"|(?:self|this|args|config|settings|request|req|env|ctx|options|opts|params|data)\.[\w.]+.*"
    r"|[A-Za-z_][\w.]*(?:\|\||\?\?|&&).*",
    re.IGNORECASE,
)
_COMMON = set_of(
    """
    required optional missing invalid unknown none null nil true false not empty string
    text str int varchar the your my his her their this that and or for with reset resets
    change changed changes field fields form page manager managers protected policy
    policies hash hashing hashed expired expires incorrect wrong correct valid unique
    value input type name user username login email must should shall will can cannot may
    have has had been were strength rules requirements length undefined any self request
    bytes secretstr optional[str] reminder recovery prompt attempt attempts authentication
    authorization provided stored saved sent shared stolen leaked exposed found used using
    generator vault file files list database table column parameter variable variables
    here there when where which what from into over under against before after about also
    because management manager. required. invalid. incorrect. only plain plaintext
    encrypted rotation bearer santa garden service sauce recipe weapon ballot agent
    ingredient answer key keys token tokens
    """
)
_PIN = linear.compile(
    r"(?:\b(?i:(?:my|atm|card|debit|the|your|her|his|security|access|door|gate|alarm|voicemail"
    r"|sim)[ ]pin)"
    r"|\bPIN|\b(?i:pin[ ]?(?:code|number|no\b|#))|\b(?i:passcode|access[ ]code|security[ ]code"
    r"|verification[ ]code|one[ -]time[ ](?:code|password|passcode)|otp|2fa[ ]code|door[ ]code"
    r"|gate[ ]code|alarm[ ]code|auth(?:entication)?[ ]code|login[ ]code))"
    r"(?i:[ ]?(?:code|number|no\.?|#))?[\"']?[ ]?(?i:is|was|of|to"
    r"|[:=])?[ ]{0,2}[\"'(#]?([0-9]{3,4}-?[0-9]{0,4})\b"
)
_STRONG = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9!@#$%^&*?+=~]).{5,}", re.DOTALL)
# A name and its password, as lists of them have it.
_PAIR = linear.compile(
    r"[\w.%+-]+@[\w-]+(?:\.[\w-]+)+[ ]?[/|:,][ ]?([^\s\"'<>,;]{6,64})"
    r"|[\w.%+-]{3,}[ ][/|][ ]([^\s\"'<>,;]{6,64})"
)
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PAIR_WORDS = word_pattern(
    [
        "login",
        "logins",
        "credential",
        "credentials",
        "creds",
        "password",
        "passwords",
        "leaked",
        "combo",
        "wifi",
        "wi-fi",
    ]
)


class PasswordRecognizer(Recognizer):
    """PASSWORD: passwords, PINs, tokens and private keys."""

    entity: ClassVar[str] = "PASSWORD"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of secrets."""
        for match in _KEYS.finditer(text):
            yield *match.span(), 0.95
        if "-----" in text:
            for match in _PEM.finditer(text):
                yield *match.span(), 1.0
        if "://" in text and "@" in text:
            for match in _IN_URL.finditer(text):
                yield *match.span(1), 0.9
        for match in _BEARER.finditer(text):
            start, end = match.span(1 if match[1] is not None else 2)
            if match[1] is not None or has_digit(text[start:end]):
                yield start, end, 0.9
        for label in _LABEL.finditer(text):
            yield from _labelled(text, label.end())
        if has_digit(text):
            for match in _PIN.finditer(text):
                yield *match.span(1), 0.7
        if ("@" in text or " / " in text) and _PAIR_WORDS.search(text) is not None:
            yield from _pairs(text)


def _labelled(text: str, end: int) -> Iterator[Span]:
    if text[end : end + 1].isalnum():
        return
    link = _LINK.match(text, end)
    assert link is not None
    position = link.end()
    sign, quoted = link["sign"], link["quote"][-1:] in {'"', "'", "`", "“", "‘"}
    pattern = _PHRASE if quoted and link["quote"][-1:] in {'"', "'", "`"} else _VALUE
    match = pattern.match(text, position) or _VALUE.match(text, position)
    if match is None:
        return
    value = match[0] if quoted else match[0].rstrip(".,;:)]}*")
    if len(value) < 4 or value.lower().strip(".,;:!?") in _COMMON or _CODE.fullmatch(value):
        return
    strong = _STRONG.fullmatch(value) is not None
    if sign in {":", "=", ":=", "=>", "->"}:
        if not strong and not quoted and (sign != ":" or "_" in value or "." in value):
            # A name on the right of a sign is a variable's.
            return
        score = 0.9 if strong else 0.6
    elif quoted and (sign or strong or not value.islower()):
        score = 0.8
    else:
        # After words only what no word of prose looks like.
        if not strong or not _mixed(value) or position == end:
            return
        score = 0.75
    yield position, position + len(value), score


def _mixed(value: str) -> bool:
    """Tell whether a word has letters and digits or signs within, as no common word does."""
    body = value.rstrip("!?.")
    return has_digit(body) is not None or any(sign in body for sign in "!@#$%^&*?+=~")


def _pairs(text: str) -> Iterator[Span]:
    for match in _PAIR.finditer(text):
        start = match.start(1 if match[1] is not None else 2)
        value = text[start : match.end()].rstrip(".,;:)]}")
        if _STRONG.fullmatch(value) is None or _ADDRESS.fullmatch(value) is not None:
            continue
        if (match[1] is not None or _mixed(value)) and near(_PAIR_WORDS, text, *match.span()):
            yield start, start + len(value), 0.7
