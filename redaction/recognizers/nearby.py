"""What the label nearest to a number says that it is."""

from __future__ import annotations

import re

from redaction import linear

_BEFORE_CHARS = 40

_KINDS = {
    "phone": r"phones?|tele ?phones?|tel|cell(?: ?phone)?|mobile|fax|pager|beeper|call(?:ed)?|dial"
    r"|text|sms|whatsapp|t[eé]l(?:[eé]phone)?|telefon(?:o|e)?|tel[eé]fono|celular|m[oó]vil|handy"
    r"|rufnummer|portable|contact(?: number| no)?|reach",
    "product": r"parts?(?: ?(?:no\b|number|#))"
    r"|part|sku|model|catalog(?:ue)?|item|product|isbn|issn|upc"
    r"|ean|gtin|asin|ndc|cpt|hcpcs|loinc|snomed|stock(?: no)?|order|orders|purchase order"
    r"|po ?(?:no\b|number|#)|invoice|tracking|shipment|ticket|jira|bug|issue|pr|commit|build"
    r"|version"
    r"|revision|release|firmware|bestell ?nummer|rechnung(?:s ?nummer)?|factura|commande|pedido"
    r"|patent|docket|doi|pmid|nct|part ?nr|artikel ?nummer|serial(?: ?(?:no\b|number|#))?|s/n|lot"
    r"|batch|barcode|port|pid|checksum|hash|crc|seed|transaction|txn|receipt|confirmation|coupon"
    r"|promo|voucher|warranty|case|quote",
    "money": r"amount|total|price|cost|balance|revenue|budget|sum|usd|eur|gbp|salary|payment of",
    "place": r"zip(?: ?code)?|postal(?: ?code)?|post ?code|plz|code postal|c[oó]digo postal",
    "record": r"mrns?|med(?:ical)? rec(?:ord)?s?|patient id|chart|member|subscriber|policy|group"
    r"|npi|dea|routing|aba|account|acct|iban|konto|cuenta|compte|licen[cs]e|passport|pasaporte"
    r"|passeport|reisepass|claim|employee|student|badge|customer|accession|encounter|visit|ref"
    r"|reference|imei|vin|card|cvv|iccid|duns|cage|ein|study|specimen|referral|auth(?:orization)?",
}
_LABELS = {
    kind: re.compile(words.replace(" ", r"[\s_.-]?"), re.IGNORECASE)
    for kind, words in _KINDS.items()
}
# The last label of a text, for what stands before it is taken in first.
_LAST = linear.compile(
    rf"(?is)^.*(?:\b|_)({'|'.join(_KINDS.values())})(?:\b|_|[0-9])".replace(" ", r"[\s_.-]?")
)
_SENTENCE_END = re.compile(r"[.;!?]\s|\n\s*\n")


def label_before(text: str, start: int) -> tuple[str, int]:
    """Give the kind of the label that stands nearest before a number, and where that label ends.

    An end of sentence between them parts them. The kind is "" where there is no label.
    """
    first = max(0, start - _BEFORE_CHARS)
    before = text[first:start]
    label = _LAST.search(before)
    if label is None:
        return "", -1
    start, end = label.span(1)
    for stop in _SENTENCE_END.finditer(before, end):
        # "No. 12" and "ref. code" end no sentence.
        if before[stop.end() : stop.end() + 1].isupper():
            return "", -1
    word = before[start:end]
    for kind, pattern in _LABELS.items():
        if pattern.fullmatch(word):
            return kind, first + end
    return "", -1


_JOINING = re.compile(
    r"(?:[\s:=#\"'(*_.\[-]|\b(?:is|was|of|no|num|number|id|code|nr|for|are|the|in)\b){0,12}",
    re.IGNORECASE,
)


def label_of(text: str, start: int) -> str:
    """Give the kind of the label that a number directly follows, or ""."""
    kind, end = label_before(text, start)
    return kind if end >= 0 and _JOINING.fullmatch(text, end, start) else ""
