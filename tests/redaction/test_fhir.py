"""FHIR: what each value is by its place, in bundles, in other JSON, in texts and in XML."""

from __future__ import annotations

import base64
import hashlib
import json
import time

import pytest

from redaction import UnsupportedDocument, UrlDocument, parse_document
from redaction.documents import OpaqueContent

SSN = "http://hl7.org/fhir/sid/us-ssn"
PATIENT = {
    "resourceType": "Patient",
    "id": "p-1",
    "meta": {"lastUpdated": "2024-01-02T03:04:05Z"},
    "text": {
        "status": "generated",
        "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Jane <b>Roe</b> &amp; co</p></div>',
    },
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName",
            "valueString": "Kowalski",
        }
    ],
    "identifier": [
        {"system": SSN, "value": "536-90-4399"},
        {"type": {"coding": [{"code": "DL"}]}, "value": "S999"},
        {"system": "http://hospital.example.org", "value": "MRN77"},
        {"system": "http://hl7.org/fhir/sid/us-npi", "value": "1234567893"},
    ],
    "name": [{"use": "official", "family": "Roe", "given": ["Jane", "Quentin"]}],
    "telecom": [
        {"system": "phone", "value": "555-0100"},
        {"system": "email", "value": "jane@mail.example"},
    ],
    "gender": "female",
    "birthDate": "1961-03-14",
    "_birthDate": {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
                "valueDateTime": "1961-03-14T14:35:45-05:00",
            }
        ]
    },
    "address": [
        {"line": ["1 Elm St"], "city": "Springfield", "state": "IL", "postalCode": "62704"}
    ],
    "maritalStatus": {
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus",
                "code": "M",
                "display": "Married",
            }
        ],
        "text": "Married",
    },
    "managingOrganization": {"reference": "Organization/o1", "display": "Good Health Clinic"},
    "generalPractitioner": [{"reference": "Practitioner/d1", "display": "Dr. Adam Careful"}],
}


def read(value, kind="application/fhir+json", **options):
    return parse_document(kind, json.dumps(value).encode(), **options)


def entities(document):
    return {leaf.text: leaf.entity for leaf in document.leaves if leaf.entity}


def replace(document, old, new):
    return document.rebuild({i: new for i, leaf in enumerate(document.leaves) if leaf.text == old})


def test_a_patient_is_known_by_the_place_of_each_value():
    document = read(PATIENT)
    assert entities(document) == {
        "p-1": "MEDICAL_RECORD_NUMBER",
        "2024-01-02T03:04:05Z": "DATE_TIME",
        "Kowalski": "PERSON",
        "536-90-4399": "US_SSN",
        "S999": "LICENSE_NUMBER",
        "MRN77": "MEDICAL_RECORD_NUMBER",
        "1234567893": "LICENSE_NUMBER",
        "Roe": "PERSON",
        "Jane": "PERSON",
        "Quentin": "PERSON",
        "555-0100": "PHONE_NUMBER",
        "jane@mail.example": "EMAIL_ADDRESS",
        "1961-03-14": "DATE_TIME",
        "1961-03-14T14:35:45-05:00": "DATE_TIME",
        "1 Elm St": "LOCATION",
        "Springfield": "LOCATION",
        "62704": "LOCATION",
        "Good Health Clinic": "LOCATION",
        "Dr. Adam Careful": "PERSON",
    }
    assert {leaf.subject for leaf in document.leaves} == {"Patient/p-1"}
    form = {leaf.text: leaf.form for leaf in document.leaves}
    assert (form["p-1"], form["1961-03-14"], form["2024-01-02T03:04:05Z"]) == (
        *("id", "date"),
        "instant",
    )


def test_codes_are_left_to_no_model_and_names_of_elements_are_no_texts():
    document = read(PATIENT)
    texts = [leaf.text for leaf in document.leaves]
    assert not {"resourceType", "birthDate", "use", "official", "female", SSN} & set(texts)
    codes = [leaf for leaf in document.leaves if leaf.text in ("Married", "IL")]
    assert codes == [] or {leaf.hint for leaf in codes} == {"#code"}
    assert [leaf.hint for leaf in read({**PATIENT, "536-90-4399": 1}).leaves][-1] == "#name"


def test_the_narrative_is_read_as_people_read_it_and_stays_well_formed():
    document = read(PATIENT)
    assert "Jane Roe & co" in [leaf.text for leaf in document.leaves]
    changed = json.loads(replace(document, "Jane Roe & co", "<PERSON> & co"))
    div = changed["text"]["div"]
    assert "Roe" not in div
    assert "&lt;PERSON&gt;" in div
    parse_document("application/xhtml+xml", div.encode())
    odd = read({**PATIENT, "text": {"status": "generated", "div": "<div>Jane Roe & <p>"}})
    assert "<div>Jane Roe & <p>" in [leaf.text for leaf in odd.leaves]


@pytest.mark.parametrize(
    "div",
    [
        "<div>Jane&nbsp;Roe<!-- 536-90-4399 --></div>",
        '<div><a href="mailto:jane@mail.example">Jane&#160;Roe</a></div>',
        "<div>Jane&#160;Roe<![CDATA[x]]></div>",
    ],
)
def test_narratives_with_more_than_plain_tags_are_read_too(div):
    document = read({**PATIENT, "text": {"status": "generated", "div": div}})
    texts = [leaf.text for leaf in document.leaves]
    assert any(text.startswith("Jane\xa0Roe") for text in texts)


def bundle(*resources, **entries):
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(resources)}


URN = "urn:uuid:0420bbe1-17b6-5b30-b794-8bdc0731427b"
BUNDLE = bundle(
    {
        "fullUrl": URN,
        "resource": {"resourceType": "Patient", "name": [{"family": "Roe"}]},
        "request": {
            "method": "POST",
            "url": "Patient",
            "ifNoneExist": "identifier=http://h.example|12345",
        },
    },
    {
        "resource": {
            "resourceType": "Observation",
            "id": "o1",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "30525-0"}]},
            "subject": {"reference": URN, "display": "Jane"},
            "effectiveDateTime": "2024-05-06",
            "valueQuantity": {"value": 93, "unit": "years"},
            "note": [{"authorString": "Nurse Joy", "text": "Seen at home"}],
        }
    },
    {
        "resource": {
            "resourceType": "Condition",
            "id": "c1",
            "subject": {"reference": "https://fhir.h.example/r4/Patient/77/_history/2"},
            "onsetAge": {"value": 91, "code": "a"},
            "abatementAge": {"value": 30, "code": "a"},
        }
    },
)


def test_references_in_a_bundle_go_on_to_resolve():
    document = read(BUNDLE)
    uuid = URN.rpartition(":")[2]
    places = [i for i, leaf in enumerate(document.leaves) if leaf.text == uuid]
    assert {document.leaves[i].entity for i in places} == {"MEDICAL_RECORD_NUMBER"}
    changed = json.loads(document.rebuild(dict.fromkeys(places, "x-1")))
    assert changed["entry"][0]["fullUrl"] == "urn:uuid:x-1"
    assert changed["entry"][1]["resource"]["subject"]["reference"] == "urn:uuid:x-1"
    changed = json.loads(replace(document, "77", "x-2"))
    assert changed["entry"][2]["resource"]["subject"]["reference"] == (
        "https://fhir.h.example/r4/Patient/x-2/_history/2"
    )


def test_the_subject_is_whose_record_it_is():
    document = read(BUNDLE)
    subject = {leaf.text: leaf.subject for leaf in document.leaves}
    patient = f"Patient/{URN.rpartition(':')[2]}"
    assert subject["Roe"] == subject["2024-05-06"] == patient
    assert subject["Seen at home"] == patient
    assert subject["91"] == "Patient/77"


def test_ages_over_89_count_and_others_do_not():
    found = entities(read(BUNDLE))
    assert (found["93"], found["91"]) == ("AGE", "AGE")
    document = read(BUNDLE)
    assert "30" not in [leaf.text for leaf in document.leaves]
    changed = json.loads(replace(document, "93", "90"))
    assert changed["entry"][1]["resource"]["valueQuantity"]["value"] == 90


def test_searches_in_a_request_hold_what_they_search_for():
    assert entities(read(BUNDLE))["http://h.example|12345"] == "MEDICAL_RECORD_NUMBER"
    document = read(
        bundle({"request": {"method": "GET", "url": "Patient?family=Roe&birthdate=1961-03-14"}})
    )
    assert entities(document) == {"Roe": "PERSON", "1961-03-14": "DATE_TIME"}


def test_contained_resources_are_named_as_they_are_referred_to():
    document = read(
        {
            "resourceType": "RelatedPerson",
            "contained": [{"resourceType": "Patient", "id": "in", "name": [{"text": "Jane Roe"}]}],
            "patient": {"reference": "#in"},
            "birthDate": "1990-01-02",
        }
    )
    found = [(leaf.text, leaf.entity) for leaf in document.leaves if leaf.text == "in"]
    assert found == [("in", "MEDICAL_RECORD_NUMBER")] * 2
    assert {leaf.subject for leaf in document.leaves} == {"Patient/in"}
    assert json.loads(replace(document, "in", "a"))["patient"]["reference"] == "#a"


@pytest.mark.parametrize(
    "around",
    [
        lambda resource: {"resource": resource},
        lambda resource: {"params": {"arguments": {"bundle": [resource]}}},
        lambda resource: {"arguments": json.dumps(resource)},
        lambda resource: {"content": [{"text": json.dumps({"x": [resource]})}]},
        lambda resource: {"content": "Summarise this:\n```json\n" + json.dumps(resource) + "\n```"},
        lambda resource: {
            "resourceType": "Parameters",
            "parameter": [{"name": "r", "resource": resource}],
        },
    ],
)
def test_resources_are_known_wherever_they_stand(around):
    document = read(around(PATIENT), "application/json")
    found = entities(document)
    assert found["Roe"] == "PERSON"
    assert found["536-90-4399"] == "US_SSN"
    assert document.rebuild({}) == json.dumps(around(PATIENT)).encode()
    changed = replace(document, "536-90-4399", "<US_SSN>")
    again = parse_document("application/json", changed)
    assert [leaf.text for leaf in again.leaves] == [
        "<US_SSN>" if leaf.text == "536-90-4399" else leaf.text for leaf in document.leaves
    ]


def test_resources_one_a_line():
    body = b"\n".join(json.dumps({**PATIENT, "id": f"p-{n}"}).encode() for n in range(3))
    document = parse_document("application/fhir+ndjson", body)
    assert {leaf.subject for leaf in document.leaves} == {f"Patient/p-{n}" for n in range(3)}


def test_an_attachment_is_searched_and_its_size_and_hash_follow():
    text = b"Jane Roe, 536-90-4399"
    document = read(
        {
            "resourceType": "DocumentReference",
            "content": [
                {
                    "attachment": {
                        "hash": base64.b64encode(hashlib.sha1(text).digest()).decode(),
                        "contentType": "text/plain",
                        "data": base64.b64encode(text).decode(),
                        "size": len(text),
                    }
                }
            ],
        }
    )
    assert text.decode() in [leaf.text for leaf in document.leaves]
    file = json.loads(replace(document, text.decode(), "<PERSON>"))["content"][0]["attachment"]
    assert base64.b64decode(file["data"]) == b"<PERSON>"
    assert file["size"] == 8
    assert file["hash"] == base64.b64encode(hashlib.sha1(b"<PERSON>").digest()).decode()


def test_a_photograph_is_biometric_and_other_pictures_are_refused():
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
    picture = {"contentType": "image/png", "data": png}
    document = read({"resourceType": "Patient", "photo": [picture]})
    assert entities(document) == {png: "BIOMETRIC_ID"}
    other = {"resourceType": "Media", "content": picture}
    with pytest.raises(OpaqueContent, match="image"):
        read(other)
    document = read(other, opaque="pass")
    assert document.rebuild({}) == json.dumps(other).encode()


def test_resources_of_knowledge_tell_of_nobody():
    document = read(
        {
            "resourceType": "ValueSet",
            "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:oid:1.2.3"}],
            "date": "2024-01-02",
            "expansion": {"timestamp": "2024-01-02T00:00:00Z", "contains": [{"display": "Roe"}]},
        }
    )
    assert entities(document) == {}


def test_what_only_claims_to_be_fhir_is_read_all_the_same():
    for value in (
        {"resourceType": "Nonsense", "name": [{"family": "Roe"}]},
        {
            "resourceType": "Patient",
            "name": "Jane Roe",
            "birthDate": 19610314,
            "contact": [["Roe"]],
        },
        {"resourceType": ["Patient"], "x": {"resourceType": "Patient", "contained": "Roe"}},
        {"resourceType": "Bundle", "entry": {"resource": {"resourceType": "Patient", "id": 5}}},
        {"resourceType": "Observation", "subject": "Jane Roe", "valueQuantity": {"value": "Roe"}},
    ):
        document = read(value)
        assert document.rebuild({}) == json.dumps(value).encode()
        if "Roe" in json.dumps(value):
            assert any("Roe" in leaf.text for leaf in document.leaves)


XML = (
    '<Patient xmlns="http://hl7.org/fhir"><id value="p1"/><text><status value="generated"/>'
    '<div xmlns="http://www.w3.org/1999/xhtml">Jane <b>Roe</b></div></text>'
    f'<identifier><system value="{SSN}"/><value value="536-90-4399"/></identifier>'
    '<identifier><type><coding><code value="DL"/></coding></type><value value="S1"/></identifier>'
    '<name><family value="Roe"/></name><telecom><system value="email"/><value value="a@b.example"/>'
    '</telecom><birthDate value="1961-03-14"/><generalPractitioner>'
    '<reference value="Practitioner/1"/><display value="Dr. Who"/></generalPractitioner>'
    '<link><other><reference value="Patient/p2"/></other></link></Patient>'
)


def test_fhir_in_xml():
    document = parse_document("application/fhir+xml", XML.encode())
    assert entities(document) == {
        "p1": "MEDICAL_RECORD_NUMBER",
        "536-90-4399": "US_SSN",
        "S1": "LICENSE_NUMBER",
        "Roe": "PERSON",
        "a@b.example": "EMAIL_ADDRESS",
        "1961-03-14": "DATE_TIME",
        "Dr. Who": "PERSON",
        "p2": "MEDICAL_RECORD_NUMBER",
    }
    assert replace(document, "p2", "x") == XML.replace("/p2", "/x").encode()
    assert document.rebuild({}) == XML.encode()


def test_a_bundle_of_megabytes_is_read_in_no_time():
    entry = {"fullUrl": "urn:uuid:1", "resource": PATIENT}
    observation = BUNDLE["entry"][1]
    value = bundle(*[entry, observation, observation] * 1000)
    body = json.dumps(value, indent=1).encode()
    assert len(body) > 3_000_000
    parse_document("application/fhir+json", body)
    started = time.process_time()
    document = parse_document("application/fhir+json", body)
    assert time.process_time() - started < 6  # 0.15 s where nothing else runs
    assert len(document.leaves) > 20_000


@pytest.mark.parametrize("depth", [50, 180, 5000])
def test_deep_resources_end(depth):
    body = b'{"resourceType":"Parameters","parameter":[{"part":' * depth + b"1"
    body += b"}]}" * depth
    try:
        assert parse_document("application/json", body).rebuild({}) == body
    except UnsupportedDocument:
        assert depth > 50


def test_numbers_that_name_things_stay_and_those_of_persons_go():
    uuid = "62fd7114-2a85-5ab3-8908-b26c2c33fa08"
    value = {
        "resourceType": "Observation",
        "id": uuid,
        "encounter": {"reference": f"Encounter/{uuid}"},
        "performer": [{"reference": f"Practitioner/{uuid}"}, {"reference": "Patient/9"}],
        "subject": {"reference": f"Patient/{uuid}"},
        "identifier": [{"system": "https://github.com/synthetichealth/synthea", "value": "7"}],
        "meta": {"source": "https://portal.h.example/roe", "profile": ["http://h.example/p"]},
    }
    found = [(leaf.text, leaf.entity) for leaf in read(value).leaves]
    assert found == [
        ("9", "MEDICAL_RECORD_NUMBER"),
        (uuid, "MEDICAL_RECORD_NUMBER"),
        ("7", "UNIQUE_ID"),
        ("https://portal.h.example/roe", ""),
    ]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("/fhir/Patient/77", {"77": "MEDICAL_RECORD_NUMBER"}),
        ("/fhir/Patient/77/$everything?_count=5", {"77": "MEDICAL_RECORD_NUMBER"}),
        (
            "/r4/Patient?family:exact=Roe&birthdate=1961-03-14&_sort=name",
            {"Roe": "PERSON", "1961-03-14": "DATE_TIME"},
        ),
        ("/Observation?patient=77&code=8480-6", {"77": "MEDICAL_RECORD_NUMBER"}),
        ("/Observation/5?name=x", {}),
        ("/patients/77?family=Roe", {}),
    ],
)
def test_requests_to_a_fhir_server(url, found):
    document = UrlDocument(url)
    assert entities(document) == found
    assert document.rebuild({}).decode() == url
