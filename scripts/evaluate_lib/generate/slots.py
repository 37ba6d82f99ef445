"""The kinds of slots that a template may have, each with its label and its values."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from scripts.evaluate_lib.generate import dates, numbers
from scripts.evaluate_lib.generate.numbers import fill
from scripts.evaluate_lib.generate.people import Person, somebody
from scripts.evaluate_lib.generate.words import words, words_of

Maker = Callable[[random.Random, str], str]

ROLES = frozenset({"patient", "doctor", "nurse", "relative", "person", "agent"})


def _forms(*forms: str) -> Maker:
    return lambda rng, form: fill(rng, rng.choice(forms))


def _listed(file: str, name: str) -> Maker:
    return lambda rng, form: rng.choice(words(file, name))


def _between(low: int, high: int, form: str = "{}") -> Maker:
    return lambda rng, _: form.format(rng.randrange(low, high))


def _decimal(rng: random.Random, form: str) -> str:
    return f"{rng.uniform(0.2, 14):.1f}"


def _place(name: str) -> Callable[[random.Random, str, str | None], str]:
    def make(rng: random.Random, form: str, split: str | None) -> str:
        pattern = rng.choice(words_of("names", name, split))
        while "{s}" in pattern:
            pattern = pattern.replace("{s}", rng.choice(words_of("names", "surnames", split)), 1)
        return pattern.replace("{c}", rng.choice(words_of("names", "cities", split)))

    return make


def street(rng: random.Random, split: str | None) -> str:
    """Give a street with its number."""
    name = rng.choice(
        [
            rng.choice(words_of("names", "surnames", split)),
            dates.nth(rng.randrange(1, 90)),
            rng.choice(
                [
                    "Oak",
                    "Maple",
                    "Elm",
                    "Sunset",
                    "Ridge",
                    "Mill",
                    "Church",
                    "Main",
                    "Willow",
                    "Harbor",
                ]
            ),
        ]
    )
    way = rng.choice(["", "", "N ", "S. ", "West "])
    unit = rng.choice(["", "", "", f" Apt {fill(rng, '^@')}", f", Unit {fill(rng, '^#')}", " #4"])
    number = rng.randrange(1, 20_000)
    return f"{number} {way}{name} {rng.choice(words('names', 'streets'))}{unit}"


def state(rng: random.Random) -> str:
    """Give a state, by its name or its letters."""
    return rng.choice(words("names", "states"))


def zip_code(rng: random.Random) -> str:
    """Give a ZIP code, some with four more digits."""
    return fill(rng, rng.choice(["^####", "0^###", "^####", "^####-####"]))


def _age(rng: random.Random, form: str) -> str:
    return str(rng.randrange(1, 89))


def _dose(rng: random.Random, form: str) -> str:
    amount = rng.choice(["2.5", "5", "10", "20", "40", "81", "100", "500", "0.5", "1,000"])
    unit = rng.choice(["mg daily", "mg", "mg BID", "mcg", "mg PO q6h", "units qHS", "mg/kg", "mL"])
    return f"{amount} {unit}"


def _lab_value(rng: random.Random, form: str) -> str:
    unit = rng.choice(["", "", " mg/dL", " mmol/L", " U/L", "%", " (high)", " ng/mL"])
    return rng.choice([f"{rng.uniform(0.1, 15):.1f}", str(rng.randrange(3, 400))]) + unit


def _duration(rng: random.Random, form: str) -> str:
    number = rng.randrange(2, 12)
    unit = rng.choice(["days", "weeks", "months", "hours", "years"])
    return rng.choice(
        [f"{number} {unit}", f"{number}-{number + 2} {unit}", f"about {number} {unit}"]
    )


def _clock(rng: random.Random, form: str) -> str:
    hour, minute = rng.randrange(24), rng.randrange(60)
    plain = f"{hour:02}:{minute:02}"
    return rng.choice(
        [plain, plain, f"{hour % 12 or 12}:{minute:02} {'AM' if hour < 12 else 'PM'}"]
    )


HARMLESS: Mapping[str, Maker] = {
    "age": _age,
    "diagnosis": _listed("clinical", "diagnoses"),
    "symptom": _listed("clinical", "symptoms"),
    "drug": _listed("clinical", "drugs"),
    "lab": _listed("clinical", "labs"),
    "procedure": _listed("clinical", "procedures"),
    "specialty": _listed("clinical", "specialties"),
    "eponym": _listed("clinical", "eponyms"),
    "ordinal": _listed("clinical", "ordinals"),
    "score": _listed("clinical", "scores"),
    "icd": _listed("clinical", "icd"),
    "cpt": _listed("clinical", "cpt"),
    "loinc": _listed("clinical", "loinc"),
    "snomed": _listed("clinical", "snomed"),
    "dose": _dose,
    "labvalue": _lab_value,
    "duration": _duration,
    "clock": _clock,
    "decimal": _decimal,
    "bp": lambda rng, form: f"{rng.randrange(85, 190)}/{rng.randrange(45, 110)}",
    "hr": _between(45, 140),
    "rr": _between(10, 30),
    "spo2": _between(86, 100, "{}%"),
    "ef": _between(20, 65, "{}%"),
    "gcs": _between(3, 16),
    "small": _between(2, 60),
    "digit": _between(1, 10),
    "weight": _between(8, 120),
    "percent": _between(1, 99, "{}%"),
    "ratio": _between(90, 400),
    "msec": _between(120, 560),
    "money": lambda rng, form: f"{rng.randrange(10, 90_000):,}.{rng.randrange(100):02}",
    "year": _between(1995, 2025),
    "year_old": _between(1920, 1935),
    "study": _forms("NCT0#######"),
    "device_model": _forms("@#@@##"),
}
"""What identifies nobody."""

LABELLED: Mapping[str, tuple[str, Maker]] = {
    "date": ("DATE", dates.date),
    "dob": ("DATE", dates.birth),
    "age90": ("AGE", _between(90, 106)),
    "phone": ("PHONE", numbers.phone),
    "fax": ("FAX", numbers.phone),
    "ssn": ("SSN", numbers.ssn),
    "itin": ("ITIN", _forms("9##-7#-####", "9##-8#-####")),
    "mrn": (
        "MRN",
        _forms(
            "#######", "^#######", "00######", "MR^######", "@##-##-##", "^##-####-@", "@######"
        ),
    ),
    "healthplan": ("HEALTHPLAN", numbers.health_plan),
    "group": ("HEALTHPLAN", _forms("######", "@@@####", "G-#####")),
    "account": ("ACCOUNT", _forms("^#########", "^###########", "####-#####-##", "@@-########")),
    "routing": ("ACCOUNT", _forms("0########", "1########", "3########")),
    "iban": ("ACCOUNT", numbers.iban),
    "card": ("CARD", numbers.card),
    "npi": ("LICENSE", numbers.npi),
    "dea": ("LICENSE", numbers.dea),
    "license": (
        "LICENSE",
        _forms("@#######", "@@######", "########", "@###-####-####", "RN-######"),
    ),
    "passport": ("PASSPORT", _forms("#########", "@########", "@@#######")),
    "vin": ("VEHICLE", numbers.vin),
    "plate": ("VEHICLE", _forms("@@@ ####", "^@@@###", "@@@-###", "###-@@@")),
    "device": (
        "DEVICE",
        _forms("@@#######", "SN-######", "##@@#####@", "(01)00########(21)@####"),
    ),
    "mac": ("DEVICE", _forms("&&:&&:&&:&&:&&:&&", "&&-&&-&&-&&-&&-&&")),
    "ip": ("IP", lambda rng, form: ".".join(str(rng.randrange(1, 255)) for _ in range(4))),
    "biometric": ("BIOMETRIC", _forms("FP-&&&&&&&&", "IRIS-########", "VP##-@@@@-####")),
    "accession": ("ID", _forms("S##-#####", "ACC########", "@@-##-######")),
    "claim": ("ID", _forms("CLM-########", "##########", "@@##-######")),
    "subject": ("ID", _forms("###-####", "S-###", "@@@-##-###")),
    "order": ("ID", _forms("##-#######", "ORD########", "@@#########@@")),
    "employee": ("ID", _forms("E######", "#######", "@@-#####")),
    "password": ("PASSWORD", _forms("@a#b!&&&&", "Tr0ub##r&&", "x&&&&&&&&&&!", "@@&&##$q")),
    # A telephone's extension within a house may go or stay.
    "extension": ("OTHER", _forms("^###")),
    "crypto": ("CRYPTO", _forms("0x" + "&" * 40)),
}
"""What identifies somebody, by its label."""

AS_IT_IS = frozenset({"password", "crypto", "url", "username", "email", "iban", "vin"})
"""What changes its meaning with its case."""


class Makers:
    """Makes values for slots, the same person wherever a document names one."""

    def __init__(self, rng: random.Random, split: str | None) -> None:
        self._rng = rng
        self._split = split
        self._people: dict[str, Person] = {}
        self._made: dict[str, str] = {}
        self._places = {"hospital": _place("hospitals"), "org": _place("organizations")}

    def make(self, kind: str, form: str, number: str) -> tuple[str | None, str]:
        """Give a label, or None where the value identifies nobody, and a value."""
        if f"{kind}_{form}" in HARMLESS:
            kind, form = f"{kind}_{form}", ""
        if kind in HARMLESS:
            return None, HARMLESS[kind](self._rng, form)
        if kind in ROLES:
            return self._person(f"{kind}{number}", form)
        key = f"{kind}.{form}{number}"
        if key not in self._made:
            self._made[key] = self._value(kind, form, number)
        return self._label(kind), self._made[key]

    def person(self, key: str) -> Person:
        """Give the person in a role."""
        if key not in self._people:
            self._people[key] = somebody(self._rng, self._split)
        return self._people[key]

    def _person(self, key: str, form: str) -> tuple[str | None, str]:
        if form == "kin":
            return None, self.person(key).kin
        if form == "titled":
            # The title names nobody; it is put before by the caller.
            return "NAME", self.person(key).last
        return "NAME", self.person(key).written(form)

    @staticmethod
    def _label(kind: str) -> str:
        own = {
            "address": "ADDRESS",
            "street": "STREET",
            "city": "CITY",
            "zip": "ZIP",
            "state": "STATE",
            "hospital": "HOSPITAL",
            "org": "ORGANIZATION",
            "email": "EMAIL",
            "url": "URL",
            "username": "USERNAME",
        }
        return own.get(kind) or LABELLED[kind][0]

    def _value(self, kind: str, form: str, number: str) -> str:
        rng, split = self._rng, self._split
        cased = form.rpartition(".")[2]
        match kind:
            case "address":
                value = f"{street(rng, split)}, {self._city()}, {state(rng)} {zip_code(rng)}"
            case "street":
                value = street(rng, split)
            case "city":
                value = self._city()
            case "zip":
                value = zip_code(rng)
            case "state":
                value = state(rng)
            case "email":
                who = self.person(f"{form or 'patient'}{number}").mailbox
                tail = rng.choice(["", "", str(rng.randrange(99))])
                value = f"{who}{tail}@{rng.choice(words('names', 'domains'))}"
            case "url":
                value = f"https://{rng.choice(words('names', 'domains'))}/p/{fill(rng, '&&&&&&')}"
            case "username":
                value = self.person("patient").mailbox.replace(".", rng.choice("._")) + fill(
                    rng, "##"
                )
            case "hospital" | "org":
                value = self._places[kind](rng, form, split)
            case _:
                value = LABELLED[kind][1](rng, form)
        return value.lower() if cased == "lower" else value.upper() if cased == "upper" else value

    def _city(self) -> str:
        return self._rng.choice(words_of("names", "cities", self._split))
