from __future__ import annotations

from scripts.evaluate_lib.masking import Shower, shape
from scripts.evaluate_lib.model import Example, Span
from scripts.evaluate_lib.scoring import Slip
from scripts.evaluate_lib.worst import in_turn

EXAMPLES = [
    Example(
        str(n),
        f"patient Ann{n} Lee was seen by Zebulon at 10:3{n} today",
        (Span(8, 16, "NAME"),),
    )
    for n in range(4)
]


def test_shape() -> None:
    assert shape("Ann O'Neil, 12-B\n") == "Aaa A'Aaaa, 99-A "


def test_values_and_rare_words_are_masked_unless_wanted() -> None:
    rare = [
        Example("9", "patient Ann Lee was seen by Xanthippe at 10:30 today", (Span(8, 15, "NAME"),))
    ]
    shower = Shower([*EXAMPLES, *rare], show_values=False)
    assert shower.value(4, 8, 15) == "Aaa Aaa"
    assert shower.context(4, 8, 15) == ("patient", "was seen by Aaaaaaaaa")
    assert shower.context(4, 20, 24) == ("patient [NAME] [NAME] was", "by Aaaaaaaaa at 99:99")
    plain = Shower([*EXAMPLES, *rare], show_values=True)
    assert plain.value(4, 8, 15) == "Ann Lee"
    assert plain.context(4, 20, 24) == ("patient Ann Lee was", "by Xanthippe at 10:30")


def test_a_word_of_a_value_is_masked_elsewhere_too() -> None:
    examples = [Example(str(n), "Rose saw a rose", (Span(0, 4, "NAME"),)) for n in range(5)]
    assert Shower(examples, show_values=False).context(0, 5, 8)[1] == "a aaaa"


def test_the_worst_are_chosen_from_each_family_in_turn() -> None:
    slips = [Slip(n, 0, n, "NAME", n) for n in range(1, 5)] + [Slip(9, 0, 2, "DATE", 2)]
    chosen = in_turn(slips, 3)
    assert [(slip.family, slip.chars) for slip in chosen] == [("NAME", 4), ("DATE", 2), ("NAME", 3)]
