"""Large records of invented patients: a FHIR R4 Bundle, and a file of HL7 v2 messages."""

from __future__ import annotations

import json
import random
from typing import Any

from scripts.bench_lib.prose import DENSE, SPARSE, prose, sentence_of

FHIR_TYPE, HL7_TYPE = "application/fhir+json", "application/hl7-v2"

_LABS = (
    ("2339-0", "Glucose [Mass/volume] in Blood", "mg/dL", 70, 180),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL", 9, 17),
    ("8867-4", "Heart rate", "/min", 50, 110),
    ("8302-2", "Body height", "cm", 150, 200),
    ("29463-7", "Body weight", "kg", 45, 130),
    ("2093-3", "Cholesterol [Mass/volume] in Serum or Plasma", "mg/dL", 120, 280),
)
_CONDITIONS = (
    ("38341003", "Hypertensive disorder, systemic arterial (disorder)"),
    ("44054006", "Diabetes mellitus type 2 (disorder)"),
    ("195662009", "Acute viral pharyngitis (disorder)"),
)
_LABS_EACH = 40
_NOTE = 200
"""Characters of a note."""


def fhir_bundle(size: int, seed: str, *, notes: bool = False) -> bytes:
    """Make a Bundle of about so many bytes: patients, each with visits, findings and results.

    `notes` are a few sentences of prose about each of a patient's illnesses.
    """
    generator = random.Random(seed)
    entries: list[str] = []
    length = 0
    while length < size:
        for resource in _record(generator, notes):
            entry = {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
            entries.append(json.dumps(entry))
            length += len(entries[-1]) + 1
    body = ",".join(entries)
    return f'{{"resourceType":"Bundle","type":"collection","entry":[{body}]}}'.encode()


def _record(generator: random.Random, notes: bool) -> list[dict[str, Any]]:
    def fill(template: str) -> str:
        return sentence_of(generator, template)

    def new_id() -> str:
        bits = f"{generator.getrandbits(128):032x}"
        return f"{bits[:8]}-{bits[8:12]}-{bits[12:16]}-{bits[16:20]}-{bits[20:]}"

    def moment() -> str:
        clock = f"{generator.randint(0, 23):02}:{generator.randint(0, 59):02}:11"
        return f"{fill('{isodate}')}T{clock}-05:00"

    patient_id, visit_id, doctor = new_id(), new_id(), fill("Dr. {name}")
    subject = {"reference": f"urn:uuid:{patient_id}"}
    visit = {"reference": f"urn:uuid:{visit_id}"}
    first, last = fill("{first}"), fill("{last}")
    records: list[dict[str, Any]] = [
        {
            "resourceType": "Patient",
            "id": patient_id,
            "text": {
                "status": "generated",
                "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{first} {last}</div>',
            },
            "identifier": [
                {"system": "http://hl7.org/fhir/sid/us-ssn", "value": fill("{ssn}")},
                {"system": "http://hospital.example.org/mrn", "value": fill("{mrn}")},
            ],
            "name": [{"use": "official", "family": last, "given": [first], "prefix": ["Ms."]}],
            "telecom": [
                {"system": "phone", "value": fill("{phone}"), "use": "home"},
                {"system": "email", "value": fill("{mail}")},
            ],
            "gender": generator.choice(["female", "male"]),
            "birthDate": fill("{isodate}"),
            "address": [
                {
                    "line": [fill("{house} {street}")],
                    "city": fill("{city}"),
                    "state": "CA",
                    "postalCode": fill("{zip}"),
                    "country": "US",
                }
            ],
        },
        {
            "resourceType": "Encounter",
            "id": visit_id,
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {**subject, "display": f"{first} {last}"},
            "participant": [{"individual": {"display": doctor}}],
            "period": {"start": moment(), "end": moment()},
            "serviceProvider": {"display": fill("{city} General Hospital")},
        },
    ]
    for code, display in _CONDITIONS:
        records.append(
            {
                "resourceType": "Condition",
                "id": new_id(),
                "code": {
                    "coding": [
                        {"system": "http://snomed.info/sct", "code": code, "display": display}
                    ],
                    "text": display,
                },
                "subject": subject,
                "encounter": visit,
                "onsetDateTime": moment(),
                **({"note": [{"text": prose(generator, _NOTE, DENSE)}]} if notes else {}),
            }
        )
    for _ in range(_LABS_EACH):
        code, display, unit, low, high = generator.choice(_LABS)
        coding = [{"system": "http://loinc.org", "code": code, "display": display}]
        records.append(
            {
                "resourceType": "Observation",
                "id": new_id(),
                "status": "final",
                "code": {"coding": coding, "text": display},
                "subject": subject,
                "encounter": visit,
                "effectiveDateTime": moment(),
                "issued": moment(),
                "valueQuantity": {
                    "value": round(generator.uniform(low, high), 2),
                    "unit": unit,
                    "system": "http://unitsofmeasure.org",
                    "code": unit,
                },
            }
        )
    return records


def hl7_file(size: int, seed: str, *, notes: bool = False) -> bytes:
    """Make a file of about so many bytes: HL7 v2 messages with results, and with `notes` prose."""
    generator = random.Random(seed)
    messages: list[str] = []
    length = 0
    while length < size:
        message = "\r".join(_segments(generator, notes)) + "\r"
        messages.append(message)
        length += len(message)
    return "".join(messages).encode()


def _segments(generator: random.Random, notes: bool) -> list[str]:
    def fill(template: str) -> str:
        return sentence_of(generator, template)

    head = "MSH|^~\\&|LAB|HOSP|EHR|HOSP|{compact}1011||ORU^R01|{mrn}|P|2.5.1"
    patient = (
        "PID|1||{mrn}^^^HOSP^MR||{last}^{first}^A||{compact}|F||2106-3"
        "|{house} {street}^^{city}^CA^{zip}||{phone}|||S||{mrn}|{ssn}"
    )
    segments = [
        fill(head),
        fill(patient),
        fill("NK1|1|{last}^{first}|DAU|{house} {street}^^{city}^CA^{zip}|{phone}"),
        fill("PV1|1|O|CLINIC^12^A||||10{zip}^{last}^{first}^^^Dr|||||||||||V{mrn}"),
        fill("OBR|1|{mrn}|{mrn}|24323-8^Metabolic panel^LN|||{compact}0930"),
    ]
    for number in range(1, 13):
        code, display, unit, low, high = generator.choice(_LABS)
        value = round(generator.uniform(low, high), 1)
        segments.append(
            f"OBX|{number}|NM|{code}^{display}^LN||{value}|{unit}|{low}-{high}|N|||F"
            f"|||{fill('{compact}')}0931"
        )
    if notes:
        dense, sparse = (
            prose(generator, _NOTE, share).replace("\n", " ") for share in (DENSE, SPARSE)
        )
        segments.append(f"NTE|1||{dense}")
        segments.append(f"OBX|13|TX|8251-1^Note^LN||{sparse}||||||F")
    return segments
