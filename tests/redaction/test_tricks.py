"""Tricks of an agent that wants a number and a name out through a destination that redacts.

Each row says how the number is hidden, and what of it must not be in what goes on: either it is
taken out or the whole body is refused. What still gets through is told in docs/redaction.md.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import urllib.parse
import zlib
from collections.abc import Callable, Iterator

import pytest

from redaction import (
    HeaderDocument,
    RedactionError,
    Scope,
    UrlDocument,
    parse_document,
    profile_from,
)
from redaction.analyzer import Analyzer
from redaction.documents import Document
from redaction.job import Job

S, B, N = "536-90-4399", "536904399", "Maria Nguyen"
JSON, TEXT, HTML, XML = "application/json", "text/plain", "text/html", "application/xml"
FORM, RTF, CSV, FHIR = (
    "application/x-www-form-urlencoded",
    "application/rtf",
    "text/csv",
    "application/fhir+json",
)
HL7, X12 = "application/hl7-v2", "application/edi-x12"
ENTITIES = ("US_SSN", "PERSON", "EMAIL_ADDRESS", "MEDICAL_RECORD_NUMBER")
PROFILE = profile_from([{"id": "all", "entities": dict.fromkeys(ENTITIES, "replace")}])

Row = tuple[str, str, "bytes | str", tuple["bytes | str", ...]]


def b64(data: bytes | str) -> str:
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


def js(value: object) -> str:
    return json.dumps(value)


def encodings() -> Iterator[Row]:
    ssn = f"ssn {S}"
    inner = js({"ssn": S, "name": N})
    hidden = {
        "JSON in base64": b64(inner),
        "base64 of base64 of JSON": b64(b64(inner)),
        "base64 without padding": b64(ssn).rstrip("="),
        "base64 for URLs": base64.urlsafe_b64encode(f"\u00ff\u00fe{ssn}".encode()).decode(),
        "base64 of Latin-1": b64(f"\u00e9\u00e8 {ssn}".encode("latin-1")),
        "base64 behind binary": b64(b"\0\1\2\3" + ssn.encode() + b" and more"),
        "base64 of a gRPC message": b64(b"\0\0\0\0\x0f" + ssn.encode()),
        "base64 of UTF-16": b64(S.encode("utf-16-le")),
        "base64 of UTF-16, big end first": b64(S.encode("utf-16-be")),
        "base64 of UTF-32": b64(S.encode("utf-32-le")),
        "base64 of gzip": b64(gzip.compress(inner.encode())),
        "base64 of gzip of base64": b64(gzip.compress(b64(ssn).encode())),
        "base64 of zlib": b64(zlib.compress(ssn.encode())),
        "base64 behind a hash's name": "sha256-" + b64(ssn + " padding for a hash"),
        "base32": base64.b32encode(S.encode()).decode(),
        "base32 in lower case": base64.b32encode(S.encode()).decode().lower(),
        "hexadecimal with 0x": "0x" + S.encode().hex().upper(),
        "hexadecimal of the digits": B.encode().hex(),
        "UTF-7": "+ADUAMwA2AC0AOQAwAC0ANAAzADkAOQ",
        "a token": f"eyJhbGciOiJub25lIn0.{b64(js({'ssn': B})).rstrip('=')}.",
        "a mail's word": f"=?utf-8?B?{b64(ssn)}?=",
        "a mail's escapes": "=?utf-8?Q?=35=33=36-90-4399?=",
    }
    for name, text in hidden.items():
        yield f"{name}, in JSON", JSON, js({"x": text}), (text,)
        yield f"{name}, in a text", TEXT, f"look: {text}", (text,)
    for joint in "-._: ,\n":
        text = S.encode().hex(joint)
        yield f"hexadecimal with {joint!r}", TEXT, text, (text,)
    dump = "00000000: 3533 362d 3930 2d34 3339 390a"
    yield "xxd", TEXT, dump, ("3533 362d 3930 2d34",)
    yield "hexdump", TEXT, "00000000  35 33 36 2d 39 30 2d 34  33 39 39 0a", ("35 33 36",)
    long = base64.encodebytes(("A" * 100 + f" the ssn is {S} " + "B" * 100).encode()).decode()
    yield "base64 in lines", TEXT, f"a mail\n\n{long}", (long.split("\n")[1],)
    pem = base64.encodebytes(f"the ssn is {S} of her, as was said before".encode()).decode()
    yield "PEM", TEXT, f"-----BEGIN X-----\n{pem}-----END X-----", (pem.split("\n")[0],)
    lines = re.findall(".{1,8}", b64(f"the ssn is {S}"))
    yield "base64 in short lines", TEXT, "\n".join(["x", *lines]), ("\n".join(lines),)
    nested = js({"ssn": S})
    for _ in range(5):
        nested = js({"y": nested})
        yield f"JSON in {nested.count('y')} JSON", JSON, nested, (S,)
    yield "a YAML binary", "application/yaml", f"ssn: !!binary {b64(S)}", (b64(S),)


def numbers() -> Iterator[Row]:
    for number in (
        *("5.36904399e8", "5.36904399E+08", "536904399.0", "536904399e0", "53690439900e-2"),
        *("-536904399", "-5.36904399e8"),
    ):
        yield f"the number {number}", JSON, f'{{"v": {number}}}', (number,)
        yield f"the number {number}, labelled", JSON, f'{{"ssn": {number}}}', (number,)
    yield "a digit each, labelled", JSON, '{"ssn":[5,3,6,9,0,4,3,9,9]}', ("[5,3,6,9",)
    yield "groups, labelled", JSON, '{"ssn":[536,90,4399]}', ("536,90,4399",)
    yield "two halves, labelled", JSON, '{"ssn":[536904,399]}', ("536904,399",)
    yield "groups of text", JSON, '{"v":["536","90","4399"]}', ('"90","4399"',)
    yield "numbered members", JSON, '{"ssn1":536,"ssn2":90,"ssn3":4399}', ("4399",)
    yield "thousands, labelled", JSON, js({"ssn": "536,904,399"}), ("904,399",)
    for name in (S, B):
        yield f"a member's name {name}", JSON, js({name: 1}), (name,)
    yield "name and value", JSON, '{"ssn 536-90-4399 of": "her"}', (S,)
    yield "a name twice", JSON, f'{{"a":"x","a":"{S}"}}', (S,)
    yield "a comment", JSON, f'{{"a":1 /* {S} */}}', (S,)
    yield "behind the JSON", JSON, f'{{"a":1}} {S}', (S,)
    yield "not a number", JSON, f'{{"a":NaN,"ssn":"{S}"}}', (S,)
    yield "two JSON texts", JSON, f'{{"a":1}}{{"ssn":"{S}"}}', (S,)
    yield "half a surrogate", JSON, f'{{"v":"\\ud800 {S}"}}', (S,)
    yield "no UTF-8", JSON, b'{"v":"\xff536-90-4399"}', (S,)
    messages = [{"role": "user", "content": text} for text in ("ssn 536-90-", "4399 it is")]
    yield "two messages", JSON, js({"messages": messages}), ("536-90-",)
    for said in ("utf-16", "utf-16-be", "utf-32"):
        body = f'{{"v":"{S}"}}'.encode(said)
        yield f"JSON in {said}", JSON, body, (S.encode(said)[-20:],)


def charsets() -> Iterator[Row]:
    for said in ("utf-7", "cp037", "x-own", "utf-8; charset=utf-16", "utf-16"):
        yield f"ASCII as {said}", f"text/plain; charset={said}", f"ssn {S} ", (S,)
    yield "ASCII behind a mark of UTF-16", TEXT, b"\xff\xfe" + f"ssn {S} ".encode(), (S,)
    for said in ("utf-16", "utf-16-le", "utf-32", "utf-16-be"):
        yield f"unsaid {said}", TEXT, f"ssn {S}".encode(said), (S.encode(said)[-20:],)
    yield "NUL between", TEXT, "\0".join(S), ("6\x00-",)
    yield "marks between", TEXT, "536\ufeff-90-\ufeff4399", ("4399",)
    for name, sign in {"vowel separator": "\u180e", "filler": "\u3164", "joiner": "\u200d"}.items():
        yield f"{name} between", TEXT, sign.join(S), (sign.join(S),)
    for name, signs in {
        "in brackets": "0\u2474\u2475\u2476\u2477\u2478\u2479\u247a\u247b\u247c",
        "with full stop": "0\u2488\u2489\u248a\u248b\u248c\u248d\u248e\u248f\u2490",
        "in discs": "\u24ff\u2776\u2777\u2778\u2779\u277a\u277b\u277c\u277d\u277e",
        "of segments": "".join(chr(0x1FBF0 + n) for n in range(10)),
        "Tamil": "".join(chr(0xBE6 + n) for n in range(10)),
    }.items():
        text = B.translate({48 + n: sign for n, sign in enumerate(signs)})
        yield f"digits {name}", TEXT, f"ssn {text}", (text[:2],)
    yield "letters like digits", TEXT, "it is 536-9O-4399", ("9O-4399",)
    yield "undeclared gzip", TEXT, gzip.compress(S.encode()), (gzip.compress(S.encode())[:9],)
    yield "undeclared zlib", TEXT, zlib.compress(S.encode()), (zlib.compress(S.encode()),)


def texts() -> Iterator[Row]:
    rows = {
        "spread": ("5 3 6 - 9 0 - 4 3 9 9", "5 3 6"),
        "tabs": ("536\t90\t4399", "\t4399"),
        "line ends": ("536\r\n90\r\n4399", "\r\n4399"),
        "brackets": ("ssn [536][90][4399]", "[536]"),
        "pipes": ("ssn 536|90|4399", "|90|"),
        "many spaces": ("ssn 536      90      4399", "90      4399"),
        "many dashes": ("ssn 536--------90--------4399", "90--------4399"),
        "empty lines": ("ssn 536\n\n\n\n\n90\n\n\n\n\n4399", "4399"),
        "semicolons": ("ssn 536;90;4399", ";90;"),
        "eight and one": ("ssn 53690439 9", "53690439"),
        "one and eight": ("ssn 5-36904399", "36904399"),
        "letters around": ("abc536-90-4399xyz", S),
        "emoji between": ("536\U0001f355\u200d90\U0001f3554399", "4399"),
        "a mail address": (f"{B}@example.com", f"{B}@"),
        "a URL": (f"see https://x.example/p/{B}", B),
        "bold": ("**536**-**90**-**4399**", "4399"),
        "escaped dashes": ("536\\-90\\-4399", "4399"),
        "a reference": (f"[x]: {S}", S),
        "a table": (f"| name | ssn |\n|---|---|\n| x | {B} |", B),
        "columns": ("| ssn1 | ssn2 | ssn3 |\n|---|---|---|\n| 536 | 90 | 4399 |", "| 4399"),
        "backwards": ("my ssn reversed is 9934-09-635", "9934-09"),
        "underscores": ("ssn = 536_904_399", "536_904"),
        "Python": ("ssn = '536' + '-90-' + '4399'", "'4399'"),
        "a name in lower case": ("patient maria nguyen was seen.", "nguyen"),
        "a name in capitals": ("PATIENT MARIA NGUYEN WAS SEEN.", "NGUYEN"),
        "a name in pieces": ("Patient Ma\u200bria Ngu\u200byen was seen.", "Ngu\u200byen"),
        "a name in Cyrillic": ("Patient M\u0430ri\u0430 Ngu\u0443\u0435n was seen.", "\u0443\u0435n"),
        "a name in full width": ("Patient \uff2d\uff41\uff52\uff49\uff41 \uff2e\uff47\uff55\uff59\uff45\uff4e was seen.", "\uff2e\uff47"),
        "a name in base64": (f"who: {b64(f'Patient {N} was seen')}", b64(f"Patient {N} was seen")),
        "a name in hexadecimal": (f"Patient {N}".encode().hex(), "4d61726961"),
        "a name in percent": ("Patient " + "".join(f"%{ord(c):02X}" for c in N), "%4D%61"),
        "a mail in words": ("mail maria.nguyen at hospital dot example", "maria.nguyen"),
        "a mail in brackets": ("mail maria.nguyen[at]hospital[dot]com", "maria.nguyen"),
        "a mail with spaces": ("mail maria.nguyen @ hospital.com", "maria.nguyen"),
        "a record number in words": ("MRN four four eight eight one two nine nine", "four four"),
        "a record number before its label": ("44881299 (MRN)", "44881299"),
    }  # fmt: skip
    for name, (text, left) in rows.items():
        yield name, TEXT, text, (left,)
    tagged = "".join(chr(0xE0000 + ord(char)) for char in f"Patient {N} was seen")
    yield "a name in invisible letters", TEXT, f"hello {tagged}", (tagged,)
    yield "a member's name that is one", JSON, js({N: {"dx": "flu"}}), (N,)
    yield "names of fields", JSON, js({"first_name": "maria", "last_name": "nguyen"}), ("nguyen",)


def markup() -> Iterator[Row]:
    rows: dict[str, tuple[str, str, str]] = {
        "a comment within": (HTML, "536<!-- -->-90-<!-- x -->4399", "4399"),
        "a long comment within": (HTML, f"536<!--{'x' * 1500}-->-90-4399", "-90-4399"),
        "a tag with a long attribute": (HTML, f"536<q a='{'x' * 1500}'>-90-4399", "-90-4399"),
        "elements": (HTML, "<span>536</span><span>-90-</span><span>4399</span>", "4399"),
        "cells": (HTML, "<tr><td>536</td><td>90</td><td>4399</td></tr>", "4399"),
        "an attribute": (HTML, f'<div data-ssn="{B}"></div>', B),
        "a script": (HTML, f"<script>/* {S} */</script>", S),
        "entities with noughts": (HTML, "&#0000053;&#0000051;&#54;-90-4399", "4399"),
        "entities without an end": (HTML, "&#53&#51&#54-90-4399", "4399"),
        "breaks": (HTML, "536<wbr>90<wbr>4399", "4399"),
        "a name in tags": (HTML, "<p>Patient <b>Mar</b>ia <i>Ngu</i>yen was seen.</p>", "yen"),
        "strings of JavaScript": ("application/javascript", "'536'+'-90-'+'4399'", "'4399'"),
        "SQL": ("application/sql", "select '536' || '-90-' || '4399'", "'4399'"),
        "TOML": ("application/toml", "ssn = 536_904_399", "904_399"),
        "SVG": ("image/svg+xml", "<svg><tspan>536</tspan><tspan>-90-</tspan><tspan>4399</tspan></svg>", "4399"),
        "XML mixed": (XML, "<a>536<b>-90-</b>4399</a>", "4399"),
        "XML CDATA": (XML, "<a>536<![CDATA[-90-]]>4399</a>", "4399"),
        "XML references": (XML, "<a>&#53;&#51;&#54;-90-4399</a>", "4399"),
        "XML entity": (XML, f'<!DOCTYPE a [<!ENTITY s "{S}">]><a>&s;</a>', S),
        "XML instruction": (XML, f"<a><?x {S}?></a>", S),
        "XML comment": (XML, f"<a/><!-- {S} -->", S),
        "XML attribute's name": (XML, f'<a ssn="{B}"/>', B),
        "XML element's name": (XML, f"<a><s{S}/></a>", S),
        "XML namespace": (XML, f'<a xmlns:x="urn:{S}"/>', S),
        "XML in UTF-7": (XML, '<?xml version="1.0" encoding="UTF-7"?><a>+ADUAMwA2-90-4399</a>', "4399"),
        "XML with JSON": (XML, f"<a>{js({'ssn': B}).replace(chr(34), '&quot;')}</a>", B),
        "XML with base64": (XML, f"<a>{b64('ssn ' + S)}</a>", b64("ssn " + S)),
        "RTF escapes": (RTF, "{\\rtf1 ssn 536\\'2d90\\'2d4399}", "4399"),
        "RTF groups": (RTF, "{\\rtf1 ssn {\\b 536}-{\\i 90}-{4399}}", "4399"),
        "RTF quiet groups": (RTF, "{\\rtf1 ssn 536{\\*\\x y}-90-{\\footnote z}4399}", "4399"),
        "RTF Unicode": (RTF, "{\\rtf1 \\u53?\\u51?\\u54?-90-4399}", "4399"),
        "RTF author": (RTF, f"{{\\rtf1{{\\info{{\\author {S}}}}}x}}", S),
        "RTF font": (RTF, f"{{\\rtf1{{\\fonttbl{{\\f0 {S};}}}}x}}", S),
        "RTF hidden": (RTF, f"{{\\rtf1 {{\\v {S}}}}}", S),
        "CSV rows": (CSV, "ssn\n536\n90\n4399\n", "4399"),
        "CSV columns": (CSV, "ssn1,ssn2,ssn3\n536,90,4399\n", "4399"),
        "CSV formula": (CSV, 'ssn\n="536"&"90"&"4399"\n', "4399"),
        "CSV cell of two lines": (CSV, 'ssn\n"536-90\n-4399"\n', "4399"),
        "CSV that is said to be text": (TEXT, f"name,ssn\nfoo,{B}\n", B),
    }  # fmt: skip
    for name, (kind, text, left) in rows.items():
        yield name, kind, text, (left,)


def forms() -> Iterator[Row]:
    quoted = urllib.parse.quote
    rows = {
        "a name": (f"{S}=a", S),
        "percent": ("a=" + "".join(f"%{ord(c):02X}" for c in S), "%35%33"),
        "percent twice": ("a=" + "".join(f"%25{ord(c):02X}" for c in S), "%2535"),
        "percent four times": ("a=" + "".join(f"%252525{ord(c):02X}" for c in S), "%25252535"),
        "a name thrice": ("ssn=536&ssn=90&ssn=4399", "4399"),
        "an array": ("ssn[]=536&ssn[]=90&ssn[]=4399", "4399"),
        "a semicolon": (f"a=1;ssn={B}", B),
        "plus": ("a=536+90+4399", "4399"),
        "JSON": (f"p={quoted(js({'ssn': B}))}", B),
        "base64": (f"p={quoted(b64('ssn ' + S))}", quoted(b64("ssn " + S))),
    }
    for name, (text, left) in rows.items():
        yield f"a form with {name}", FORM, text, (left,)
    yield "a form in UTF-16", f"{FORM}; charset=utf-16", f"a={B}", (B,)
    part = 'Content-Disposition: form-data; name="a"'
    parts: dict[str, tuple[list[str], str]] = {
        "a part's name": ([f'Content-Disposition: form-data; name="{S}"\r\n\r\nx'], S),
        "a file's name": ([f'{part}; filename="{S}.txt"\r\n\r\nx'], S),
        "a file's encoded name": ([f"{part}; filename*=UTF-8''%35%33%36-90-4399\r\n\r\nx"], "4399"),
        "a part's header": ([f"{part}\r\nX-Ssn: {S}\r\n\r\nx"], S),
        "a part's header's name": ([f"{part}\r\nX-{S}: x\r\n\r\nx"], S),
        "a part's type": ([f"{part}\r\nContent-Type: text/plain; x={S}\r\n\r\nx"], S),
        "a folded header": ([f'Content-Disposition: form-data;\r\n name="{S}"\r\n\r\nx'], S),
        "a part in base64": ([f"{part}\r\nContent-Transfer-Encoding: base64\r\n\r\n{b64(S)}"], b64(S)),
        "a part that is no base64": ([f"{part}\r\nContent-Transfer-Encoding: base64\r\n\r\n{S}"], S),
        "a quoted part": ([f"{part}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=35=33=36-90-4399"], "4399"),
        "two parts": ([f"{part}\r\n\r\n536-90-", f"{part}\r\n\r\n4399"], "536-90-"),
        "three parts": ([f'Content-Disposition: form-data; name="ssn{n}"\r\n\r\n{text}' for n, text in enumerate(S.split("-"))], "4399"),
        "parts within a part": ([f"{part}\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n{S}\r\n--c--"], S),
        "a picture": ([f"{part}\r\nContent-Type: image/png\r\n\r\n{S}"], S),
        "line feeds": ([f"{part}\n\n{S}"], S),
    }  # fmt: skip
    for name, (each, left) in parts.items():
        body = "".join(f"--b\r\n{one}\r\n" for one in each) + "--b--"
        yield f"multipart: {name}", "multipart/form-data; boundary=b", body, (left,)
    simple = f"--b\r\n{part}\r\n\r\nx\r\n--b--"
    kind = "multipart/form-data; boundary="
    yield "multipart: before", f"{kind}b", f"{S}\r\n{simple}", (S,)
    yield "multipart: behind", f"{kind}b", f"{simple}\r\n{S}", (S,)
    yield "multipart: boundary", f"{kind}{S}", simple.replace("--b", f"--{S}"), (S,)
    yield "multipart: no end", f"{kind}b", f"--b\r\n{part}\r\n\r\n{S}", (S,)
    yield "multipart: two boundaries", f"{kind}b; boundary=c", f"--b\r\n\r\n{S}\r\n--b--", (S,)


def lies() -> Iterator[Row]:
    for kind in (
        "application/octet-stream",
        "image/png",
        "application/pdf",
        "",
        "x/y",
        "text/plain;;=",
    ):
        yield f"a text as {kind!r}", kind, f"ssn {S}", (S,)
        yield f"JSON as {kind!r}", kind, js({"ssn": B}), (B,)
    message = b"\0\0\0\0\x0f" + f"ssn {S}".encode()
    yield "gRPC", "application/grpc", message, (S,)
    yield "gRPC for browsers", "application/grpc-web-text", b64(message), (b64(message),)
    yield "protobuf", "application/x-protobuf", b"\x0a\x0b" + S.encode(), (S,)
    yield "MessagePack", "application/msgpack", b"\x81\xa3ssn\xab" + S.encode(), (S,)
    files = {
        "HTML": ("text/html", f"<p>ssn {S}</p>"),
        "RTF": (RTF, f"{{\\rtf1 ssn {S}}}"),
        "CSV": (CSV, f"ssn\n{B}\n"),
        "a PDF that is none": ("application/pdf", f"%PDF-1.4 ssn {S}{' ' * 60}"),
        "a document": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", f"PK\3\4 {S}{'x' * 80}"),
        "a picture that is none": ("image/png", f"ssn {S}"),
    }  # fmt: skip
    for name, (kind, content) in files.items():
        data = b64(content)
        source = {"source": {"type": "base64", "media_type": kind, "data": data}}
        yield f"attached: {name}", JSON, js(source), (data,)
        yield f"a data URL: {name}", JSON, js({"u": f"data:{kind};base64,{data}"}), (data,)
    yield "a blob", JSON, js({"blob": b64(S)}), (b64(S),)
    yield "a data URL in percent", JSON, js({"u": "data:text/html,%35%33%36-90-4399"}), ("4399",)
    wide = b64(S.encode("utf-16-le"))
    url = f"data:text/plain;charset=utf-16le;base64,{wide}"
    yield "a data URL in UTF-16", JSON, js({"u": url}), (wide,)
    said = b64("ssn " + S)
    tag = f"look: <img src='data:text/plain;base64,{said}'>"
    yield "a data URL in a tag", JSON, js({"u": tag}), (said,)


def health() -> Iterator[Row]:
    head = "MSH|^~\\&|A|B|C|D|20240101||ADT^A01|1|P|2.5\r"
    segments = {
        "bytes": ("NTE|1||ssn \\X3533362D39302D34333939\\\r", "3533362D"),
        "breaks": ("NTE|1||ssn 536\\.br\\90\\.br\\4399\r", "4399"),
        "highlights": ("NTE|1||ssn 536\\H\\-90-\\N\\4399\r", "4399"),
        "subcomponents": ("OBX|1|ST|X||536&90&4399\r", "536&90"),
        "components": ("OBX|1|ST|X||536^90^4399\r", "536^90"),
        "repetitions": ("OBX|1|ST|X||536~90~4399\r", "536~90"),
        "fields": ("ZZZ|536|90|4399\r", "536|90"),
        "a segment of its own": (f"ZZZ|x|{B}\r", B),
        "two segments": ("NTE|1||536-\rNTE|2||90-4399\r", "90-4399"),
        "no segment": (f"{S}\r", S),
    }
    for name, (segment, left) in segments.items():
        yield f"HL7 v2: {name}", HL7, head + segment, (left,)
    for sign in "-.9":
        odd = f"{head}NTE|1||{S}\r".replace("|", sign)
        yield f"HL7 v2 cut by {sign}", HL7, odd, (S,)

    def x12(middle: str, element: str = "*", end: str = "~", part: str = ":") -> str:
        isa = ["ISA", "00", " " * 10, "00", " " * 10, "ZZ", "A" * 15, "ZZ", "B" * 15, "240101"]
        isa += ["1200", "^", "00501", "000000001", "0", "P", part]
        rest = ["GS|HC|A|B|20240101|1200|1|X|005010X222A1", "ST|837|0001", middle]
        rest += ["SE|3|0001", "GE|1|1", "IEA|1|000000001", ""]
        return element.join(isa) + end + end.join(rest).replace("|", element)

    yield "X12 reference", X12, x12(f"REF|SY|{B}"), (B,)
    yield "X12 note", X12, x12(f"NTE|ADD|SSN {S}"), (S,)
    yield "X12 with other signs", X12, x12(f"NTE|ADD|SSN {S}", "!", "\n", ">"), (S,)
    yield "X12 cut by dashes", X12, x12(f"NTE|ADD|{S}", "-"), (S,)
    yield "X12 elements", X12, x12("ZZZ|536|90|4399"), ("*90*4399",)
    yield "X12 binary", X12, x12(f"BIN|11|{S}"), (S,)
    yield "X12 and more", X12, x12("AMT|T|5") + S, (S,)

    def patient(**members: object) -> str:
        return js({"resourceType": "Patient", "id": "a", **members})

    def div(inner: str) -> dict[str, str]:
        space = "http://www.w3.org/1999/xhtml"
        return {"status": "generated", "div": f'<div xmlns="{space}">{inner}</div>'}

    def extension(**value: object) -> list[object]:
        return [{"url": "http://x.example/y", **value}]

    data = b64("ssn " + S)
    attachments = [
        {"attachment": {"contentType": kind, "data": data}} for kind in (TEXT, "image/png")
    ]
    resources = {
        "an identifier": patient(identifier=[{"system": "http://hl7.org/fhir/sid/us-ssn", "value": B}]),
        "an extension": patient(extension=extension(valueString=f"ssn {S}")),
        "an extension's code": patient(extension=extension(valueCode=S)),
        "an extension's URL": patient(extension=[{"url": f"http://x/{S}", "valueBoolean": True}]),
        "an extension of a date": patient(birthDate="1970-01-01", _birthDate={"extension": extension(valueString=S)}),
        "a resource within": patient(contained=[{"resourceType": "Observation", "valueString": S}]),
        "a narrative": patient(text=div(f"536<b>-90-</b>4399 {N}")),
        "a narrative's comment": patient(text=div(f"<!-- {S} -->x")),
        "a narrative's attribute": patient(text=div(f'<p title="{S}">x</p>')),
        "a code": js({"resourceType": "Observation", "code": {"coding": [{"system": "http://loinc.org", "code": S}]}}),
        "a display": js({"resourceType": "Observation", "code": {"coding": [{"display": f"Patient {N} {S}"}]}}),
        "an unknown member": patient(foo=f"ssn {S}"),
        "a member's name": patient(**{S: 1}),
        "a gender": patient(gender=S),
        "a date": patient(birthDate=S),
        "a language": patient(language=S),
        "a tag": patient(meta={"tag": [{"system": "http://x", "code": S}]}),
        "a kind": js({"resourceType": S, "x": 1}),
        "a URL": js({"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": f"Patient?identifier={S}"}}]}),
    }  # fmt: skip
    for name, body in resources.items():
        yield f"FHIR: {name}", FHIR, body, (S, B, "4399", "Nguyen")
    for number, each in enumerate(attachments):
        body = js({"resourceType": "DocumentReference", "content": [each]})
        yield f"FHIR: attachment {number}", FHIR, body, (data,)
    value = patient(extension=extension(valueBase64Binary=data))
    yield "FHIR: binary", FHIR, value, (data,)


BODIES = [
    *encodings(), *numbers(), *charsets(), *texts(), *markup(), *forms(), *lies(), *health(),
]  # fmt: skip

URLS = {
    "a segment": f"/a/{S}",
    "segments": "/a/536/90/4399",
    "percent": "/a/" + "".join(f"%{ord(c):02X}" for c in S),
    "percent twice": "/a/" + "".join(f"%25{ord(c):02X}" for c in S),
    "a parameter of a segment": f"/a;ssn={B}/b",
    "a name": f"/a?{S}=1",
    "a value": f"/a?q={S}",
    "a semicolon": f"/a?x=1;ssn={B}",
    "base64": f"/a?q={b64('ssn ' + S)}",
    "hexadecimal": f"/x/{S.encode().hex()}",
    "a name thrice": "/a?ssn=536&ssn=90&ssn=4399",
    "JSON": "/a?q=" + urllib.parse.quote(js({"ssn": B})),
    "a fragment": f"/a#{S}",
    "dots": "/536.90.4399",
    "percent u": "/q?x=%u0035%u0033%u0036-90-4399",
    "full width": "/q?x=" + urllib.parse.quote("\uff15\uff13\uff16-\uff19\uff10-\uff14\uff13\uff19\uff19"),
    "a person": "/patients/Maria%20Nguyen",
    "a person by field": "/q?name=maria+nguyen",
    "a person searched for": "/q?search=Maria+Nguyen",
}  # fmt: skip
HEADERS = {
    "its own": ("x-note", S),
    "cookie": ("cookie", f"a=b; s={B}"),
    "cookie's name": ("cookie", f"{S}=1"),
    "cookie in base64": ("cookie", f"s={b64('ssn ' + S)}"),
    "cookie with a person": ("cookie", "user=Maria%20Nguyen"),
    "user agent": ("user-agent", f"curl/{S}"),
    "entity tag": ("if-none-match", f'"{B}"'),
    "date": ("if-modified-since", S),
    "way": ("via", f"1.1 {S}"),
    "file name": ("content-disposition", "attachment; filename*=UTF-8''%35%33%36-90-4399"),
    "where from": ("referer", f"https://x.example/?ssn={B}"),
    "language": ("content-language", S),
    "preference": ("prefer", f"wait={B}"),
    "accept": ("accept", f"text/x-{S}"),
    "accepted encoding": ("accept-encoding", f"gzip, x{S}"),
    "type": ("content-type", f"text/plain; x={S}"),
    "trailers": ("te", f"trailers, {S}"),
    "name": (f"x-{S}", "1"),
}


def bare(text: str) -> bytes:
    """Give the end of a disguise, as it must not be there any more."""
    return text.partition("?")[2][-8:].encode() or text[-8:].encode()


def goes_on(analyzer: Analyzer, document: Document) -> bytes:
    job = Job([document], PROFILE)
    answers = analyzer.analyze(job.texts, PROFILE.search, job.hints)
    [result] = job.finish(answers, Scope(key=b"k" * 32))
    assert result.counts
    return result.content


def sent(analyzer: Analyzer, read: Callable[[], Document]) -> bytes:
    """Give what goes on: nothing, where it is refused, and then without telling the number."""
    told = ""
    try:
        return goes_on(analyzer, read())
    except RedactionError as error:
        told = str(error)
    assert told
    assert not [each for each in (S, B, "4399", "Nguyen") if each in told]
    return b""


@pytest.mark.parametrize(
    ("kind", "body", "left"), [r[1:] for r in BODIES], ids=[r[0] for r in BODIES]
)
def test_in_a_body(
    analyzer: Analyzer, kind: str, body: bytes | str, left: tuple[bytes | str, ...]
) -> None:
    data = body.encode() if isinstance(body, str) else body
    present = [each.encode() if isinstance(each, str) else each for each in left]
    assert any(each in data for each in present)
    content = sent(analyzer, lambda: parse_document(kind, data))
    assert [each for each in present if each in content] == []


@pytest.mark.parametrize("name", URLS)
def test_in_a_url(analyzer: Analyzer, name: str) -> None:
    assert bare(URLS[name]) not in goes_on(analyzer, UrlDocument(URLS[name]))


@pytest.mark.parametrize("name", HEADERS)
def test_in_a_header(analyzer: Analyzer, name: str) -> None:
    field = HEADERS[name]
    content = sent(analyzer, lambda: HeaderDocument([field]))
    assert not [
        each for each in (S, B, b64("ssn " + S), "Nguyen", "4399") if each.encode() in content
    ]


def test_headers_one_after_another(analyzer: Analyzer) -> None:
    fields = [("x-a", "536-90-"), ("x-b", "4399")]
    assert b"536" not in goes_on(analyzer, HeaderDocument(fields))
    fields = [("x-ssn", part) for part in S.split("-")]
    assert b"4399" not in goes_on(analyzer, HeaderDocument(fields))
