"""The built-in functions of OPA that a policy's own Rego may call: those that only compute."""

from __future__ import annotations

_NAMES = {
    "": (
        "abs ceil concat contains count endswith floor format_int indexof indexof_n "
        "intersection is_array is_boolean is_null is_number is_object is_set is_string "
        "lower max min product replace round sort split sprintf startswith substring sum "
        "to_number trim trim_left trim_prefix trim_right trim_space trim_suffix type_name "
        "union upper walk"
    ),
    "array": "concat reverse slice",
    "base64": "decode encode is_valid",
    "base64url": "decode encode encode_no_pad",
    "bits": "and lsh negate or rsh xor",
    "glob": "match quote_meta",
    "graph": "reachable reachable_paths",
    "hex": "decode encode",
    "json": (
        "filter is_valid marshal marshal_with_options patch remove unmarshal match_schema "
        "verify_schema"
    ),
    "net": "cidr_contains cidr_expand cidr_is_valid",
    "numbers": "range range_step",
    "object": "filter get keys remove subset union union_n",
    "regex": "find_all_string_submatch_n find_n is_valid match replace split template_match",
    "semver": "compare is_valid",
    "strings": "any_prefix_match any_suffix_match count replace_n reverse",
    "time": ("add_date clock date diff format parse_duration_ns parse_ns parse_rfc3339_ns weekday"),
    "units": "parse parse_bytes",
    "urlquery": "decode decode_object encode encode_object",
    "uuid": "parse",
    "yaml": "is_valid marshal unmarshal",
}

BUILTINS = frozenset(
    f"{group}.{name}" if group else name
    for group, names in _NAMES.items()
    for name in names.split(" ")
)
"""What both OPA and the interpreter know, less what gives another answer another time."""

_IMPURE = {
    "http.": "it reaches the network",
    "net.lookup_": "it reaches the network",
    "opa.": "it reads the environment",
    "rego.": "it reads the policy itself",
    "time.now_ns": "it reads the clock; rules of the policy know the time by `when`",
    "rand.": "it gives another answer each time",
    "uuid.rfc4122": "it gives another answer each time",
    "io.jwt.decode_verify": "it reads the clock",
    "providers.": "it signs with credentials",
    "print": "it would write values of the request out",
    "trace": "it would write values of the request out",
}


def impurity(name: str) -> str:
    """Say why a function is kept from own Rego, or give nothing."""
    for start, why in _IMPURE.items():
        if name == start or (start.endswith((".", "_")) and name.startswith(start)):
            return why
    return ""
