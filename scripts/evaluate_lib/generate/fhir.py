"""FHIR R4: single resources, and bundles of several."""

from __future__ import annotations

import json
from typing import Any

from scripts.evaluate_lib.generate.record import Maker, Record

CONTENT_TYPE = "application/fhir+json"


def _human_name(record: Record, role: str, place: str) -> dict[str, Any]:
    first, last = record.name(role, place)
    name: dict[str, Any] = {"use": "official", "family": last, "given": [first]}
    if record.rng.random() < 0.4:
        name["text"] = f"{first} {last}"
    return name


def _address(record: Record, place: str) -> dict[str, Any]:
    line, city, state, zip_code = record.address(place)
    return {"use": "home", "line": [line], "city": city, "state": state, "postalCode": zip_code}


def _telecom(record: Record, place: str) -> list[dict[str, str]]:
    return [
        {"system": "phone", "value": record.fresh("phone", f"{place}.telecom"), "use": "mobile"},
        {"system": "email", "value": record.fresh("email", f"{place}.telecom")},
    ]


def _code(record: Record, kind: str, system: str, place: str) -> dict[str, Any]:
    display = record.fresh({"icd": "diagnosis", "loinc": "lab"}.get(kind, kind), place)
    coding = {"system": system, "code": record.fresh(kind, place), "display": display}
    return {"coding": [coding], "text": display}


def _subject(record: Record, number: str, place: str) -> dict[str, str]:
    who = record.patient
    display = record.secret("NAME", f"{who.first} {who.last}", f"{place}.display")
    return {"reference": f"Patient/{number}", "display": display}


def patient(record: Record, number: str = "p1") -> dict[str, Any]:
    """Make a patient with the usual fields."""
    who = record.patient
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": number,
        "identifier": [
            {
                "type": {"coding": [{"code": "MR"}]},
                "system": "urn:oid:2.16.840.1.113883.19.5",
                "value": record.slot("mrn", "Patient.identifier"),
            },
            {
                "system": "http://hl7.org/fhir/sid/us-ssn",
                "value": record.slot("ssn", "Patient.identifier"),
            },
        ],
        "active": True,
        "name": [_human_name(record, "patient", "Patient.name")],
        "telecom": _telecom(record, "Patient"),
        "gender": record.rng.choice(["female", "male", "other"]),
        "birthDate": record.day("Patient.birthDate", birth=True),
        "address": [_address(record, "Patient.address")],
        "contact": [
            {
                "relationship": [{"text": record.plain("emergency contact", "Patient.contact")}],
                "name": _human_name(record, "relative", "Patient.contact.name"),
                "telecom": [
                    {"system": "phone", "value": record.fresh("phone", "Patient.contact.telecom")}
                ],
            }
        ],
    }
    if record.rng.random() < 0.5:
        # What is in the narrative is in the fields above too.
        text = f"<p>{who.first} {who.last}, born {resource['birthDate']}</p>"
        div = f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'
        resource["text"] = {"status": "generated", "div": div}
    return resource


def observation(record: Record) -> dict[str, Any]:
    """Make a result of a laboratory."""
    return {
        "resourceType": "Observation",
        "id": record.token("o&&&&"),
        "status": "final",
        "code": _code(record, "loinc", "http://loinc.org", "Observation.code"),
        "subject": _subject(record, "p1", "Observation.subject"),
        "effectiveDateTime": record.day("Observation.effective") + "T08:30:00Z",
        "valueQuantity": {
            "value": round(record.rng.uniform(0.5, 200), 1),
            "unit": record.plain("mmol/L", "Observation.value"),
        },
        "note": [{"text": _remark(record, "Observation.note")}],
    }


def _remark(record: Record, place: str) -> str:
    doctor, phone = record.makers.person("doctor"), record.fresh("phone", place)
    record.secret("NAME", doctor.last, place)
    diagnosis = record.fresh("diagnosis", place)
    return f"Called to Dr. {doctor.last} at {phone}; fits {diagnosis}."


def condition(record: Record) -> dict[str, Any]:
    """Make a diagnosis."""
    return {
        "resourceType": "Condition",
        "id": record.token("c&&&&"),
        "clinicalStatus": {"coding": [{"code": record.plain("active", "Condition.status")}]},
        "code": _code(record, "icd", "http://hl7.org/fhir/sid/icd-10-cm", "Condition.code"),
        "subject": _subject(record, "p1", "Condition.subject"),
        "onsetDateTime": record.day("Condition.onset"),
        "recordedDate": record.day("Condition.recordedDate"),
    }


def encounter(record: Record) -> dict[str, Any]:
    """Make a visit."""
    doctor = record.makers.person("doctor")
    display = record.secret("NAME", f"{doctor.first} {doctor.last}", "Encounter.participant")
    return {
        "resourceType": "Encounter",
        "id": record.token("e&&&&"),
        "status": "finished",
        "class": {"code": "IMP", "display": record.plain("inpatient encounter", "Encounter.class")},
        "subject": _subject(record, "p1", "Encounter.subject"),
        "participant": [{"individual": {"display": f"Dr. {display}"}}],
        "period": {"start": record.day("Encounter.period"), "end": record.day("Encounter.period")},
        "location": [
            {"location": {"display": record.slot("hospital", "Encounter.location.display")}}
        ],
    }


def coverage(record: Record) -> dict[str, Any]:
    """Make an insurance."""
    return {
        "resourceType": "Coverage",
        "id": "cov1",
        "status": "active",
        "subscriberId": record.slot("healthplan", "Coverage.subscriberId"),
        "beneficiary": _subject(record, "p1", "Coverage.beneficiary"),
        "relationship": {"coding": [{"code": record.plain("self", "Coverage.relationship")}]},
        "period": {"start": record.day("Coverage.period")},
    }


def medication(record: Record) -> dict[str, Any]:
    """Make a prescription."""
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {"text": record.fresh("drug", "MedicationRequest.medication")},
        "subject": _subject(record, "p1", "MedicationRequest.subject"),
        "authoredOn": record.day("MedicationRequest.authoredOn"),
        "dosageInstruction": [{"text": record.fresh("dose", "MedicationRequest.dosage")}],
    }


def report(record: Record) -> dict[str, Any]:
    """Make a report whose conclusion is prose."""
    who, hospital = record.patient, record.slot("hospital", "DiagnosticReport.conclusion")
    record.secret("NAME", who.last, "DiagnosticReport.conclusion")
    day = record.day("DiagnosticReport.conclusion", "month_day")
    finding = record.fresh("diagnosis", "DiagnosticReport.conclusion")
    return {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "code": _code(record, "loinc", "http://loinc.org", "DiagnosticReport.code"),
        "subject": _subject(record, "p1", "DiagnosticReport.subject"),
        "issued": record.day("DiagnosticReport.issued") + "T10:00:00-05:00",
        "conclusion": f"Mr. {who.last} was seen at {hospital} on {day}. Fits {finding}.",
    }


def practitioner(record: Record) -> dict[str, Any]:
    """Make a physician."""
    return {
        "resourceType": "Practitioner",
        "id": "d1",
        "identifier": [
            {
                "system": "http://hl7.org/fhir/sid/us-npi",
                "value": record.slot("npi", "Practitioner.identifier"),
            }
        ],
        "name": [_human_name(record, "doctor", "Practitioner.name")],
        "telecom": _telecom(record, "Practitioner"),
        "address": [_address(record, "Practitioner.address")],
    }


def device(record: Record) -> dict[str, Any]:
    """Make an implant."""
    return {
        "resourceType": "Device",
        "id": "dev1",
        "serialNumber": record.slot("device", "Device.serialNumber"),
        "type": {"text": record.plain("cardiac pacemaker", "Device.type")},
        "patient": _subject(record, "p1", "Device.patient"),
        "manufactureDate": record.day("Device.manufactureDate"),
    }


def appointment(record: Record) -> dict[str, Any]:
    """Make an appointment with a remark."""
    return {
        "resourceType": "Appointment",
        "id": "a1",
        "status": "booked",
        "description": record.fresh("procedure", "Appointment.description"),
        "start": record.day("Appointment.start") + "T09:00:00Z",
        "comment": _remark(record, "Appointment.comment"),
        "participant": [
            {"actor": _subject(record, "p1", "Appointment.participant"), "status": "accepted"}
        ],
    }


def _bundle(*parts: Maker) -> Maker:
    def make(record: Record) -> dict[str, Any]:
        entries = [
            {"fullUrl": f"urn:uuid:{n}", "resource": part(record)} for n, part in enumerate(parts)
        ]
        return {"resourceType": "Bundle", "type": "collection", "entry": entries}

    return make


KINDS: dict[str, Maker] = {
    "patient": patient,
    "observation": observation,
    "condition": condition,
    "encounter": encounter,
    "coverage": coverage,
    "medication-request": medication,
    "diagnostic-report": report,
    "practitioner": practitioner,
    "device": device,
    "appointment": appointment,
    "bundle-visit": _bundle(patient, encounter, condition, medication),
    "bundle-lab": _bundle(patient, observation, observation, report),
    "bundle-insurance": _bundle(patient, coverage, practitioner),
    "bundle-all": _bundle(patient, practitioner, encounter, condition, observation, device, report),
}
"""What a body may be, by the names that a hash parts for tuning and testing."""


def body(make: Maker, record: Record) -> str:
    """Write a body."""
    indent = record.rng.choice([None, None, 2])
    return json.dumps(make(record), ensure_ascii=False, indent=indent)
