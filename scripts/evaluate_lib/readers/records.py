"""A record of a JSON or table set, in any of the usual spellings, as an example or a case."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.evaluate_lib.model import Case, Example, Notes, SetError, Value
from scripts.evaluate_lib.readers.files import keys
from scripts.evaluate_lib.readers.spans import Place, spans_of
from scripts.evaluate_lib.readers.tagged import TAGGED, untag
from scripts.evaluate_lib.readers.tokens import example_of_tokens

TEXT_KEYS = keys(
    "text full_text source_text unmasked_text document_text raw_text note_text "
    "report_text note query prompt document sentence content input original_text original "
    "generated_text body message essay passage utterance"
)
SPAN_KEYS = keys(
    "spans privacy_mask entities annotations label labels span_labels ner entity_spans "
    "pii_spans pii phi phi_spans phi_tags phi_annotations ground_truth gold expected "
    "mentions tags entity_mentions results result"
)
TAGGED_KEYS = keys("tagged_text tagged annotated_text annotated xml")
TOKEN_KEYS = keys("tokens words")
TAG_KEYS = keys("labels ner_tags tags bio_labels token_labels ner")
WRAPPERS = keys("document data example item")


def item_of(record: object, path: Path, line: int, notes: Notes) -> Example | Case:
    """Read one record; raises `SetError`."""
    if (
        isinstance(record, Sequence)
        and len(record) == 2
        and isinstance(record[0], str)
        and isinstance(record[1], Mapping)
    ):
        record = {"text": record[0], **record[1]}
    if not isinstance(record, Mapping):
        raise SetError(path, line, "a record must be an object.")
    folded = {str(key).lower(): value for key, value in record.items()}
    name = str(folded.get("id", folded.get("uid", folded.get("name", line))))
    if "content_type" in folded and "values" in folded:
        return _case(folded, name, path, line)
    for wrapper in WRAPPERS:
        inner = folded.get(wrapper)
        if isinstance(inner, Mapping) and _text(inner) is not None:
            folded = {**{str(k).lower(): v for k, v in inner.items()}, **folded}
            folded.pop(wrapper)
    tokens, tags = _first(folded, TOKEN_KEYS), _first(folded, TAG_KEYS)
    if _are_words(tokens) and _are_words(tags) and len(tokens) == len(tags):
        gaps = folded.get("trailing_whitespace")
        return example_of_tokens(name, tokens, tags, gaps, Place(path, line, notes))
    text = _text(folded)
    if text is None:
        tagged = _first(folded, TAGGED_KEYS)
        if isinstance(tagged, str):
            return Example(name, *untag(tagged))
        raise SetError(
            path, line, f"no text; it stands under one of {', '.join(TEXT_KEYS[:5])} ..."
        )
    found = _span_list(folded)
    if found is None:
        if TAGGED.search(text):
            return Example(name, *untag(text))
        raise SetError(path, line, f"no spans under {', '.join(SPAN_KEYS[:5])} or the like.")
    return Example(name, text, spans_of(found, text, Place(path, line, notes)))


def _case(record: Mapping[str, Any], name: str, path: Path, line: int) -> Case:
    body = record.get("body")
    if isinstance(body, (dict, list)):
        body = json.dumps(body, ensure_ascii=False)
    if not isinstance(body, str) or not isinstance(record["content_type"], str):
        raise SetError(path, line, "content_type and body must be texts.")
    try:
        values, keep = (tuple(_values(record.get(key) or ())) for key in ("values", "keep"))
    except (TypeError, KeyError, AttributeError):
        raise SetError(path, line, "values must be a list of {value, label, place}.") from None
    return Case(name, record["content_type"], body, values, keep)


def _values(items: Sequence[Any]) -> Iterator[Value]:
    for item in items:
        if isinstance(item, str):
            yield Value(item, "")
        else:
            yield Value(str(item["value"]), str(item.get("label", "")), str(item.get("place", "")))


def _text(record: Mapping[Any, Any]) -> str | None:
    return next((record[key] for key in TEXT_KEYS if isinstance(record.get(key), str)), None)


def _first(record: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((record[key] for key in keys if key in record), None)


def _are_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _span_list(record: Mapping[str, Any]) -> list[Any] | None:
    """Find the spans under the first key that has a list of them, be it written as a text."""
    for key in SPAN_KEYS:
        value = record.get(key)
        if isinstance(value, str):
            value = _literal(value)
        if isinstance(value, Mapping):
            value = _flat_mapping(value)
        if value is None and key in record and record[key] in ("", None):
            value = []
        if isinstance(value, list) and not (value and _are_words(value)):
            return [part for item in value for part in _unwrapped(item)]
    return None


def _literal(text: str) -> Any:
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    # As numpy prints an array of objects: without commas between them.
    try:
        return ast.literal_eval(text.replace("}\n", "},\n").replace("} {", "}, {"))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _flat_mapping(value: Mapping[str, Any]) -> list[Any] | None:
    """Read {label: [value, ...]} as spans given by their values."""
    flat: list[Any] = []
    for label, values in value.items():
        for each in values if isinstance(values, list) else [values]:
            if isinstance(each, str):
                flat.append({"label": label, "value": each})
            elif isinstance(each, Mapping):
                flat.append({"label": label, **each})
    return flat


def _unwrapped(item: Any) -> Iterator[Any]:
    """Open annotations that nest their spans, as annotation tools export them."""
    if isinstance(item, Mapping) and isinstance(item.get("result"), list):
        for each in item["result"]:
            yield from _unwrapped(each)
    elif isinstance(item, Mapping) and isinstance(item.get("value"), Mapping):
        yield item["value"]
    else:
        yield item
