"""Identifiers behind a label, or with a form and a check digit of their own."""

from __future__ import annotations

import pytest

from redaction.recognizers import checks

MRN, PLAN, ACCOUNT = "MEDICAL_RECORD_NUMBER", "HEALTH_PLAN_NUMBER", "ACCOUNT_NUMBER"
LICENSE, UNIQUE, DEVICE = "LICENSE_NUMBER", "UNIQUE_ID", "DEVICE_ID"
VEHICLE, NATIONAL, SECRET = "VEHICLE_ID", "NATIONAL_ID", "PASSWORD"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("MRN: 00448812", "00448812"),
        ("(MRN #44-88-12)", "44-88-12"),
        ("MRN: #KLM-448812.", "#KLM-448812"),
        ("MRN 54321-XYZ was seen", "54321-XYZ"),
        ("Med. Rec. No. A-448812.", "A-448812"),
        ("medical record number is 448812", "448812"),
        ("MRN for the patient in bed 4 is 448812", "448812"),
        ("448812 (MRN)", "448812"),
        ("448812 is her MRN", "448812"),
        ("| MRN | 448812 |", "448812"),
        ("**MRN:** 448812", "448812"),
        ("MRN:\n  448812\n", "448812"),
        ("mrn_448812", "448812"),
        ("patient_id=448812", "448812"),
        ("Hosp # 448812", "448812"),
        ("Chart no. 448812", "448812"),
        ("Unit number 44-88-12", "44-88-12"),
        ("MR# 448812", "448812"),
        ("MRN 448 812 991", "448 812 991"),
        ("MRN ending in 8812", "8812"),
        ("MRN ****8812", "****8812"),
        ("refer to record #KL-448812.", "KL-448812"),
        ("Patientennummer: 448812", "448812"),
        ("historia cl\u00ednica n\u00ba 448812", "448812"),
    ],
)
def test_finds_medical_records(find, text, value):
    assert (value, MRN) in find(text, MRN)


def test_finds_all_of_a_list(find):
    found = find("MRNs 4488121, 4488122 and 4488123 are ready, 12 are not", MRN)
    assert [value for value, _ in found] == ["4488121", "4488122", "4488123"]


@pytest.mark.parametrize(
    ("text", "value", "entity"),
    [
        ("Member ID: KLM-998812", "KLM-998812", PLAN),
        ("insurance policy #KL-448812", "KL-448812", PLAN),
        ("(ins. #448-1234-567)", "448-1234-567", PLAN),
        ("her insurance is KL-448812", "KL-448812", PLAN),
        ("Medicaid no. 44881299", "44881299", PLAN),
        ("Medicare: 1EG4-TE5-MK73", "1EG4-TE5-MK73", PLAN),
        ("her card says 1EG4TE5MK73", "1EG4TE5MK73", PLAN),
        ("Versichertennummer A123456780", "A123456780", PLAN),
        ("Acct#: KLM-998812", "KLM-998812", ACCOUNT),
        ("account number 4488129911", "4488129911", ACCOUNT),
        ("account ending in 4242", "4242", ACCOUNT),
        ("guarantor no. 448812", "448812", ACCOUNT),
        ("routing number 021000021", "021000021", ACCOUNT),
        ("SWIFT code: DEUTDEFF500", "DEUTDEFF500", ACCOUNT),
        ("sort code 12-34-56", "12-34-56", ACCOUNT),
        ("Kontonummer 4488129911", "4488129911", ACCOUNT),
        ("numero de cuenta 4488129911", "4488129911", ACCOUNT),
        ("driver's license D448-812-99-203", "D448-812-99-203", LICENSE),
        ("driver's license D448-812-99-203", "D448-812-99-203", "US_DRIVER_LICENSE"),
        ("DL# K9981234", "K9981234", LICENSE),
        ("social security card (536 90 4399)", "536 90 4399", "US_SSN"),
        ("subscriber KL-448812 and son", "KL-448812", PLAN),
        ("Case: S20-71000", "S20-71000", UNIQUE),
        ("portal user kim.lee80, first", "kim.lee80", "USERNAME"),
        ("parked the car KLM 4488 there", "KLM 4488", VEHICLE),
        ("the guest wifi is klm_smith / xf55a241!", "xf55a241", SECRET),
        ("Medical license no. MD-448812", "MD-448812", LICENSE),
        ("DEA # AB1234563", "AB1234563", LICENSE),
        ("signed, AB1234563", "AB1234563", LICENSE),
        ("permit no. 4488-12", "4488-12", LICENSE),
        ("F\u00fchrerschein B072RRE2I55", "B072RRE2I55", LICENSE),
        ("passport number XK9382049", "XK9382049", "PASSPORT"),
        ("Reisepass C01X00T47", "C01X00T47", "PASSPORT"),
        ("VIN 1HGCM82633A004352", "1HGCM82633A004352", VEHICLE),
        ("it was 1M8GDM9AXKP042788 again", "1M8GDM9AXKP042788", VEHICLE),
        ("license plate: KLM-4488", "KLM-4488", VEHICLE),
        ("plate no. 7KLM448", "7KLM448", VEHICLE),
        ("Kennzeichen B-KL 4488", "B-KL 4488", VEHICLE),
        ("serial number SN-99881-A", "SN-99881-A", DEVICE),
        ("pacemaker S/N: 88-4488", "88-4488", DEVICE),
        ("IMEI 490154203237518", "490154203237518", DEVICE),
        (
            "UDI (01)00844588003288(17)141120(21)10987654d321",
            "(01)00844588003288(17)141120(21)10987654d321",
            DEVICE,
        ),
        ("implant lot no. KL4488", "KL4488", DEVICE),
        ("fingerprint template ID FP-88123", "FP-88123", "BIOMETRIC_ID"),
        ("retinal scan 44871-R", "44871-R", "BIOMETRIC_ID"),
        ("Employee ID: E10293", "E10293", UNIQUE),
        ("badge # 5521", "5521", UNIQUE),
        ("encounter number 4488129911", "4488129911", UNIQUE),
        ("accession no. LB-26-44819", "LB-26-44819", UNIQUE),
        ("prior auth # 4488-12", "4488-12", UNIQUE),
        ("under ID: KL-448812", "KL-448812", UNIQUE),
        ("case #KL-448812", "KL-448812", UNIQUE),
        ("Aktenzeichen 12-4488-20", "12-4488-20", UNIQUE),
        ("SIN 046 454 286", "046 454 286", NATIONAL),
        ("CPF 529.982.247-25", "529.982.247-25", NATIONAL),
        ("NI number AB 12 34 56 C", "AB 12 34 56 C", NATIONAL),
        ("her DNI is 12345678Z", "12345678Z", NATIONAL),
        ("codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S", NATIONAL),
        ("Aadhaar 2345 6789 0124", "2345 6789 0124", NATIONAL),
        ("NHS number 943 476 5919", "943 476 5919", NATIONAL),
        ("username: klm_smith42", "klm_smith42", "USERNAME"),
        ("follow me @klm_smith on twitter", "@klm_smith", "USERNAME"),
        ("her password is Qr7!dke#39.", "Qr7!dke#39", SECRET),
        ("with password Start@2025.", "Start@2025", SECRET),
        ("password: sunshine", "sunshine", SECRET),
        ('api_key = "abcd1234efgh5678"', "abcd1234efgh5678", SECRET),
        ("PIN is 4821", "4821", SECRET),
        ("postgres://app:hunter22@db.example/x", "hunter22", SECRET),
        ("Authorization: Bearer abcd.efgh-1234", "abcd.efgh-1234", SECRET),
        ("logins: k.smith@example.com / W!nter2024.", "W!nter2024", SECRET),
        ("card ending in 4242", "4242", "CREDIT_CARD"),
        ("Visa ****4242", "****4242", "CREDIT_CARD"),
        ("card 4111111111111111, CVV 123", "123", "CREDIT_CARD"),
        ("card number 4716 9876 2234 1561", "4716 9876 2234 1561", "CREDIT_CARD"),
    ],
)
def test_finds_labelled_identifiers(find, text, value, entity):
    assert any(value in found for found, _ in find(text, entity))


@pytest.mark.parametrize(
    "key",
    [
        "sk-proj-" + "Ab1" * 12,
        "ghp_" + "aB3d" * 9,
        "AKIA" + "ABCD1234EFGH5678",
        "xoxb-123456789012-" + "abcDEF123",
        "AIza" + "SyA-1234567890abcdefghijklmnopqrstu",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
def test_finds_keys_of_services(find, key):
    assert (key, SECRET) in find(f"use {key} here", SECRET)


def test_finds_private_keys_to_their_end(find):
    body = "\n".join(["MIIEowIBAAKCAQEA" + "Ab1+" * 12] * 60)
    text = f"x\n-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\ny"
    covered = [False] * len(text)
    for value, _ in find(text, SECRET):
        start = text.find(value)
        covered[start : start + len(value)] = [True] * len(value)
    assert all(covered[text.find("MII") : text.find("-----END")])


CLEAN = """\
HbA1c 7.2%, LDL 130 mg/dL, WBC 11,200, platelets 250000, creatinine 1.2
ICD-10 E11.9, CPT 99213, NDC 0002-8215-01, LOINC 4548-4, SNOMED 44054006
Take metformin 500 mg twice daily for 90 days. Unit 4B. Record high of 105 degrees.
See section 4.2.1.3 and version 10.0.19041.1. RFC 9110, ISO 27001:2013, 45 CFR 164.514(b)(2)
Order #4455667 shipped with tracking number 1Z999AA10123456784; invoice 2024-00123
Part number 123-45-6789 is in stock. SKU 8847-22-1123. ISBN 978-3-16-148410-0
The policy changed in 2021. The account was closed in 2019. Group 12 won the case of 1998.
case 1: return; case 0x12345: break; plan B in 2025; visit 10 countries; member of 27 states
The password must have 8 characters. Passwords are hashed. Reset your password. API key required.
license: MIT, Apache License 2.0, licensed in 1999; certificate expired on 2024-01-01
const token = getToken(); password = os.environ["DB_PASSWORD"]; api_key=settings.API_KEY
username is required; the user is not found; login failed; handle errors gracefully; user 12 ran
Device with 16 GB RAM, model 2024, serial port COM3, batch size 128, lot of 5000 people
port 8080, pid 12345, exit code 137, HTTP 404, status 200, timeout 30000 ms
2024-05-01 12:30:45,123 INFO [main] request_id=8f14e45f-ceea-467f-a8f6-8b1d1f0a2b3c took 1234567 ns
fingerprint SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDkOJ9fSTLNHCG0gUw
claim 1 of the patent; group 1 received 20 mg; study 329; subject 5 dropped out; patient 12 improved
E=mc2, x^2 + y^2 = 25, 10**9, 2**31-1=2147483647, 0x7fffffff, 1e-10, 6.022e23
00000000: 7f45 4c46 0201 0100 0000 0000 0000 0000 0200 3e00 0100 0000
The meeting is at 10:30 in room 2045, extension of the deadline to 2025. Call 911. Text 988.
The total was 123456789 dollars; 987654321 bytes; amount: 555443333; ticket 123456789
rate of 5.5 per 100000 person-years (95% CI 4.2-6.8; p=0.0123), n=1234
obj.info, self.io, numpy.int, node.js, main.py, e.g. this, U.S. policy, Inc. and co. Ltd
Twitter grew 20% while @media queries and @Override annotations and @import rules remain
The VIN decoder, the MRN field, the SSN column and the account number are required.
one two three go; five or six people; seven to nine days; two hundred and forty thousand
lat 40.712776, lon -74.005974; voided 400 ml, slept from 0245-0500, then 120/80
"""


@pytest.mark.parametrize("line", CLEAN.splitlines())
def test_leaves_numbers_that_are_nobodys(find, line):
    numbers = [MRN, PLAN, ACCOUNT, LICENSE, UNIQUE, DEVICE, VEHICLE, NATIONAL, SECRET, "US_SSN"]
    others = ["PASSPORT", "BIOMETRIC_ID", "USERNAME", "PHONE_NUMBER", "CREDIT_CARD", "URL"]
    others += ["IP_ADDRESS", "IBAN_CODE", "EMAIL_ADDRESS", "US_DRIVER_LICENSE"]
    assert find(line, *numbers, *others) == []


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checks.luhn, "4111111111111111", "4111111111111112"),
        (checks.aba_valid, "021000021", "021000022"),
        (checks.dea_valid, "AB1234563", "AB1234564"),
        (checks.npi_valid, "1234567893", "1234567894"),
        (checks.vin_valid, "1M8GDM9AXKP042788", "1M8GDM9A1KP042788"),
        (checks.verhoeff, "2363", "2364"),
        (checks.mod_11_10, "86095742719", "86095742718"),
        (checks.cpf_valid, "52998224725", "52998224726"),
        (checks.nir_valid, "255081416802538", "255081416802539"),
        (checks.bsn_valid, "111222333", "111222334"),
        (checks.pesel_valid, "44051401359", "44051401358"),
        (checks.nhs_valid, "9434765919", "9434765918"),
        (checks.tfn_valid, "123456782", "123456783"),
        (checks.au_medicare_valid, "2123456701", "2123456711"),
        (checks.nif_valid, "12345678Z", "12345678A"),
        (checks.codice_fiscale_valid, "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
        (checks.clabe_valid, "032180000118359719", "032180000118359718"),
        (checks.mod_97, "DE89370400440532013000", "DE89370400440532013001"),
    ],
)
def test_check_digits(check, right, wrong):
    assert check(right)
    assert not check(wrong)
