from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.evaluate_lib.model import Case, Example, SetError, Value
from scripts.evaluate_lib.readers import read_set

Writer = Callable[[str, str], Path]


def labelled(path: Path, form: str | None = None) -> list[tuple[str, list[tuple[str, str]]]]:
    """Give texts, each with its labelled values."""
    items, _ = read_set(path, form)
    assert all(isinstance(item, Example) for item in items)
    return [
        (item.text, [(item.text[s.start : s.end], s.label) for s in item.spans])
        for item in items
        if isinstance(item, Example)
    ]


ANN = ("Ann Lee saw Bo.", [("Ann Lee", "NAME"), ("Bo", "NAME")])


@pytest.mark.parametrize(
    "record",
    [
        {"text": ANN[0], "spans": [{"start": 0, "end": 7, "label": "NAME"}, [12, 14, "NAME"]]},
        {"full_text": ANN[0], "entities": [[0, 7, "NAME"], ["NAME", 12, 14]]},
        {
            "source_text": ANN[0],
            "privacy_mask": [
                {"value": "Ann Lee", "start": 0, "end": 7, "label": "NAME"},
                {"value": "Bo", "start": 12, "end": 14, "label": "NAME"},
            ],
        },
        {
            "source_text": ANN[0],
            "privacy_mask": "[{'value': 'Ann Lee', 'start': 0, 'end': 7, 'label': 'NAME'}\n {'value': 'Bo', 'start': 12, 'end': 14, 'label': 'NAME'}]",
        },
        {"source_text": ANN[0], "span_labels": '[[0, 7, "NAME"], [7, 12, "O"], [12, 14, "NAME"]]'},
        {
            "document": ANN[0],
            "annotations": [
                {"begin": 0, "stop": 7, "type": "NAME"},
                {"offset": 12, "length": 2, "category": "NAME"},
            ],
        },
        {
            "document": {"text": ANN[0]},
            "spans": [
                {"start_char": 0, "end_char": 7, "entity_type": "NAME"},
                {"span": [12, 14], "types": ["NAME"]},
            ],
        },
        {
            "query": ANN[0],
            "phi": [
                {"entity": "NAME", "start": 0, "end": 7},
                {"identifier_type": "NAME", "value": "Bo"},
            ],
        },
        {"text": ANN[0], "ner": {"NAME": ["Ann Lee", "Bo"]}},
        {
            "data": {"text": ANN[0]},
            "annotations": [
                {
                    "result": [
                        {"value": {"start": 0, "end": 7, "labels": ["NAME"]}},
                        {"value": {"start": 12, "end": 14, "labels": ["NAME"]}},
                    ]
                }
            ],
        },
        {"text": "<NAME>Ann Lee</NAME> saw <NAME>Bo</NAME>."},
        {"tagged_text": "[Ann Lee](NAME) saw [Bo](NAME)."},
        {
            "tokens": ["Ann", "Lee", "saw", "Bo", "."],
            "labels": ["B-NAME", "I-NAME", "O", "B-NAME", "O"],
        },
        [ANN[0], {"entities": [[0, 7, "NAME"], [12, 14, "NAME"]]}],
    ],
)
def test_lines_of_json_in_many_spellings(write: Writer, record: object) -> None:
    path = write("set.jsonl", json.dumps(record) + "\n")
    assert labelled(path) == [ANN]


def test_presidio_research(write: Writer) -> None:
    record = {
        "full_text": "Call 555 at\nnoon",
        "masked": "Call {{PHONE}} at\nnoon",
        "spans": [
            {"entity_type": "PHONE", "entity_value": "555", "start_position": 5, "end_position": 8}
        ],
    }
    path = write("set.json", json.dumps([record, {"full_text": "Nothing.", "spans": []}], indent=1))
    assert labelled(path) == [("Call 555 at\nnoon", [("555", "PHONE")]), ("Nothing.", [])]


def test_blocks_of_queries_take_every_place_of_a_value(write: Writer) -> None:
    text = '===QUERY===\nBo T. met Bo T., not Bo Tan\n===PHI_TAGS===\n{"identifier_type": "NAME", "value": "Bo T."}\n\n===QUERY===\nClean?\n===PHI_TAGS===\n'
    assert labelled(write("set.txt", text)) == [
        ("Bo T. met Bo T., not Bo Tan", [("Bo T.", "NAME"), ("Bo T.", "NAME")]),
        ("Clean?", []),
    ]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("set.conll", "Ann B-NAME\nLee I-NAME\nsaw O\nBo B-NAME\n. O\n\nOff O\n"),
        (
            "set.txt",
            "Ann\tNNP\tB-NAME\nLee\tNNP\tL-NAME\nsaw\tVB\tO\nBo\tNNP\tU-NAME\n.\t.\tO\n\nOff\tJJ\tO\n",
        ),
        ("first.bio", "B-NAME Ann\nI-NAME Lee\nO saw\nB-NAME Bo\nO .\n-DOCSTART- O\nO Off\n"),
    ],
)
def test_tokens_with_tags(write: Writer, name: str, lines: str) -> None:
    assert labelled(write(name, lines)) == [ANN, ("Off", [])]


def test_neighbours_of_one_label_stay_two_spans(write: Writer) -> None:
    path = write("set.conll", "Ann B-NAME\nBo B-NAME\n")
    assert labelled(path) == [("Ann Bo", [("Ann", "NAME"), ("Bo", "NAME")])]


def test_brat_with_spans_in_parts(write: Writer) -> None:
    write("notes/a.txt", "Ann von Lee, 12 May")
    path = write(
        "notes/a.ann", "T1\tNAME 0 3;8 11\tAnn Lee\nR1\tof Arg1:T1\nT2\tDATE 13 19\t12 May\n"
    )
    expected = [("Ann von Lee, 12 May", [("Ann", "NAME"), ("Lee", "NAME"), ("12 May", "DATE")])]
    assert labelled(path.parent) == labelled(path) == expected


def test_i2b2_in_both_its_shapes(write: Writer) -> None:
    stand_off = write(
        "x/1.xml",
        '<?xml version="1.0"?><deIdi2b2><TEXT><![CDATA[Seen 2090-01-05 by Lee]]></TEXT><TAGS><DATE id="P0" start="5" end="15" text="2090-01-05" TYPE="DATE"/><NAME id="P1" start="19" end="22" text="Lee" TYPE="DOCTOR"/></TAGS></deIdi2b2>',
    )
    expected = ("Seen 2090-01-05 by Lee", [("2090-01-05", "DATE"), ("Lee", "DOCTOR")])
    assert labelled(stand_off.parent) == [expected]
    inline = write(
        "2.xml",
        '<ROOT><RECORD ID="7"><TEXT>Seen at A&amp;B by <PHI TYPE="DOCTOR">Lee</PHI></TEXT></RECORD></ROOT>',
    )
    assert labelled(inline) == [("Seen at A&B by Lee", [("Lee", "DOCTOR")])]


def test_tables(write: Writer) -> None:
    path = write(
        "set.csv",
        'id,text,spans\n1,"Ann Lee saw, \nBo.","[{""start"": 0, ""end"": 7, ""label"": ""NAME""}]"\n2,clean,[]\n',
    )
    assert labelled(path) == [("Ann Lee saw, \nBo.", [("Ann Lee", "NAME")]), ("clean", [])]


def test_tagged_lines(write: Writer) -> None:
    path = write("set.txt", "<NAME>Ann Lee</NAME> saw <NAME>Bo</NAME>.\nplain 3 < 4\n")
    assert labelled(path) == [ANN, ("plain 3 < 4", [])]


def test_structured_bodies(write: Writer) -> None:
    record = {
        "content_type": "application/json",
        "body": {"name": "Ann"},
        "values": [{"value": "Ann", "label": "NAME", "place": "name"}],
        "keep": ["active"],
    }
    items, _ = read_set(write("set.jsonl", json.dumps(record)))
    (case,) = items
    assert isinstance(case, Case)
    assert json.loads(case.body) == {"name": "Ann"}
    assert (case.values, case.keep) == ((Value("Ann", "NAME", "name"),), (Value("active", ""),))


def test_offsets_that_do_not_fit_are_looked_for_and_noted(write: Writer) -> None:
    spans = [
        {"start": 0, "end": 2, "value": "Lee", "label": "NAME"},
        {"value": "Zed", "label": "NAME"},
    ]
    path = write("set.jsonl", json.dumps({"text": "Ann Lee", "spans": spans}))
    items, notes = read_set(path)
    assert isinstance(items[0], Example)
    assert [(s.start, s.end) for s in items[0].spans] == [(4, 7)]
    assert sum(notes.counts.values()) == 2


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("a.jsonl", '{"text": "a", "spans": []}\n{"text": \n', "line 2"),
        ("a.jsonl", '{"text": "a", "spans": []}\n\n{"spans": []}\n', "line 3"),
        ("a.jsonl", '{"text": "abc", "spans": [[1, 9, "NAME"]]}\n', "line 1"),
        ("a.jsonl", '{"text": "abc", "spans": [[2, 2, "NAME"]]}\n', "line 1"),
        ("a.jsonl", '{"text": "abc", "spans": [7]}\n', "line 1"),
        ("a.jsonl", '{"text": "no spans"}\n', "line 1"),
        ("a.jsonl", '{"content_type": "text/plain", "body": 3, "values": []}\n', "line 1"),
        (
            "a.json",
            '[\n{"full_text": "a", "spans": []},\n{"full_text": "b", "spans": [[5, 6, "X"]]}]',
            "line 3",
        ),
        ("a.json", '[\n{"full_text": "a",\n', "line 3"),
        ("a.conll", "Ann B-NAME\nLee\n", "line 2"),
        ("a.conll", "Ann NNP\nLee NNP\n", "line 1"),
        ("a.ann", "T1\tNAME 0 99\tAnn\n", "line 1"),
        ("a.csv", 'text,spans\n"a",[],3\n', "line 2"),
        ("a.txt", "<NAME>Ann\n", "shape"),
        ("b.txt", "<NAME>Ann</NAME>\n<NAME>Bo\n", "line 2"),
        ("a.xml", "<x><TEXT>a</x>", "line 1"),
        ("a.txt", "just words\n", "shape"),
        ("a.jsonl", "\n", "nothing"),
    ],
)
def test_bad_input_is_told_by_file_and_line(
    write: Writer, name: str, text: str, place: str
) -> None:
    path = write(name, text)
    if name.endswith(".ann"):
        write("a.txt", "Ann")
    with pytest.raises(SetError) as error:
        read_set(path)
    assert path.name in str(error.value)
    assert place in str(error.value)


def test_what_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="no such file"):
        read_set(tmp_path / "no.jsonl")
    (tmp_path / "x.jsonl").write_bytes(b'{"text": "a"}\n\xff\n')
    with pytest.raises(SetError, match="line 2: this is not UTF-8"):
        read_set(tmp_path / "x.jsonl")


def test_a_shape_can_be_forced(write: Writer) -> None:
    path = write("set.data", "Ann B-NAME\nis O\n")
    assert labelled(path, "conll") == [("Ann is", [("Ann", "NAME")])]
    with pytest.raises(SetError, match="line 1"):
        read_set(path, "jsonl")
