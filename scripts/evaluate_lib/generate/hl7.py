"""HL7 v2 messages: admissions, results, orders, appointments and notes."""

from __future__ import annotations

from collections.abc import Callable

from scripts.evaluate_lib.generate.record import Maker, Record

CONTENT_TYPES = ("application/hl7-v2", "x-application/hl7-v2+er7")


def _header(record: Record, kind: str) -> str:
    stamp = f"2024{record.token('0^1^')}{record.token('1#2#')}"
    return f"MSH|^~\\&|ADT|WEST|LAB|EAST|{stamp}||{kind}|{record.token('########')}|P|2.5.1"


def _pid(record: Record) -> str:
    first, last = record.name("patient", "PID-5")
    mother = record.secret("NAME", record.makers.person("agent").last, "PID-6")
    line, city, state, zip_code = record.address("PID-11")
    fields = [""] * 31
    fields[1] = "1"
    fields[3] = f"{record.slot('mrn', 'PID-3')}^^^WEST^MR"
    fields[5] = f"{last}^{first}"
    fields[6] = mother
    fields[7] = record.day("PID-7", "hl7", birth=True)
    fields[8] = record.rng.choice("FM")
    fields[11] = f"{line}^^{city}^{state}^{zip_code}^USA"
    fields[13] = record.fresh("phone", "PID-13")
    fields[18] = record.slot("account", "PID-18")
    fields[19] = record.slot("ssn", "PID-19")
    return "PID|" + "|".join(fields[1:20])


def _pv1(record: Record) -> str:
    first, last = record.name("doctor", "PV1-7")
    ward = record.plain("INPT", "PV1-2")
    number = record.slot("npi", "PV1-7")
    day = record.day("PV1-44", "hl7")
    return (
        f"PV1|1|{ward}|4W^12^A||||{number}^{last}^{first}^^^Dr.|||||||||||||" + "|" * 23 + f"|{day}"
    )


def _nk1(record: Record) -> str:
    first, last = record.name("agent", "NK1-2")
    line, city, state, zip_code = record.address("NK1-4")
    phone = record.fresh("phone", "NK1-5")
    return f"NK1|1|{last}^{first}|SPO^Spouse|{line}^^{city}^{state}^{zip_code}|{phone}"


def _in1(record: Record) -> str:
    first, last = record.name("relative", "IN1-16")
    plan = record.slot("healthplan", "IN1-36")
    day = record.day("IN1-18", "hl7", birth=True)
    between = "|" * 17
    return f"IN1|1|PPO|42|ACME HEALTH||||||||||||{last}^{first}|SEL|{day}{between}|{plan}"


def _gt1(record: Record) -> str:
    first, last = record.name("person", "GT1-3")
    line, city, state, zip_code = record.address("GT1-5")
    phone = record.fresh("phone", "GT1-6")
    return f"GT1|1||{last}^{first}||{line}^^{city}^{state}^{zip_code}|{phone}"


def _dg1(record: Record) -> str:
    code, name = record.fresh("icd", "DG1-3"), record.fresh("diagnosis", "DG1-3")
    return f"DG1|1||{code}^{name}^I10||{record.day('DG1-5', 'hl7')}|A"


def _al1(record: Record) -> str:
    return f"AL1|1|DA|{record.fresh('drug', 'AL1-3')}|MO|{record.plain('hives', 'AL1-5')}"


def _obr(record: Record) -> str:
    first, last = record.name("nurse", "OBR-16")
    accession = record.slot("accession", "OBR-3")
    lab, day = record.fresh("lab", "OBR-4"), record.day("OBR-7", "hl7")
    return f"OBR|1||{accession}|1^{lab}^L|||{day}|||||||||{record.token('####')}^{last}^{first}"


def _obx(record: Record, number: int) -> str:
    code, lab = record.fresh("loinc", "OBX-3"), record.fresh("lab", "OBX-3")
    value = record.plain(f"{record.rng.uniform(1, 300):.1f}", "OBX-5")
    return f"OBX|{number}|NM|{code}^{lab}^LN||{value}|mg/dL|3.5-5.1|N|||F"


def _prose(record: Record, start: str, place: str) -> str:
    who, doctor = record.patient, record.makers.person("doctor")
    record.secret("NAME", who.last, place)
    record.secret("NAME", doctor.last, place)
    day, phone = record.fresh("date", place), record.fresh("phone", place)
    diagnosis, drug = record.fresh("diagnosis", place), record.fresh("drug", place)
    return (
        f"{start}Mr. {who.last} was seen on {day} for {diagnosis}. {drug} was begun. Results were "
        f"given to Dr. {doctor.last} at {phone}."
    )


def _text(record: Record) -> str:
    return _prose(record, "OBX|1|TX|REPORT^Report^L||", "OBX-5") + "||||||F"


def _note(record: Record) -> str:
    return _prose(record, "NTE|1|L|", "NTE-3")


def _schedule(record: Record) -> str:
    procedure = record.fresh("procedure", "SCH-7")
    day = record.day("SCH-11", "hl7")
    return f"SCH|{record.token('#####')}||||||{procedure}|||30|^^^{day}"


def _merge(record: Record) -> str:
    return f"MRG|{record.fresh('mrn', 'MRG-1')}^^^WEST^MR"


Segment = Callable[[Record], str]


def _message(kind: str, *segments: Segment) -> Maker:
    def make(record: Record) -> str:
        parts = [_header(record, kind), *(segment(record) for segment in segments)]
        return "\r".join(parts) + "\r"

    return make


def _results(record: Record) -> str:
    return "\r".join(_obx(record, number) for number in range(1, record.rng.randrange(3, 7)))


KINDS: dict[str, Maker] = {
    "adt-a01": _message("ADT^A01", _pid, _nk1, _pv1, _dg1, _in1),
    "adt-a03": _message("ADT^A03", _pid, _pv1, _dg1),
    "adt-a04": _message("ADT^A04", _pid, _pv1, _al1, _gt1, _in1),
    "adt-a05": _message("ADT^A05", _pid, _nk1, _pv1, _gt1),
    "adt-a28": _message("ADT^A28", _pid, _nk1, _al1),
    "adt-a31": _message("ADT^A31", _pid, _nk1, _in1),
    "adt-a08": _message("ADT^A08", _pid, _nk1, _pv1, _al1),
    "adt-a40": _message("ADT^A40", _pid, _merge),
    "oru-r01": _message("ORU^R01", _pid, _pv1, _obr, _results),
    "oru-r01-notes": _message("ORU^R01", _pid, _obr, _results, _note),
    "oru-r01-text": _message("ORU^R01", _pid, _pv1, _obr, _text),
    "orm-o01": _message("ORM^O01", _pid, _pv1, _obr, _dg1, _note),
    "oru-r03": _message("ORU^R03", _pid, _pv1, _obr, _results, _note),
    "ref-i12": _message("REF^I12", _pid, _nk1, _in1, _dg1, _note),
    "vxu-v04": _message("VXU^V04", _pid, _nk1, _pv1, _results),
    "dft-p03": _message("DFT^P03", _pid, _pv1, _dg1, _gt1, _in1),
    "siu-s12": _message("SIU^S12", _schedule, _pid, _pv1),
    "mdm-t02": _message("MDM^T02", _pid, _pv1, _text),
}
"""What a message may be, by the names that a hash parts for tuning and testing."""


def body(make: Maker, record: Record) -> str:
    """Write a message."""
    return str(make(record))
