"""What the second model need not read, and what it must."""

import random
import time

import pytest

from redaction.findings import Finding
from redaction.models.promising import promising, sentences
from scripts.bench_lib.prose import SPARSE, prose

PLAIN = "The dose was halved and the team was told. "


def read(text, known=()):
    return "".join(text[start:end] for start, end in promising(text, known))


@pytest.mark.parametrize(
    "text",
    [
        "We moved the meeting to Monday because the room was taken.",
        "Continue lisinopril 20 mg once daily, BP 120/80, pulse 72.",
        "Parkinson's disease and Crohn disease were ruled out.",
        "Blood gas 7.24/58/137/24 on 2 L.",
        "Seen 03/14/2024 and again 2019-2020.",
        "",
    ],
)
def test_what_names_nobody_is_not_read(text):
    assert promising(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "We met Oluwaseun at the gate.",
        "the patient's friend priyanka deshmukh called",
        "It is 14 Wexcombe Hollow, second door.",
        "Room reached by apt 12 on the left.",
        "The number is 88 20 41 77.",
        "Then we drove to Marindia.",
    ],
)
def test_what_may_name_somebody_is_read(text):
    assert read(text) == text


def test_what_is_found_already_is_not_read_again():
    text = "We met Oluwaseun at the gate."
    sure = Finding(7, 16, "PERSON", 0.85, "x")
    assert promising(text, [sure]) == []
    assert promising(text, [sure._replace(score=0.4)])
    assert promising(text, [sure._replace(entity="ORGANIZATION")])


def test_the_rest_of_an_address_of_which_a_part_is_found_is_read():
    text = "Sent to 14 Hill Road, Turkovice 53363 today."
    assert promising(text, [Finding(8, 20, "LOCATION", 0.7, "x")])


def test_a_sentence_is_read_with_its_neighbours_and_no_more():
    text = PLAIN * 10 + "We met Oluwaseun there. " + PLAIN * 10
    got = read(text)
    assert "Oluwaseun" in got
    assert PLAIN.strip() in got
    assert len(got) < 250


def test_sentences_cover_the_text_in_order():
    text = "One. Two!\n\n- three; four\tfive? Dr. Six"
    assert "".join(text[start:end] for start, end in sentences(text)) == text


def test_of_office_prose_little_is_read():
    generator = random.Random(3)
    texts = [prose(generator, 1024, SPARSE) for _ in range(10)]
    clean = [text for text in texts if "@" not in text]
    assert sum(len(read(text)) for text in clean) < 0.3 * sum(map(len, clean))


@pytest.mark.parametrize(
    "unit", [".", "a", "Aa ", "1 ", "1", "Aa, ", "12 Aa ", "李", ";", "\n", "\t", "apt ", "a. "]
)
def test_choosing_ends_soon(unit):
    text = unit * (2048 // len(unit))
    known = [Finding(i, i + 2, "LOCATION", 0.8, "x") for i in range(0, 2040, 7)]
    began = time.process_time()
    promising(text)
    promising(text, known)
    assert time.process_time() - began < 0.5
