"""X12: what each element is by its segment, and that the interchange stays one."""

from __future__ import annotations

import json
import time

import pytest

from redaction import UnsupportedDocument, parse_document

TYPE = "application/edi-x12"
HEADER = (
    "ISA*00*          *00*          *ZZ*SUBMITTERID    *ZZ*RECEIVERID     *230101*1253*^*00501"
    "*000000905*0*T*:~"
)
CLAIM = HEADER + (
    "GS*HC*S*R*20230101*1253*1*X*005010X222A1~ST*837*0021*005010X222A1~"
    "BHT*0019*00*244579*20061015*1023*CH~NM1*41*2*PREMIER BILLING*****46*TGJ23~"
    "PER*IC*JERRY*TE*3055552222*EM*j@b.example~HL*1**20*1~"
    "NM1*85*2*BEN KILDARE CLINIC*****XX*9876543210~N3*234 SEAWAY ST~N4*MIAMI*FL*33111~"
    "REF*EI*587654321~HL*2*1*22*1~SBR*P**2222-SJ**MB****CI~NM1*IL*1*SMITH*TED****MI*JS00111~"
    "N3*236 N MAIN ST~N4*TAMPA*FL*33413~DMG*D8*19430501*M~REF*SY*536904399~"
    "NM1*PR*2*KEY INSURANCE*****PI*999996666~HL*3*2*23*0~PAT*19~NM1*QC*1*SMITH*JANE~"
    "DMG*D8*19730502*F~CLM*26463774*100***11:B:1*Y*A*Y*I~REF*EA*MRN42~REF*D9*17312345~"
    "HI*BK:0340*BF:V7389:D8:20061003~DTP*472*RD8*20061003-20061005~NTE*ADD*Ted called~"
    "SE*20*0021~GE*1*1~IEA*1*000000905~"
)


def read(text=CLAIM, kind=TYPE):
    return parse_document(kind, text.encode())


def entities(document):
    return {leaf.text: leaf.entity for leaf in document.leaves if leaf.entity}


def test_each_element_is_known_by_its_place():
    assert entities(read()) == {
        "20061015": "DATE_TIME",
        "PREMIER BILLING": "ORGANIZATION",
        "JERRY": "PERSON",
        "3055552222": "PHONE_NUMBER",
        "j@b.example": "EMAIL_ADDRESS",
        "BEN KILDARE CLINIC": "LOCATION",
        "9876543210": "LICENSE_NUMBER",
        "234 SEAWAY ST": "LOCATION",
        "MIAMI": "LOCATION",
        "33111": "LOCATION",
        "587654321": "UNIQUE_ID",
        "2222-SJ": "HEALTH_PLAN_NUMBER",
        "SMITH": "PERSON",
        "TED": "PERSON",
        "JS00111": "HEALTH_PLAN_NUMBER",
        "236 N MAIN ST": "LOCATION",
        "TAMPA": "LOCATION",
        "33413": "LOCATION",
        "19430501": "DATE_TIME",
        "536904399": "US_SSN",
        "KEY INSURANCE": "ORGANIZATION",
        "JANE": "PERSON",
        "19730502": "DATE_TIME",
        "26463774": "ACCOUNT_NUMBER",
        "MRN42": "MEDICAL_RECORD_NUMBER",
        "17312345": "UNIQUE_ID",
        "20061003": "DATE_TIME",
        "20061005": "DATE_TIME",
    }
    texts = {leaf.text: leaf for leaf in read().leaves}
    assert texts["Ted called"].hint == "NTE02"
    assert texts["19430501"].form == "compact-date"
    assert texts["19430501"].subject == "Patient/JS00111"
    assert texts["19730502"].subject == texts["20061003"].subject == "Patient/SMITH JANE"
    assert texts["234 SEAWAY ST"].subject == ""


def test_separators_widths_and_counts_stay():
    document = read()
    assert document.rebuild({}) == CLAIM.encode()
    changed = document.rebuild(dict.fromkeys(range(len(document.leaves)), "a*b~c:d^e")).decode()
    assert changed.startswith(HEADER)
    assert [part.count("*") for part in changed.split("~")] == [
        part.count("*") for part in CLAIM.split("~")
    ]
    assert changed.endswith("SE*20*0021~GE*1*1~IEA*1*000000905~")
    assert "SMITH" not in changed
    assert len(parse_document(TYPE, changed.encode()).leaves) == len(document.leaves)


def test_the_header_keeps_its_width():
    text = CLAIM.replace("SUBMITTERID    ", "536-90-4399    ")
    document = read(text)
    [index] = [i for i, leaf in enumerate(document.leaves) if "536-90-4399" in leaf.text]
    changed = document.rebuild({index: "<US_SSN> and more than fits"}).decode()
    assert changed.startswith(HEADER.replace("SUBMITTERID    ", "<US_SSN> and mo"))


@pytest.mark.parametrize(
    "kind", ["application/EDI-X12", "text/plain", "", "application/octet-stream"]
)
def test_it_is_known_by_its_type_or_by_how_it_begins(kind):
    text = CLAIM.replace("~", "~\r\n")
    document = read(text, kind)
    assert entities(document)["536904399"] == "US_SSN"
    assert document.rebuild({}).decode() == text


def test_interchanges_within_json():
    body = json.dumps({"claim": CLAIM, "prompt": f"Check this claim.\n{CLAIM}\nThanks"}).encode()
    document = parse_document("application/json", body)
    places = [i for i, leaf in enumerate(document.leaves) if leaf.entity == "US_SSN"]
    assert len(places) == 2
    changed = json.loads(document.rebuild(dict.fromkeys(places, "<S>")))
    assert changed["claim"] == CLAIM.replace("536904399", "<S>")
    assert changed["prompt"].count("<S>") == 1


REMITTANCE = HEADER + (
    "GS*HP*S*R*20230101*1253*1*X*005010X221A1~ST*835*1234~"
    "BPR*I*150000*C*ACH*CTX*01*999999992*DA*123456*1512345678**01*999988880*DA*98765*20240315~"
    "TRN*1*12345*1512345678~N1*PR*ACME INSURANCE~N1*PE*GOOD CLINIC*XX*1234567893~"
    "CLP*7722337*1*226*132**12*119932404007801~NM1*QC*1*DOE*SALLY****MI*SJD11122~"
    "DTM*232*20240306~SVC*HC:99211*12*9~SE*9*1234~GE*1*1~IEA*1*000000905~"
)
MEMBERS = HEADER + (
    "GS*BE*S*R*20230101*1253*1*X*005010X220A1~ST*834*1234~BGN*00*12456*20240601*1200****2~"
    "INS*Y*18*030*XN*A***FT~REF*0F*202443307~REF*1L*123456001~DTP*356*D8*20230523~"
    "NM1*IL*1*DOE*JOHN*P***34*202443307~HD*030**HLT~SE*9*1234~GE*1*1~IEA*1*000000905~"
)


def test_remittances_and_enrolments():
    found = entities(read(REMITTANCE))
    assert found["123456"] == found["98765"] == found["7722337"] == "ACCOUNT_NUMBER"
    assert found["ACME INSURANCE"] == "ORGANIZATION"
    assert found["GOOD CLINIC"] == "LOCATION"
    assert found["20240306"] == found["20240315"] == "DATE_TIME"
    document = read(MEMBERS)
    assert entities(document)["123456001"] == "HEALTH_PLAN_NUMBER"
    [leaf] = [leaf for leaf in document.leaves if leaf.text == "20230523"]
    assert leaf.subject == "Patient/202443307"
    assert [x.entity for x in document.leaves if x.text == "202443307"] == [
        *("HEALTH_PLAN_NUMBER", "US_SSN")
    ]


@pytest.mark.parametrize(
    "text",
    [
        "ISA*00*",
        HEADER.replace("*00*  ", "*00* "),
        HEADER.replace("*T*:~", "*T***"),
        HEADER.replace("*", "A"),
        HEADER + "GS*HC",
        "GS*HC*S~",
        HEADER.replace("SUBMITTERID   ", "SUB*ITTERID   "),
    ],
)
def test_what_is_no_interchange_is_refused(text):
    with pytest.raises(UnsupportedDocument):
        read(text)


@pytest.mark.parametrize(
    "tail",
    ["*" * 500_000 + "~", "~" * 250_000, "REF*SY*1~" * 60_000, "HI" + "*BK:1:2" * 60_000 + "~"],
)
def test_hostile_interchanges_end(tail):
    started = time.process_time()
    document = read(HEADER + tail)
    assert document.rebuild({}) == (HEADER + tail).encode()
    assert time.process_time() - started < 4
