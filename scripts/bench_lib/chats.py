"""Chats as LLM agents send them: every turn resends the history and adds one message."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

TURNS = 20
MESSAGE_CHARS = 370

_FIRST = (
    "Ada", "Brian", "Carla", "Dmitri", "Elena", "Farid", "Grace", "Hiro", "Ines", "Jonas",
    "Kavita", "Liam", "Mona", "Nils",
)  # fmt: skip
_LAST = (
    "Almeida", "Becker", "Castro", "Dawson", "Evans", "Fischer", "Grant", "Huang",
    "Ivanov", "Jensen", "Keller", "Lopez",
)  # fmt: skip
_THINGS = (
    "deployment", "invoice", "schedule", "migration", "summary", "contract", "backup",
    "report", "dashboard", "shipment",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_TEMPLATES = (
    "Please look at the {thing} again before {day}, the numbers in part {n} do not add up.",
    "I spoke with {name} about the {thing} and we agreed to move it to {day}.",
    "The last run took {n} minutes, which is longer than the {thing} usually needs.",
    "Could you write a short note for the team on why the {thing} was late?",
    "There are {n} open items; the {thing} is the one that {name} is waiting for.",
    "Compare it with the {other} from last week and tell me what has changed.",
    "If nothing else comes up I would start with the {other} on {day} morning.",
    "{name} would like to see the {thing} and the {other} side by side.",
    "We keep the {other} for {n} days and delete it afterwards.",
    "My suggestion is to split the {thing} in two and to review the smaller part first.",
)
_PERSONAL = (
    "The applicant's SSN is {ssn}.",
    "Write to {mail} when it is done.",
    "Call back at {phone} after lunch.",
)


def text(generator: random.Random, chars: int, personal: float = 0.4) -> str:
    """Make new text of about so many characters, with a personal value now and then."""
    sentences: list[str] = []
    length = 0
    while length < chars:
        template = generator.choice(_TEMPLATES)
        if generator.random() < personal * 100 / chars:
            template = generator.choice(_PERSONAL)
        first, last = generator.choice(_FIRST), generator.choice(_LAST)
        sentence = template.format(
            name=f"{first} {last}",
            thing=generator.choice(_THINGS),
            other=generator.choice(_THINGS),
            day=generator.choice(_DAYS),
            n=generator.randint(2, 98),
            mail=f"{first.lower()}.{last.lower()}{generator.randint(1, 99)}@example.org",
            phone=f"(415) 555-{generator.randint(1000, 9999)}",
            ssn=f"{generator.randint(101, 599)}-{generator.randint(11, 98)}"
            f"-{generator.randint(1001, 9998)}",
        )
        sentences.append(sentence)
        length += len(sentence) + 1
    return " ".join(sentences)


def bodies(seed: str, turns: int = TURNS) -> Iterator[bytes]:
    """Make the bodies of one chat, turn by turn."""
    generator = random.Random(seed)
    messages = [{"role": "system", "content": "You are a helpful assistant of the office."}]
    for _ in range(turns):
        messages.append({"role": "user", "content": text(generator, MESSAGE_CHARS)})
        yield json.dumps({"model": "local-1", "messages": messages}).encode()
        messages.append({"role": "assistant", "content": text(generator, MESSAGE_CHARS)})
