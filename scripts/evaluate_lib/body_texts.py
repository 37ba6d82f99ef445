"""All texts of a body, by readers that share nothing with those that are judged."""

from __future__ import annotations

import html
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator


def texts_of(body: str) -> list[str]:
    """Give every text of JSON or XML, names and numbers among them; else the whole."""
    start = body.lstrip()[:1]
    if start and start in "{[":
        try:
            return list(_of_json(json.loads(body)))
        except (ValueError, RecursionError):
            pass
    if start == "<" and "<!ENTITY" not in body:
        try:
            return list(_of_xml(ET.fromstring(body)))
        except ET.ParseError:
            pass
    return [body, html.unescape(body)] if "&" in body else [body]


def _of_json(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield name
            yield from _of_json(value)
    elif isinstance(node, list):
        for value in node:
            yield from _of_json(value)
    elif isinstance(node, str):
        # JSON within a text, such as the arguments of a tool, is read too.
        yield from texts_of(node) if node[:1] in ("{", "[") else [node]
    else:
        yield json.dumps(node)


def _of_xml(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        yield from (text for text in (element.text, element.tail, *element.attrib.values()) if text)
