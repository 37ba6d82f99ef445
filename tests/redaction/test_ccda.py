"""C-CDA: what each value is by the elements that it stands in."""

from __future__ import annotations

import base64
import json

import pytest

from redaction import parse_document

DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ClinicalDocument xmlns="urn:hl7-org:v3"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><realmCode code="US"/>'
    '<typeId extension="POCD_HD000040" root="2.16.840.1.113883.1.3"/>'
    '<id root="2.16.840.1.113883.19.5.9" extension="TT988"/>'
    '<code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Summary of care"/>'
    '<title>Summary of Jane</title><effectiveTime value="20240102030405-0500"/>'
    '<recordTarget><patientRole><id extension="998991" root="2.16.840.1.113883.19.5"/>'
    '<id extension="536-90-4399" root="2.16.840.1.113883.4.1"/>'
    "<addr><streetAddressLine>1 Elm St</streetAddressLine><city>Springfield</city>"
    "<state>IL</state><postalCode>62704</postalCode></addr>"
    '<telecom value="tel:+1(555)555-2003"/><telecom value="mailto:a@b.example"/>'
    '<patient><name><given>Jane</given><family>Roe</family></name><birthTime value="19610314"/>'
    '<raceCode code="2106-3" displayName="White" codeSystem="2.16.840.1.113883.6.238"/>'
    "<guardian><guardianPerson><name>Bob Roe</name></guardianPerson></guardian></patient>"
    '<providerOrganization><id root="2.16.840.1.113883.4.6" extension="9999"/>'
    "<name>Good Clinic</name></providerOrganization></patientRole></recordTarget>"
    '<author><time value="2024"/><assignedAuthor>'
    '<id extension="55555" root="2.16.840.1.113883.4.6"/><assignedPerson><name>'
    "<given>Henry</given><family>Seven</family><suffix>MD</suffix></name></assignedPerson>"
    "</assignedAuthor></author><component><structuredBody><component><section><text><list><item>"
    "<content>SSN 536-90-</content><content>4399</content> seen by Dr. Who</item></list></text>"
    '<entry><observation><code code="30525-0" codeSystem="2.16.840.1.113883.6.1"/>'
    '<value xsi:type="PQ" value="93" unit="a"/></observation></entry></section></component>'
    "</structuredBody></component><component><nonXMLBody>"
    '<text mediaType="text/plain" representation="B64">'
    + base64.b64encode(b"Jane, 536-90-4399").decode()
    + "</text></nonXMLBody></component></ClinicalDocument>"
)


def read(kind="application/xml"):
    return parse_document(kind, DOCUMENT.encode())


@pytest.mark.parametrize(
    "kind", ["application/xml", "text/xml", "application/cda+xml", "text/plain"]
)
def test_values_are_known_by_their_elements(kind):
    document = read(kind)
    assert {leaf.text: leaf.entity for leaf in document.leaves if leaf.entity} == {
        "TT988": "UNIQUE_ID",
        "20240102030405-0500": "DATE_TIME",
        "998991": "MEDICAL_RECORD_NUMBER",
        "536-90-4399": "US_SSN",
        "1 Elm St": "LOCATION",
        "Springfield": "LOCATION",
        "62704": "LOCATION",
        "+1(555)555-2003": "PHONE_NUMBER",
        "a@b.example": "EMAIL_ADDRESS",
        "Jane": "PERSON",
        "Roe": "PERSON",
        "19610314": "DATE_TIME",
        "Bob Roe": "PERSON",
        "9999": "LICENSE_NUMBER",
        "Good Clinic": "LOCATION",
        "55555": "LICENSE_NUMBER",
        "Henry": "PERSON",
        "Seven": "PERSON",
        "93": "AGE",
    }
    assert document.rebuild({}) == DOCUMENT.encode()


def test_codes_and_names_of_the_vocabulary_are_no_texts():
    leaves = {leaf.text: leaf for leaf in read().leaves}
    assert not {"ClinicalDocument", "urn:hl7-org:v3", "34133-9", "2.16.840.1.113883.6.1"} & set(
        leaves
    )
    assert leaves["Summary of care"].hint == "#code"
    assert leaves["Summary of Jane"].hint != "#code"
    assert {leaf.subject for leaf in read().leaves if leaf.entity} == {"Patient/998991"}


def test_values_are_written_where_they_stood():
    document = read()
    changed = document.rebuild({i: "<X>" for i, leaf in enumerate(document.leaves) if leaf.entity})
    assert b'value="tel:&lt;X&gt;"' in changed
    assert b"<given>&lt;X&gt;</given>" in changed
    assert len(parse_document("text/xml", changed).leaves) == len(document.leaves)


def test_a_value_over_inline_elements_is_cut_out_of_each():
    document = read()
    text = "SSN 536-90-4399 seen by Dr. Who"
    index = next(i for i, leaf in enumerate(document.leaves) if leaf.text == text)
    changed = document.rebuild({index: "SSN <US_SSN> seen by <PERSON>"}).decode()
    assert (
        "<content>SSN &lt;US_SSN&gt;</content><content></content> seen by &lt;PERSON&gt;" in changed
    )


def test_a_body_in_base64_is_searched():
    document = read()
    index = next(i for i, leaf in enumerate(document.leaves) if leaf.text == "Jane, 536-90-4399")
    changed = document.rebuild({index: "<PERSON>"}).decode()
    assert base64.b64encode(b"<PERSON>").decode() + "</text>" in changed


def test_documents_within_json():
    body = json.dumps({"cda": DOCUMENT, "prompt": f"Read this: {DOCUMENT} Thanks"}).encode()
    document = parse_document("application/json", body)
    assert [leaf.text for leaf in document.leaves if leaf.entity].count("Springfield") == 2
    assert document.rebuild({}) == body
    spots = {i: "X" for i, leaf in enumerate(document.leaves) if leaf.text == "Springfield"}
    changed = json.loads(document.rebuild(spots))
    assert changed["cda"] == DOCUMENT.replace("Springfield", "X")


def test_what_was_found_in_a_run_and_in_the_whole_goes_both_ways():
    body = b"<p>Ann Roe 1 <b>Ann</b> Roe 2 <i>Ann Roe</i> 536-90-<u>4399</u> end</p>"
    document = parse_document("text/xml", body)
    texts = [leaf.text for leaf in document.leaves]
    whole = texts.index("Ann Roe 1 Ann Roe 2 Ann Roe 536-90-4399 end")
    run = texts.index("Ann Roe 1 ")
    changed = document.rebuild(
        {whole: "Ann Roe 1 Ann Roe 2 Ann Roe <US_SSN> end", run: "<PERSON> 1 "}
    )
    assert changed == (
        b"<p>&lt;PERSON&gt; 1 <b>Ann</b> Roe 2 <i>Ann Roe</i> &lt;US_SSN&gt;<u></u> end</p>"
    )
