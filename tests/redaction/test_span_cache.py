from __future__ import annotations

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from redaction import Finding, SpanCache, needs_analysis, profile_from
from redaction.entities import NER_ENTITIES, OWN_ENTITIES

FOUND = (Finding(0, 3, "US_SSN", 0.9),)


def test_gives_back_what_was_put_under_the_same_name(forms, everything):
    cache = SpanCache(10)
    assert cache.get(forms, "ssn", "text") is None
    cache.put(forms, "ssn", "text", FOUND)
    cache.put(forms, "", "clean", ())
    assert cache.get(forms, "ssn", "text") == FOUND
    assert cache.get(forms, "", "clean") == ()
    assert cache.get(forms, "", "text") is None
    assert cache.get(forms, "ssnt", "ext") is None
    assert cache.get(everything, "ssn", "text") is None


def test_forgets_what_was_not_used_for_longest(forms):
    cache = SpanCache(2)
    cache.put(forms, "", "a", FOUND)
    cache.put(forms, "", "b", FOUND)
    cache.get(forms, "", "a")
    cache.put(forms, "", "c", FOUND)
    assert cache.get(forms, "", "a") == FOUND
    assert cache.get(forms, "", "b") is None


def test_holds_no_text(forms):
    cache = SpanCache(10)
    cache.put(forms, "", "536-90-4399", FOUND)
    assert "536-90-4399" not in repr(vars(cache))


_PROFILES = [
    profile_from([{"id": "p", "entities": {name: {"operator": "replace"} for name in names}}])
    for names in (["US_SSN"], ["EMAIL_ADDRESS"], ["URL"], OWN_ENTITIES, OWN_ENTITIES | NER_ENTITIES)
]


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=30)
    | st.text("0123456789-. aA@%&;\\u+/=MTIzNQ", max_size=40)
    | st.sampled_from(
        ["John", "Smith", "MTExMTExMTEx", "x.com", "www.a.de", "\u0661", "&#49;", "a@b.co", "Bo"]
    )
)
def test_a_text_that_needs_no_search_has_nothing_to_find(analyzer, text):
    for profile in _PROFILES:
        if not needs_analysis(text, profile):
            assert analyzer.analyze([text], profile.search, [""]) == [()], profile


def test_the_room_loads_without_presidio():
    code = (
        "import sys, redaction, redaction.protocol\n"
        "heavy = {'presidio_analyzer', 'presidio_anonymizer', 'spacy', 'phonenumbers', 'numpy'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
