"""How the rules of a policy's own in Rego come into the decision.

In a bundle the module `aegis.own` gathers what the packages `aegis.user.*` say. The embedded engine
is only for Rego that Aegis generates: there the same module reads it from the input, into which the
interpreter's answer was put.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

OWN_PATH = "aegis/own.rego"
USER_PATH = "aegis/user/"

_PACKAGE = re.compile(r"^\s*package\s+([A-Za-z0-9_.]+)", re.MULTILINE)

_HEAD = """# METADATA
# description: What the policy's own rules say.
# scope: package
package aegis.own

"""

EMBEDDED = (
    _HEAD
    + """said := object.get(input, "user", {})

findings := {
	"deny": object.get(said, "deny", []),
	"approve": object.get(said, "approve", []),
	"redact": object.get(said, "redact", []),
}
"""
)

_NOTHING = _HEAD + 'findings := {"deny": [], "approve": [], "redact": []}\n'

_GATHERING = (
    _HEAD
    + """usual := "Refused by a rule of the policy's own."

named(item) := {"id": item, "reason": usual} if is_string(item)

named(item) := {"id": item.id, "reason": object.get(item, "reason", usual)} if {
	is_object(item)
	is_string(item.id)
}

# What is no id and no object with one still counts.
named(item) := {"id": "unnamed", "reason": usual} if {
	not is_string(item)
	not is_string(object.get({"item": item}, ["item", "id"], null))
}
"""
)


def packages(modules: Mapping[str, str]) -> list[str]:
    """Give the packages of a policy's own modules."""
    return sorted({match[1] for text in modules.values() if (match := _PACKAGE.search(text))})


def own_module(modules: Mapping[str, str]) -> str:
    """Write the module that gathers what the policy's own modules say."""
    names = packages(modules)
    if not names:
        return _NOTHING
    text = _GATHERING
    for what in ("deny", "approve"):
        for name in names:
            text += (
                f"\n{what} contains named(item) if "
                f'some item in object.get(data.{name}, "{what}", [])\n'
            )
    for name in names:
        text += f'\nredact contains item if some item in object.get(data.{name}, "redact", [])\n'
    return text + (
        '\nfindings := {\n\t"deny": sort(deny),\n\t"approve": sort(approve),\n'
        '\t"redact": sort(redact),\n}\n'
    )
