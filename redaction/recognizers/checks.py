"""Check digits of identifiers, each by the standard that it is named after."""

from __future__ import annotations

import re

_NOT_DIGITS = re.compile("[^0-9]")


def digits_of(value: str) -> str:
    """Give the digits of a value, without its separators."""
    return _NOT_DIGITS.sub("", value)


_DOUBLED = str.maketrans("0123456789", "0246813579")


def luhn(number: str) -> bool:
    """Tell whether the last digit is the right check digit (ISO/IEC 7812-1 annex B)."""
    doubled = number[-2::-2].translate(_DOUBLED)
    return (sum(map(int, number[-1::-2])) + sum(map(int, doubled))) % 10 == 0


def _weighted(number: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))


def aba_valid(value: str) -> bool:
    """Tell whether a routing number's digits add up (American Bankers Association)."""
    number = digits_of(value)
    return len(number) == 9 and _weighted(number, (3, 7, 1) * 3) % 10 == 0 and number != "0" * 9


def clabe_valid(number: str) -> bool:
    """Tell whether a Mexican CLABE of 18 digits has the right last one."""
    total = sum(
        int(digit) * weight % 10 for digit, weight in zip(number[:17], (3, 7, 1) * 6, strict=False)
    )
    return (10 - total % 10) % 10 == int(number[17])


def dea_valid(value: str) -> bool:
    """Tell whether the seven digits of a DEA registration end in their check digit."""
    number = value[-7:]
    total = _weighted(number[:5:2], (1, 1, 1)) + 2 * _weighted(number[1:6:2], (1, 1, 1))
    return total % 10 == int(number[6])


def npi_valid(number: str) -> bool:
    """Tell whether a National Provider Identifier passes Luhn's check with its prefix."""
    return luhn("80840" + number)


_VIN_VALUES = dict(zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ",
                       [*range(10), *range(1, 9), 1, 2, 3, 4, 5, 7, 9, *range(2, 10)],
                       strict=True))  # fmt: skip
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vin_valid(value: str) -> bool:
    """Tell whether the ninth character of a vehicle's number is right (49 CFR 565.15)."""
    total = sum(
        _VIN_VALUES[char] * weight for char, weight in zip(value, _VIN_WEIGHTS, strict=True)
    )
    return "0123456789X"[total % 11] == value[8]


_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_P = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(number: str) -> bool:
    """Tell whether the last digit is Verhoeff's check digit, as in an Aadhaar."""
    check = 0
    for index, digit in enumerate(reversed(number)):
        check = int(_D[check][int(_P[index % 8][int(digit)])])
    return check == 0


def mod_11_10(number: str) -> bool:
    """Tell whether the last digit is right by ISO/IEC 7064 MOD 11,10, as in a Steuer-ID."""
    product = 10
    for digit in number[:-1]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(number[-1])


def cpf_valid(number: str) -> bool:
    """Tell whether the two last digits of a Brazilian CPF are right."""
    for length in (9, 10):
        total = sum(int(number[i]) * (length + 1 - i) for i in range(length))
        if total * 10 % 11 % 10 != int(number[length]):
            return False
    return len(set(number)) > 1


def nir_valid(value: str) -> bool:
    """Tell whether a French NIR (13 signs and a key of two digits) is right."""
    body = value[:13].upper().replace("2A", "19").replace("2B", "18")
    return body.isdecimal() and 97 - int(body) % 97 == int(value[13:15])


def bsn_valid(number: str) -> bool:
    """Tell whether a Dutch BSN passes the eleven test."""
    return _weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and int(number) > 0


def pesel_valid(number: str) -> bool:
    """Tell whether a Polish PESEL's last digit is right."""
    return _weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def nhs_valid(number: str) -> bool:
    """Tell whether the last digit of a British NHS number is right."""
    check = 11 - _weighted(number[:9], (10, 9, 8, 7, 6, 5, 4, 3, 2)) % 11
    return check != 10 and check % 11 == int(number[9])


def tfn_valid(number: str) -> bool:
    """Tell whether an Australian tax file number is right."""
    return _weighted(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def au_medicare_valid(number: str) -> bool:
    """Tell whether the ninth digit of an Australian Medicare number is right."""
    return _weighted(number[:8], (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])


def nif_valid(value: str) -> bool:
    """Tell whether the letter of a Spanish NIF or NIE is right."""
    body = value[:-1].upper().translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23] == value[-1].upper()


_ODD = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)


def codice_fiscale_valid(value: str) -> bool:
    """Tell whether the last letter of an Italian codice fiscale is right."""
    total = 0
    for index, char in enumerate(value[:15].upper()):
        number = int(char) if char.isdecimal() else ord(char) - ord("A")
        total += _ODD[number] if index % 2 == 0 else number
    return ord(value[15].upper()) - ord("A") == total % 26


def mod_97(account: str) -> bool:
    """Tell whether an IBAN's checksum is right (ISO/IEC 7064 MOD 97-10)."""
    plain = account.replace(" ", "").replace("-", "").upper()
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1
