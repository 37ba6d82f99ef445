"""Names of months and days of the week, in the languages in which dates are read."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


LANGUAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        _words(
            "january february march april may june july august september october november december"
        ),
        _words("jan feb mar apr may jun jul aug sep oct nov dec"),
    ),
    "de": (
        _words(
            "januar februar märz april mai juni juli august september oktober november dezember"
        ),
        _words("jan feb mrz apr mai jun jul aug sep okt nov dez"),
    ),
    "fr": (
        _words(
            "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
        ),
        _words("janv févr mars avr mai juin juil août sept oct nov déc"),
    ),
    "es": (
        _words(
            "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre"
            " diciembre"
        ),
        _words("ene feb mar abr may jun jul ago sept oct nov dic"),
    ),
    "it": (
        _words(
            "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre"
            " dicembre"
        ),
        _words("gen feb mar apr mag giu lug ago set ott nov dic"),
    ),
    "nl": (
        _words(
            "januari februari maart april mei juni juli augustus september oktober november"
            " december"
        ),
        _words("jan feb mrt apr mei jun jul aug sep okt nov dec"),
    ),
    "pt": (
        _words(
            "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro"
            " dezembro"
        ),
        _words("jan fev mar abr mai jun jul ago set out nov dez"),
    ),
}
"""The long names and the short ones of the twelve months by language."""

_ALL = {name for both in LANGUAGES.values() for names in both for name in names} | {"sept"}

MONTH = "(?:" + "|".join(sorted(_ALL, key=lambda name: (-len(name), name))) + ")"
"""A pattern of any of these names."""

_WEEKDAYS = (
    _words("monday tuesday wednesday thursday friday saturday sunday"),
    _words("mon tue wed thu fri sat sun"),
    _words("montag dienstag mittwoch donnerstag freitag samstag sonntag"),
    _words("lundi mardi mercredi jeudi vendredi samedi dimanche"),
    _words("lunes martes miércoles jueves viernes sábado domingo"),
    _words("lunedì martedì mercoledì giovedì venerdì sabato domenica"),
    _words("maandag dinsdag woensdag donderdag vrijdag zaterdag zondag"),
)


def weekday_names(name: str) -> tuple[str, ...] | None:
    """Give the names of all days of the week, Monday first, in the language of one of them."""
    for names in _WEEKDAYS:
        if name in names:
            return names
    return None
