"""National identity numbers other than the American: by their check digit and form, or a label."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple

from redaction import linear
from redaction.recognizers import checks
from redaction.recognizers.base import Span, has_digit, near, word_pattern
from redaction.recognizers.labelled import LabelledRecognizer, label_pattern


class _Form(NamedTuple):
    """A country's number: its form, its check, and the words beside it."""

    pattern: linear.Pattern
    valid: Callable[[str], bool]
    words: re.Pattern[str]
    alone: float
    """The score without a word beside it."""
    names: str


def _form(
    pattern: str, valid: Callable[[str], bool] | None, words: str, alone: float = 0.0
) -> _Form:
    return _Form(
        linear.compile(rf"\b{pattern}\b"),
        valid or (lambda value: True),
        word_pattern([word.replace("_", " ") for word in words.split()]),
        alone,
        words.replace("_", " "),
    )


def _of_digits(check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: check(checks.digits_of(value))


def _compact(check: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda value: check(re.sub(r"[\s.-]", "", value))


_FORMS = (
    # Canada, Social Insurance Number
    _form(r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", _of_digits(checks.luhn),
          "sin social_insurance social_insurance_number nas canada canadian"),
    # India, Aadhaar and Permanent Account Number
    _form(r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}", _of_digits(checks.verhoeff),
          "aadhaar aadhar adhaar uidai uid", 0.45),
    _form(r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}", None, "aadhaar aadhar adhaar uidai"),
    _form(r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", None, "pan permanent_account income_tax", 0.6),
    _form(r"[A-Z]{5}[0-9]{4}[A-Z]", None, "pan permanent_account income_tax"),
    # Brazil, CPF
    _form(r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", _of_digits(checks.cpf_valid), "cpf", 0.9),
    _form(r"[0-9]{11}", checks.cpf_valid, "cpf cadastro contribuinte"),
    # France, numéro de sécurité sociale
    _form(r"[12][ ]?[0-9]{2}[ ]?(?:0[1-9]|1[0-2]|[2-9][0-9])[ ]?"
          r"(?:[0-9]{2}|2[AB])[ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{2}",
          _compact(checks.nir_valid),
          "nir insee sécurité_sociale securite_sociale nss assuré", 0.7),
    # Germany, Steuer-Identifikationsnummer
    _form(r"[1-9][0-9][ ]?[0-9]{3}[ ]?[0-9]{3}[ ]?[0-9]{3}", _of_digits(checks.mod_11_10),
          "steuer-id steuerid steuernummer steuer-idnr idnr identifikationsnummer tin steuer"),
    # Germany, Rentenversicherungsnummer
    _form(r"[0-9]{2}[ ]?[0-9]{6}[ ]?[A-Z][ ]?[0-9]{3}", None,
          "sozialversicherungsnummer rentenversicherungsnummer sv-nummer svnr versicherungsnummer"),
    # Spain, NIF and NIE
    _form(r"[0-9]{8}[ -]?[A-HJ-NP-TV-Z]", _compact(checks.nif_valid), "dni nif documento", 0.6),
    _form(r"[XYZ][ -]?[0-9]{7}[ -]?[A-HJ-NP-TV-Z]", _compact(checks.nif_valid),
          "nie extranjero", 0.7),
    # Italy, codice fiscale
    _form(r"[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
          lambda value: not value[6:8].isdecimal() or checks.codice_fiscale_valid(value),
          "codice fiscale cf", 0.8),
    # Netherlands, burgerservicenummer
    _form(r"[0-9]{9}", checks.bsn_valid, "bsn burgerservicenummer sofinummer"),
    # Poland, PESEL
    _form(r"[0-9]{11}", checks.pesel_valid, "pesel"),
    # United Kingdom, NHS number and National Insurance number
    _form(r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", _of_digits(checks.nhs_valid),
          "nhs nhs_number chi h&c national_health"),
    _form(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[A-D]",
          lambda value: value[:2] not in {"BG", "GB", "NK", "KN", "TN", "NT", "ZZ"},
          "nino ni national_insurance ni_number insurance", 0.6),
    _form(r"[A-Z]{2}[ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[0-9]{2}[ ]?[A-D]", None,
          "nino national_insurance ni_number"),
    # Australia, tax file number and Medicare
    _form(r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{2,3}", _of_digits(checks.tfn_valid), "tfn tax_file"),
    _form(r"[2-6][0-9]{3}[ -]?[0-9]{5}[ -]?[0-9](?:[ /-]?[1-9])?",
          _of_digits(checks.au_medicare_valid), "medicare irn"),
    # Mexico, CURP
    _form(r"[A-Z][AEIOUX][A-Z]{2}[0-9]{6}[HMX][A-Z]{2}[B-DF-HJ-NP-TV-Z]{3}[A-Z0-9][0-9]", None,
          "curp", 0.8),
    # Singapore, NRIC and FIN
    _form(r"[STFGM][0-9]{7}[A-Z]", None, "nric fin singapore ic", 0.3),
    # Sweden, personnummer, and Finland, henkilötunnus
    _form(r"(?:19|20)?[0-9]{2}[01][0-9][0-3][0-9][-+][0-9]{4}",
          lambda value: checks.luhn(checks.digits_of(value)[-10:]), "personnummer", 0.6),
    _form(r"[0-3][0-9][01][0-9]{3}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]", None,
          "henkilötunnus hetu"),
    # United States, employer identification number
    _form(r"[0-9]{2}-[0-9]{7}", None, "ein tin tax_id employer_identification fein taxpayer tax"),
)  # fmt: skip
_FORMS_ALONE = tuple(form for form in _FORMS if form.alone)
_WORD_GATE = linear.compile(
    rf"(?i)\b(?:{'|'.join(re.escape(word) for form in _FORMS for word in form.names.split())})"
)
_GATE = linear.compile(
    r"\b(?:[0-9]{8}|[0-9]{3}[ .-][0-9]{2,3}[ .-][0-9]|[0-9]{2}[ -][0-9]{5}"
    r"|[0-9]{4}[ -][0-9]{4,5}[ -]"
    r"|[A-Za-z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2}|[A-Z]-?[0-9]{7}|[A-Z]{5}[0-9]{4}|[A-Z]{4}[0-9]{6}"
    r"|[A-Z]{6}[0-9]{2}|[0-9]{6}[-+A-F][0-9]{3}|[0-9] [0-9]{2} [0-9]{2} [0-9]"
    r"|[0-9]{2} [0-9]{3} [0-9]{3})"
)


class NationalIdRecognizer(LabelledRecognizer):
    """NATIONAL_ID."""

    entity: ClassVar[str] = "NATIONAL_ID"
    labels = label_pattern(
        r"aadh?aar|adhaar|aadhar|pan card|permanent account|cpf|curp|nif|nie|dni|nino|pesel|bsn"
        r"|burger ?service ?nummer|codice fiscale|steuer ?-?(?:id|nummer|idnr"
        r"|identifikationsnummer)"
        r"|national insurance|social insurance|nhs (?:number|no\b|#)|tax file|tfn|nric|personnummer"
        r"|henkil[oö]tunnus|(?:num[eé]ro de )?s[eé]curit[eé] sociale|num[eé]ro fiscal|rfc mexicano"
        r"|sozial ?versicherungs ?nummer|national identity|identity card|emirates id|iqama"
        r"|teudat zehut"
        r"|ein|fein|atin|tin|tax ?(?:payer )?id(?:entification)?",
        r"pan|sin|ni|tax|nic|cnic|nid|citizen|citizenship|resident",
    )
    least_digits = 3
    weak = re.compile(r"(?:ein|nie|tin|sin|pan|ni|nic|nif|tax|citizen|resident).*", re.DOTALL)

    def find(self, text: str) -> Iterator[Span]:
        """Give the spans of numbers with a label, or whose check digit is right beside a word."""
        if not has_digit(text):
            return
        yield from super().find(text)
        if _GATE.search(text) is None:
            return
        worded = _WORD_GATE.search(text) is not None
        for form in _FORMS if worded else _FORMS_ALONE:
            for match in form.pattern.finditer(text):
                if not form.valid(match[0]):
                    continue
                if worded and near(form.words, text, *match.span()):
                    yield *match.span(), 0.9
                elif form.alone:
                    yield *match.span(), form.alone
