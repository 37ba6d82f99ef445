"""Clinical prose with invented people in it: many of them, or few."""

from __future__ import annotations

import random
from collections.abc import Callable

_FIRST = (
    "Ada", "Brian", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hiro", "Ines", "Jonas",
    "Kavita", "Liam", "Mona", "Nils", "Olga", "Priya", "Quentin", "Rosa", "Stefan", "Tara",
)  # fmt: skip
_LAST = (
    "Almeida", "Becker", "Castro", "Dawson", "Evans", "Fischer", "Grant", "Huang", "Ivanov",
    "Jensen", "Keller", "Lopez", "Moreau", "Nakamura", "Okafor", "Petrov", "Quinn", "Romano",
)  # fmt: skip
_CITIES = ("Springfield", "Riverton", "Fairview", "Lakewood", "Georgetown", "Ashland", "Dover")
_STREETS = ("Maple Street", "Oak Avenue", "Hill Road", "Cedar Lane", "Mill Drive")
_MONTHS = ("January", "March", "April", "June", "August", "October", "December")
_FINDINGS = (
    "shortness of breath", "a dull ache in the lower back", "mild swelling of both ankles",
    "intermittent dizziness", "a dry cough", "reduced appetite", "poor sleep",
)  # fmt: skip
_DRUGS = ("lisinopril", "metformin", "atorvastatin", "omeprazole", "sertraline", "amlodipine")
_TESTS = ("Lipid panel", "Chest X-ray", "Blood count", "Thyroid panel", "Urine analysis")

_PERSONAL = (
    "{name} (MRN {mrn}, DOB {date}) was seen by Dr. {last} at Mercy Hospital in {city}.",
    "Contact: {name}, {house} {street}, {city}, CA {zip}, phone {phone}.",
    "SSN on file is {ssn}; insurance card sent to {mail} on {date}.",
    "Her daughter {name} can be reached at {phone} or {mail}.",
    "Card {card} was charged on {month} {day}, {year} for the visit of {name}.",
    "Portal login from {ip}, see https://portal.example.org/u/{last} for {name}.",
    "Discharged on {month} {day}, {year} to {house} {street}, {city}; follow-up with Dr. {last}.",
)
_PLAIN = (
    "The patient reports {finding} for about {n} days, worse in the evening.",
    "{test} was unremarkable and no further imaging is needed at this time.",
    "Continue {drug} {dose} mg once daily and repeat the panel in {n} weeks.",
    "There is no history of {finding}, and the remaining review of systems is negative.",
    "We discussed diet, exercise and the risks of stopping {drug} without advice.",
    "Blood pressure was {sys}/{dia} with a pulse of {pulse}, and the lungs were clear.",
    "If {finding} returns, the dose should be halved and the team informed.",
    "Nothing in the record explains the {finding}; the plan is to watch and wait.",
)

DENSE, SPARSE = 0.6, 0.05
"""How many of the sentences name somebody."""


def prose(generator: random.Random, chars: int, personal: float) -> str:
    """Make new text of this many characters; `personal` is the share of sentences with people."""
    parts: list[str] = []
    length = 0
    while length < chars:
        chosen = _PERSONAL if generator.random() < personal else _PLAIN
        sentence = sentence_of(generator, generator.choice(chosen))
        parts.append(sentence)
        length += len(sentence) + 1
        if generator.random() < 0.15:
            parts.append("\n")
    return " ".join(parts)[:chars]


def sentence_of(generator: random.Random, template: str) -> str:
    """Fill a template with invented values."""
    number = generator.randint
    first, last = generator.choice(_FIRST), generator.choice(_LAST)
    values: dict[str, Callable[[], object]] = {
        "name": lambda: f"{first} {last}",
        "first": lambda: first,
        "last": lambda: last,
        "mrn": lambda: number(1_000_000, 9_999_999),
        "date": lambda: f"{number(1, 12):02}/{number(1, 28):02}/{number(1930, 2020)}",
        "isodate": lambda: f"{number(1930, 2020)}-{number(1, 12):02}-{number(1, 28):02}",
        "compact": lambda: f"{number(1930, 2020)}{number(1, 12):02}{number(1, 28):02}",
        "city": lambda: generator.choice(_CITIES),
        "street": lambda: generator.choice(_STREETS),
        "house": lambda: number(2, 9900),
        "zip": lambda: number(10000, 99999),
        "phone": lambda: f"({number(201, 989)}) 555-{number(1000, 9999)}",
        "mail": lambda: f"{first.lower()}.{last.lower()}{number(1, 99)}@example.org",
        "ssn": lambda: f"{number(101, 599)}-{number(11, 98)}-{number(1001, 9998)}",
        "card": lambda: _card(generator),
        "ip": lambda: f"203.0.113.{number(1, 254)}",
        "month": lambda: generator.choice(_MONTHS),
        "day": lambda: number(1, 28),
        "year": lambda: number(2015, 2025),
        "finding": lambda: generator.choice(_FINDINGS),
        "drug": lambda: generator.choice(_DRUGS),
        "test": lambda: generator.choice(_TESTS),
        "dose": lambda: number(1, 8) * 5,
        "n": lambda: number(2, 12),
        "sys": lambda: number(105, 160),
        "dia": lambda: number(60, 95),
        "pulse": lambda: number(55, 98),
    }
    return template.format_map(
        {key: make() for key, make in values.items() if f"{{{key}" in template}
    )


def _card(generator: random.Random) -> str:
    digits = [4, *(generator.randint(0, 9) for _ in range(14))]
    doubled = [digit * 2 for digit in digits[::2]]
    total = sum(digit - 9 if digit > 9 else digit for digit in doubled) + sum(digits[1::2])
    return "".join(map(str, [*digits, -total % 10]))
