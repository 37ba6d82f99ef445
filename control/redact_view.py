"""A page that marks what was found in a document: one file, without scripts or anything to load."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from redaction import Finding, Leaf, Redacted, Taken

_STYLE = """
body { font: 16px/1.6 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem;
       color: #1d2433; background: #fff }
h1 { font-size: 1.3rem } table { border-collapse: collapse; width: 100% }
th { text-align: left; font-weight: 600; border-bottom: 2px solid #d8dde6 }
th, td { padding: .4rem .8rem .4rem 0; vertical-align: top } td { border-bottom: 1px solid #e8ebf1 }
td.place { color: #5a6577; font: 13px/1.8 ui-monospace, monospace; word-break: break-all }
td.place:not(:empty) { width: 14rem }
td.text { white-space: pre-wrap; word-break: break-word }
mark { border-radius: .3rem; padding: .1rem .35rem; border: 1px solid; white-space: pre-wrap }
mark small { font: 600 10px ui-monospace, monospace; letter-spacing: .03em; margin-left: .4rem }
del { opacity: .65; margin-right: .35rem } ul.key { list-style: none; padding: 0 }
ul.key li { display: inline-block; margin: 0 .6rem .4rem 0 }
"""
_HUES = {
    "PERSON": 350, "LOCATION": 140, "DATE_TIME": 210, "AGE": 190, "US_SSN": 10,
    "EMAIL_ADDRESS": 265, "PHONE_NUMBER": 235, "MEDICAL_RECORD_NUMBER": 35, "ORGANIZATION": 95,
}  # fmt: skip
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width"><title>What was taken out</title>
<style>{style}</style></head><body><h1>What was taken out</h1>
<ul class="key">{key}</ul>
<table><thead><tr><th>Place</th><th>Text</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""
_EMPTY = '<tr><td class="place"></td><td class="text">Nothing was found.</td></tr>'


def view(
    leaves: Sequence[Leaf],
    found: Sequence[tuple[Finding, ...]],
    result: Redacted,
    values: bool,
) -> str:
    """Give the page; what was taken out itself is on it only where `values` says so."""
    rows = [
        f'<tr><td class="place">{html.escape(leaves[index].pointer)}</td>'
        f'<td class="text">{"".join(_marked(leaves[index].text, taken, found[index], values))}</td>'
        "</tr>"
        for index, taken in sorted(result.taken.items())
    ]
    key = [
        f"<li>{_mark(entity, html.escape(f'{count} x'), '')}</li>"
        for entity, count in sorted(result.counts.items())
    ]
    return _PAGE.format(style=_STYLE, key="".join(key), rows="\n".join(rows) or _EMPTY)


def _marked(
    text: str, taken: Sequence[Taken], findings: Sequence[Finding], values: bool
) -> Iterator[str]:
    position = 0
    for item in sorted(taken, key=lambda each: each.start):
        yield html.escape(text[position : item.start])
        why = sorted(
            {
                f"{f.entity} {f.score:.2f} ({f.why})"
                for f in findings
                if f.start < item.end and f.end > item.start
            }
        )
        old = f"<del>{html.escape(text[item.start : item.end])}</del>" if values else ""
        yield _mark(item.entity, f"{old}{html.escape(item.replacement)}", "; ".join(why))
        position = item.end
    yield html.escape(text[position:])


def _mark(entity: str, content: str, why: str) -> str:
    hue = _HUES.get(entity, sum(map(ord, entity)) * 37 % 360)
    style = f"background: hsl({hue} 80% 93%); border-color: hsl({hue} 55% 70%)"
    # A placeholder says by itself what it stands for.
    tag = "" if content == html.escape(f"<{entity}>") else f"<small>{html.escape(entity)}</small>"
    return f'<mark style="{style}" title="{html.escape(why)}">{content}{tag}</mark>'
