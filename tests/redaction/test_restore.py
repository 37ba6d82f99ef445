"""Originals come back in the place of their surrogates, whole and in pieces."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redaction.restore import Restorer

JANE, SSN = "[[PERSON_7f3a9c21]]", "[[US_SSN_00aa11bb]]"
MAPPING = {JANE: "Jane Doe", SSN: "536-90-4399", "Emily Carter": "Ann Roe", "Emily": "Bob"}


def streamed(restorer: Restorer, chunks: list[str]) -> str:
    return "".join([*map(restorer.feed, chunks), restorer.end()])


def test_puts_back_all_that_stand_in_a_text() -> None:
    restorer = Restorer(MAPPING)
    text = f"Dear {JANE}, your number {SSN} is here. {JANE}!"
    assert restorer.text(text) == "Dear Jane Doe, your number 536-90-4399 is here. Jane Doe!"


def test_the_longest_wins_and_words_are_whole() -> None:
    restorer = Restorer(MAPPING)
    assert restorer.text("Emily Carter and Emily") == "Ann Roe and Bob"
    assert restorer.text("Emilys Emily-Ann _Emily_") == "Emilys Bob-Ann _Bob_"


def test_models_that_leave_out_the_brackets_are_understood() -> None:
    assert Restorer(MAPPING).text("for PERSON_7f3a9c21.") == "for Jane Doe."


def test_a_part_of_a_name_comes_back_where_it_is_one_persons() -> None:
    restorer = Restorer({"Gwendolyn Mendez": "Jane Doe"})
    assert restorer.text("Ms. Mendez, Gwendolyn") == "Ms. Doe, Jane"
    two = Restorer({"Gwendolyn Mendez": "Jane Doe", "Peter Mendez": "John Roe"})
    assert two.text("Ms. Mendez, Gwendolyn") == "Ms. Mendez, Jane"
    nobody = Restorer({"Gwendolyn Mendez": "Jane Doe"}, people=())
    assert nobody.text("Ms. Mendez") == "Ms. Mendez"


@settings(deadline=None)
@given(st.data())
def test_a_stream_gives_what_the_whole_gives(data: st.DataObject) -> None:
    pieces = st.sampled_from(
        [*MAPPING, "Emi", "ly", " Carter", "[[PER", "x", " ", "]]", "\\n", "é"]
    )
    text = "".join(data.draw(st.lists(pieces, max_size=12)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    for in_json in (False, True):
        restorer = Restorer(MAPPING, in_json=in_json)
        whole = restorer.json_text(text) if in_json else restorer.text(text)
        assert streamed(restorer, chunks) == whole


@settings(deadline=None)
@given(st.lists(st.sampled_from([*MAPPING, "a", "[", "Emily C", "[[PERSON_"]), max_size=20))
def test_a_stream_holds_back_no_more_than_a_surrogate(chunks: list[str]) -> None:
    restorer = Restorer(MAPPING)
    sent = ""
    for index, chunk in enumerate(chunks):
        sent += restorer.feed(chunk)
        behind = len(restorer.text("".join(chunks[: index + 1]))) - len(sent)
        assert behind <= restorer.longest


def test_a_stream_passes_on_what_cannot_be_a_surrogate() -> None:
    restorer = Restorer({JANE: "Jane Doe"})
    assert restorer.feed("Hello [[PERS") == "Hello "
    assert restorer.feed("IAN cats]]") == "[[PERSIAN cats]]"
    assert restorer.feed(JANE) == "Jane Doe"


def test_in_json_the_originals_are_escaped_and_escapes_are_no_letters() -> None:
    mapping = {JANE: 'Jane "JD" Doe\n\ud800', "Emily": "Bob"}
    restorer = Restorer(mapping)
    line = json.dumps({"text": f"x {JANE} y\nEmily\tEmily, nEmily"})
    assert json.loads(restorer.json_text(line)) == {
        "text": 'x Jane "JD" Doe\n\ud800 y\nBob\tBob, nEmily'
    }


@pytest.mark.parametrize("piece", ["[", "[[PERSON_", "Emily ", "\\", "PERSON_7f3a9c2", "a"])
def test_time_is_linear_in_hostile_texts(piece: str) -> None:
    mapping = {f"[[PERSON_{number:08x}]]": "Jane Doe" for number in range(5_000)} | MAPPING
    restorer = Restorer(mapping)
    begun = time.perf_counter()
    restorer.text(piece * (200_000 // len(piece)))
    restorer.json_text(piece * (200_000 // len(piece)))
    assert time.perf_counter() - begun < 4
