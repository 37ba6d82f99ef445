"""Input documents of every kind, odd ones among them, for the policy `rich`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(
        [40, 99, 1001, 5000, 5001, 0.5, "USD", "EUR", "40", "DE123456", "US1234", "", "Ada", "\0"]
    ),
    st.sampled_from(["x" * 81, "\u0130", "\U0001f600", "e\u0301"]),
    st.text(max_size=10),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
FOUND = st.lists(st.lists(st.sampled_from([1, 99, 100, "2", None]), max_size=1), max_size=3)
IDS = ["planner", "finance", "nurse", "builder", "a3", "guest", ""]
TENANTS = ["default", "clinic", "acme", ""]
GROUPS = st.lists(st.sampled_from(["office", "ward", "money", "ops", "x"]), max_size=3)
HOSTS = [
    "pay.test", "a.b.pay.test", "evilpay.test", "ehr.test", "model.test", "notes.test",
    "graph.test", "test", "", "10.0.0.1", "eu.model.test",
]  # fmt: skip
TOOLS = [
    "pay.create", "pay.create", "pay.list", "ehr.read", "deploy", "notes.write", "graph.transfer",
    "mcp:notes/x", "graphql:graph/mutation.drop", "",
]  # fmt: skip
RULES = ["large", "not-euros", "production", "daily", "team", "slow", "tool:pay.create/amount.max"]

ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "amount": st.one_of(VALUES, st.sampled_from([1, 40, 1000, 1001, 5000])),
        "currency": st.one_of(VALUES, st.sampled_from(["USD", "EUR"])),
        "account": st.one_of(VALUES, st.sampled_from(["US1234", "DE1234"])),
        "tags": VALUES,
        "items": st.one_of(FOUND, VALUES),
        "count": VALUES,
        "other": VALUES,
    },
)

INPUTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "stage": st.sampled_from(["request", "request", "request", "connect"]),
        "agent": st.fixed_dictionaries(
            {"id": st.sampled_from(IDS), "tenant": st.sampled_from(TENANTS), "groups": GROUPS},
            optional={"proof": st.sampled_from(["token", "client_certificate", ""])},
        ),
        "destination": st.fixed_dictionaries(
            {
                "scheme": st.sampled_from(["https", "https", "http"]),
                "host": st.sampled_from(HOSTS),
                "port": st.sampled_from([443, 443, 443, 80, 8443, 0]),
            }
        ),
    },
    optional={
        "request": st.fixed_dictionaries(
            {}, optional={"opaque": st.sampled_from([0, 1, 1000, 1001, "0", None])}
        ),
        "tool": st.fixed_dictionaries(
            {
                "name": st.sampled_from(TOOLS),
                "kind": st.sampled_from(["http", "mcp", "a2a", "graphql"]),
                "readable": st.sampled_from([True, True, False]),
                "arguments": ARGUMENTS,
            },
            optional={"open": st.booleans()},
        ),
        "on_behalf_of": st.lists(
            st.fixed_dictionaries(
                {"id": st.sampled_from(IDS), "tenant": st.sampled_from(TENANTS), "groups": GROUPS}
            ),
            max_size=2,
        ),
        "data": st.lists(st.sampled_from(["phi", "secret", "other"]), max_size=2, unique=True),
        "environment": st.dictionaries(
            st.sampled_from(["stage", "x"]), st.sampled_from(["production", "staging", ""])
        ),
        "clock": st.dictionaries(
            st.sampled_from(["UTC", "Europe/Berlin"]),
            st.fixed_dictionaries({"day": st.integers(0, 6), "minute": st.integers(0, 1439)}),
        ),
        "facts": st.fixed_dictionaries(
            {
                "exceeded": st.lists(st.sampled_from(RULES), max_size=2),
                "approved": st.lists(st.sampled_from(RULES), max_size=3),
            }
        ),
        "user": st.fixed_dictionaries(
            {},
            optional={
                "deny": st.just([{"id": "a", "reason": "because"}]),
                "approve": st.just([{"id": "b", "reason": "ask"}]),
                "redact": st.just(["cards"]),
            },
        ),
    },
)


PAIRS = [
    ("pay.test", "pay.create"), ("pay.test", "pay.list"), ("ehr.test", "ehr.read"),
    ("notes.test", "deploy"), ("notes.test", "notes.write"), ("graph.test", "graph.transfer"),
    ("model.test", ""),
]  # fmt: skip
PLAIN = {"amount": 40, "currency": "USD", "account": "US1234", "items": [[1]]}
WHO = [
    {"id": "planner", "tenant": "default", "groups": ["office"], "proof": "token"},
    {"id": "finance", "tenant": "default", "groups": ["money"], "proof": "token"},
    {"id": "nurse", "tenant": "clinic", "groups": ["ward"], "proof": "client_certificate"},
    {"id": "builder", "tenant": "default", "groups": ["office", "ops"], "proof": "token"},
    {"id": "finance", "tenant": "acme", "groups": ["money"], "proof": "token"},
]


@st.composite
def likely(draw: st.DrawFn) -> dict[str, Any]:
    """Give an input that goes together, with one or another thing changed."""
    document = draw(INPUTS)
    host, tool = draw(st.sampled_from(PAIRS))
    document["stage"] = "request"
    document["agent"] = dict(draw(st.sampled_from(WHO)))
    document["destination"] = {"scheme": "https", "host": host, "port": 443}
    arguments = {**PLAIN, **draw(st.one_of(st.just({}), ARGUMENTS))}
    arguments["amount"] = draw(st.sampled_from([40, 40, 500, 1001, 6000, "40"]))
    document["tool"] = {"name": tool, "kind": "http", "readable": True, "arguments": arguments}
    if draw(st.booleans()):
        document.pop("on_behalf_of", None)
        document.pop("facts", None)
        document["clock"] = {
            zone: {"day": draw(st.integers(0, 6)), "minute": draw(st.integers(0, 1439))}
            for zone in ("UTC", "Europe/Berlin")
        }
    return document


ALL_INPUTS = st.one_of(INPUTS, likely(), likely())
