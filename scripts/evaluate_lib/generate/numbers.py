"""Numbers that name somebody or something, with their check digits, in many written forms."""

from __future__ import annotations

import random
import string

from scripts.evaluate_lib.generate.words import words

_ALPHABET = string.ascii_uppercase
_VIN_SIGNS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_VALUES = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
_MBI_LETTERS = "ACDEFGHJKMNPQRTUVWXY"


def fill(rng: random.Random, form: str) -> str:
    """Fill a form: `#` a digit, `@` a capital letter, `^` a digit but zero, `&` a hex digit."""
    signs = {"#": string.digits, "@": _ALPHABET, "^": "123456789", "&": "0123456789abcdef"}
    return "".join(rng.choice(signs[sign]) if sign in signs else sign for sign in form)


def luhn(digits: str) -> str:
    """Give the check digit of a number (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 - place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)


def ssn(rng: random.Random, form: str) -> str:
    """Give a social security number, or its last four."""
    area = rng.choice([n for n in range(1, 900) if n != 666])
    group, serial = rng.randrange(1, 100), rng.randrange(1, 10_000)
    if form == "last4":
        return f"{serial:04}"
    separator = rng.choice(["-", "-", "-", "-", " ", "", "."])
    return f"{area:03}{separator}{group:02}{separator}{serial:04}"


def phone(rng: random.Random, form: str) -> str:
    """Give a telephone number, most of them North American."""
    area, exchange = (
        rng.choice(words("names", "areas")),
        f"{rng.choice('23456789')}{rng.choice('023456789')}",
    )
    exchange, line = exchange + fill(rng, "#"), fill(rng, "####")
    if form == "spoken":
        names = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
        return " ".join(names[int(digit)] for digit in area + exchange + line)
    forms = (
        f"({area}) {exchange}-{line}",
        f"({area}){exchange}-{line}",
        f"{area}-{exchange}-{line}",
        f"{area}-{exchange}-{line}",
        f"{area}.{exchange}.{line}",
        f"{area} {exchange} {line}",
        f"{area}{exchange}{line}",
        f"+1 {area} {exchange} {line}",
        f"1-{area}-{exchange}-{line}",
        f"{area}-{exchange}-{line} x{fill(rng, '^##')}",
        f"({area}) {exchange}-{line} ext. {fill(rng, '^###')}",
        "+44 20 7946 0" + fill(rng, "###"),
        "+49 30 " + fill(rng, "^#######"),
        "+52 55 " + fill(rng, "^### ####"),
    )
    return rng.choice(forms)


def card(rng: random.Random, form: str = "") -> str:
    """Give the number of a payment card."""
    start = rng.choice(["4", "51", "52", "55", "37", "6011"])
    length = 15 if start == "37" else 16
    digits = start + fill(rng, "#" * (length - len(start) - 1))
    digits += luhn(digits)
    if length == 15:
        return f"{digits[:4]} {digits[4:10]} {digits[10:]}"
    separator = rng.choice(["", " ", "-"])
    return separator.join(digits[place : place + 4] for place in range(0, 16, 4))


def iban(rng: random.Random, form: str = "") -> str:
    """Give an international account number with its check digits (ISO 13616)."""
    country, shape = rng.choice([("DE", "#" * 18), ("GB", "@@@@" + "#" * 14), ("FR", "#" * 23)])
    account = fill(rng, shape)
    number = "".join(str(int(sign, 36)) for sign in f"{account}{country}00")
    plain = f"{country}{98 - int(number) % 97:02}{account}"
    if rng.random() < 0.5:
        return plain
    return " ".join(plain[place : place + 4] for place in range(0, len(plain), 4))


def npi(rng: random.Random, form: str = "") -> str:
    """Give a National Provider Identifier, whose check digit counts the prefix 80840."""
    digits = rng.choice("12") + fill(rng, "########")
    return digits + luhn("80840" + digits)


def dea(rng: random.Random, form: str = "") -> str:
    """Give a registration number of the Drug Enforcement Administration."""
    digits = fill(rng, "######")
    odd, even = sum(map(int, digits[::2])), sum(map(int, digits[1::2]))
    return f"{rng.choice('ABFGM')}{rng.choice(_ALPHABET)}{digits}{(odd + 2 * even) % 10}"


def vin(rng: random.Random, form: str = "") -> str:
    """Give a vehicle identification number with its check digit (49 CFR 565)."""
    signs = [rng.choice(_VIN_SIGNS) for _ in range(17)]
    total = sum(
        int(_VIN_VALUES.get(sign, sign)) * weight
        for sign, weight in zip(signs, _VIN_WEIGHTS, strict=True)
    )
    signs[8] = "X" if total % 11 == 10 else str(total % 11)
    return "".join(signs)


def mbi(rng: random.Random) -> str:
    """Give a Medicare Beneficiary Identifier."""
    # C a digit but zero, A a letter, E either, N a digit.
    signs = {
        "C": "123456789",
        "A": _MBI_LETTERS,
        "E": _MBI_LETTERS + string.digits,
        "N": string.digits,
    }
    plain = "".join(rng.choice(signs[sign]) for sign in "CAENAENAANN")
    return plain if rng.random() < 0.5 else f"{plain[:4]}-{plain[4:7]}-{plain[7:]}"


def health_plan(rng: random.Random, form: str = "") -> str:
    """Give the number of a member of a health plan."""
    if rng.random() < 0.25:
        return mbi(rng)
    forms = (
        "@@@#########",
        "@########",
        "@@@ ### ### ###",
        "#########-##",
        "@@-######",
        "@@@-#######",
    )
    return fill(rng, rng.choice(forms))
