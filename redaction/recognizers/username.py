"""Names of accounts: behind a label, or behind an at sign where people follow one another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from redaction import linear
from redaction.recognizers.base import Recognizer, Span, near, word_pattern
from redaction.recognizers.words import set_of

_LABEL = linear.compile(
    r"(?i)\b(?:user[ _-]?names?|user[ _-]?ids?|userid|login(?:[ _-]?(?:id|name|user))?|log[ -]?in"
    r"|screen[ _-]?names?|handle|account[ _-]?name|nick[ _-]?names?|logon(?:[ _-]?id)?"
    r"|logged in as|signed in as|sign[ -]?in name|unix user|ssh user|samaccountname|upn"
    r"|(?:portal |system |admin )?user|(?:database|db|pg|mysql|mongo|redis|smtp|imap|ftp|ssh|sql)"
    r"[ _-]?user(?:name)?|user|guests is"
    r"|benutzer(?:name|kennung)|nom d[’' ]utilisateur|identifiant|nombre de usuario|usuario"
    r"|nome (?:utente|de usu[aá]rio)|usu[aá]rio|(?:twitter|instagram|insta|tiktok|snapchat|telegram"
    r"|discord|skype|github|reddit|facebook|linkedin|twitch|venmo|steam|psn|gamertag|wechat|line)"
    r"(?:[ _-]?(?:id|user(?:name)?|handle|account|profile|tag))?)"
)
_LINK = re.compile(
    r"""["'`*]{0,3}+[ ]?
    (?P<sign>[:=]|(?i:is|was|as|are)\b|["'“‘`]|(?=@))[ ]{0,2}+["'“‘`(<*]{0,2}+""",
    re.VERBOSE,
)
_NAME = re.compile(r"@?+[A-Za-z0-9][A-Za-z0-9._\\+-]{1,40}+(?:\#[0-9]{4})?(?![@A-Za-z0-9(\[])")
_EMAIL_LIKE = re.compile(r"[\w.+-]{1,64}@")
_COMMON = set_of(
    """
    required optional missing invalid unknown none null true false not empty string text
    str int varchar the a an your my his her their this that it required. and or for with
    page form screen button failed successful denied blocked disabled enabled locked
    expired incorrect wrong valid unique taken available set used needed case here there
    now never always also already being unicode value field name number email password
    username user login admin-only undefined any self request req input os env process
    config props data type object function var let const
    """
)
_TELLS = re.compile(r"[0-9_.\\@-]|[a-z][A-Z]")
_HANDLE = linear.compile(r"(?:^|[\s(\[\"'“,:;/>])(@[A-Za-z_][A-Za-z0-9_.]{1,29})")
_OF_CODE = set_of(
    """
    @media @import @override @property @staticmethod @classmethod @param @return @returns
    @types @keyframes @charset @supports @test @mock @pytest @app @here @everyone @channel
    @all @gmail @me @home @work @example @deprecated @see @since @author @throws @type
    @typedef @font @layer
    """
)
_SOCIAL = word_pattern(
    [
        *(
            "twitter",
            "tweet",
            "tweeted",
            "tweets",
            "instagram",
            "insta",
            "ig",
            "tiktok",
            "snapchat",
        ),
        *("snap", "telegram", "discord", "threads", "mastodon", "bluesky", "handle", "handles"),
        *(
            "follow",
            "followed",
            "follows",
            "following",
            "follower",
            "followers",
            "dm",
            "dms",
            "dm'd",
        ),
        *("tag", "tagged", "mention", "mentioned", "venmo", "cashapp", "youtube", "facebook", "fb"),
        *(
            "linkedin",
            "github",
            "reddit",
            "posted by",
            "profile",
            "username",
            "account",
            "rt",
            "via",
        ),
    ]
)


class UsernameRecognizer(Recognizer):
    """USERNAME."""

    entity: ClassVar[str] = "USERNAME"

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of names of accounts."""
        for label in _LABEL.finditer(text):
            end = label.end()
            if text[end : end + 1].isalnum() or text[end : end + 1] == "@":
                continue
            link = _LINK.match(text, end)
            position = link.end() if link is not None else end + 1
            if link is None and text[end : end + 1] != " ":
                continue
            name = _NAME.match(text, position)
            if name is None or _EMAIL_LIKE.match(text, position):
                continue
            value = name[0].rstrip(".-_+\\")
            spoken = link is None or link["sign"] not in {":", "="}
            if _believable(value, spoken, marked=link is not None):
                yield position, position + len(value), 0.8 if _TELLS.search(value) else 0.6
        if "@" in text:
            for match in _HANDLE.finditer(text):
                start, end = match.span(1)
                value = match[1].rstrip(".")
                end = start + len(value)
                if value.lower() in _OF_CODE or text[end : end + 1] in {"/", "(", "@"}:
                    continue
                if near(_SOCIAL, text, start, end):
                    yield start, end, 0.6


def _believable(value: str, spoken: bool, marked: bool) -> bool:
    plain = value.lstrip("@")
    if len(plain) < 3 or plain.lower() in _COMMON:
        return False
    if value.startswith("@"):
        return True
    tells = _TELLS.search(plain) is not None
    if not spoken:
        # In code a word on the right is a variable: user = args.user
        return not plain.startswith(("os.", "self.", "args.", "process.", "request.", "config."))
    if len(plain) < 5 and not marked:
        return False
    return tells and (marked or not plain.isdecimal())
