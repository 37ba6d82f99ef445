from __future__ import annotations

import json
import re

import pytest

from scripts.evaluate_lib.generate import KINDS, SPLITS, generate, synthetic_set
from scripts.evaluate_lib.generate import numbers as made
from scripts.evaluate_lib.generate.texts import TEXT_KINDS, templates
from scripts.evaluate_lib.generate.words import words_of
from scripts.evaluate_lib.labels import label_map
from scripts.evaluate_lib.model import Case, Example

COUNT = 60
BODIES = [kind for kind in KINDS if kind not in TEXT_KINDS]


@pytest.mark.parametrize("kind", TEXT_KINDS)
@pytest.mark.parametrize("split", SPLITS)
def test_spans_stand_where_they_say(kind: str, split: str) -> None:
    labels = set()
    for record in generate(kind, COUNT, 3, split):
        text, end = record["text"], 0
        assert not re.search(r"\{[a-z]+[.#}]", text), "a slot was left"
        for span in record["spans"]:
            assert end <= span["start"] < span["end"] <= len(text), "spans are in order"
            end = span["end"]
            value = text[span["start"] : end]
            assert value == value.strip()
            assert not text[span["start"] - 1 : span["start"]].isalnum()
            assert not text[end : end + 1].isalnum() or text[end : end + 1] in "sS"
            labels.add(span["label"])
    assert labels >= {"NAME", "DATE", "PHONE"}
    assert all(label_map().is_known(label) for label in labels)


def test_a_repeated_name_is_the_same_and_labelled_each_time() -> None:
    for record in generate("notes", 200, 1):
        if record["template"] != "discharge-headings" or record["text"].isupper():
            continue
        text = record["text"]
        names = [text[s["start"] : s["end"]] for s in record["spans"] if s["label"] == "NAME"]
        assert names[0].lower().startswith(names[2].lower() + ",")


@pytest.mark.parametrize("kind", KINDS)
def test_splits_share_no_template(kind: str) -> None:
    used = [{record["template"] for record in generate(kind, 200, 0, split)} for split in SPLITS]
    assert all(len(each) >= 3 for each in used)
    assert not used[0] & used[1]


def test_splits_share_no_name_of_our_own_lists() -> None:
    tuning, testing = (set(words_of("names", "surnames", split)) for split in SPLITS)
    assert not tuning & testing
    assert min(len(tuning), len(testing)) > 30


def test_there_are_many_templates_and_clean_ones_too() -> None:
    assert len(templates("notes")) + len(templates("queries")) >= 60
    assert len(templates("general")) >= 40
    clean = [r for r in generate("queries", 200, 0) if not r["spans"]]
    assert len(clean) >= 60


@pytest.mark.parametrize("kind", KINDS)
def test_one_seed_gives_one_set(kind: str) -> None:
    assert list(generate(kind, 8, 5)) == list(generate(kind, 8, 5))
    assert list(generate(kind, 8, 5)) != list(generate(kind, 8, 6))


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("split", SPLITS)
def test_values_stand_in_their_bodies(kind: str, split: str) -> None:
    counts = {"values": 0, "keep": 0}
    for record in generate(kind, COUNT, 2, split):
        body = record["body"]
        plain = _plain(body) if kind != "hl7v2" else body
        counts["values"] += len(record["values"])
        counts["keep"] += len(record["keep"])
        for value in [*record["values"], *record["keep"]]:
            assert value["value"] in plain, (record["template"], value)
        gone = {value["value"] for value in record["values"]}
        assert not gone & {value["value"] for value in record["keep"]}
    assert counts["values"] > 3 * COUNT
    assert counts["keep"] > COUNT


def _plain(body: str) -> str:
    """Give all texts of a JSON body, those of JSON within a text too."""
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, dict):
            for each in node.values():
                walk(each)
        elif isinstance(node, list):
            for each in node:
                walk(each)
        elif isinstance(node, str):
            found.append(node)
            if node.startswith("{"):
                walk(json.loads(node))
        else:
            found.append(str(node))

    walk(json.loads(body))
    return "\n".join(found)


def test_fields_of_hl7_stand_in_their_places() -> None:
    for record in generate("hl7v2", COUNT, 4):
        rows = {line.split("|")[0]: line.split("|") for line in record["body"].split("\r") if line}
        by_place = {value["place"]: value["value"] for value in record["values"]}
        assert rows["PID"][7] == by_place["PID-7"]
        assert rows["PID"][19] == by_place["PID-19"]
        if "IN1-36" in by_place:
            assert rows["IN1"][36] == by_place["IN1-36"]
        if "PV1-44" in by_place:
            assert rows["PV1"][44] == by_place["PV1-44"]
        if "OBR-16.family" in by_place:
            assert by_place["OBR-16.family"] in rows["OBR"][16]


def test_sets_are_read_as_those_of_others() -> None:
    assert all(isinstance(item, Example) for item in synthetic_set("general", 5, 0, "testing"))
    assert all(isinstance(item, Case) for item in synthetic_set("fhir", 5, 0, "testing"))


def test_numbers_have_their_check_digits() -> None:
    import random

    rng = random.Random(1)
    assert made.luhn("7992739871") == "3"
    for _ in range(50):
        digits = re.sub(r"\D", "", made.card(rng))
        assert made.luhn(digits[:-1]) == digits[-1]
        iban = made.iban(rng).replace(" ", "")
        assert int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
        dea = made.dea(rng, "")[2:]
        odd, even = (
            (int(dea[0]) + int(dea[2]) + int(dea[4])),
            (int(dea[1]) + int(dea[3]) + int(dea[5])),
        )
        assert (odd + 2 * even) % 10 == int(dea[6])
        assert re.fullmatch(r"[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}", made.vin(rng))
        ssn = made.ssn(rng, "")
        assert re.fullmatch(r"\d{3}([- .]?)\d{2}\1\d{4}", ssn)
