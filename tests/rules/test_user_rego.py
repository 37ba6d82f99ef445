"""Own Rego: what it may say, and what comes out of it."""

import pytest

from rules import EvaluationError, PolicyError
from rules.user_rego import REFUSED, UserRego, check_modules

HEAD = "package aegis.user.x\n"
MODULES = {
    "limits.rego": """\
package aegis.user.limits

import data.aegis.user.lib as helpers

deny contains {"id": "too-much", "reason": "Ask finance."} if {
	helpers.over(input.tool.arguments.amount, 100)
}

deny contains "weekend" if input.day in {5, 6}

approve contains {"id": "finance"} if input.tool.name == "pay"

redact contains "ssn" if input.tool.name == "mail.send"
""",
    "lib.rego": """\
package aegis.user.lib

over(value, bound) if {
	is_number(value)
	value > bound
}

deny contains id if {
	some id in ["from-a-list", "weekend"]
	input.list
}
""",
}


def test_findings_of_all_packages_are_put_together():
    rego = UserRego(MODULES)
    assert rego.evaluate({}) == {"deny": [], "approve": [], "redact": []}
    found = rego.evaluate(
        {"day": 5, "list": True, "tool": {"name": "pay", "arguments": {"amount": 101}}}
    )
    assert found == {
        "deny": [
            {"id": "from-a-list", "reason": REFUSED},
            {"id": "too-much", "reason": "Ask finance."},
            {"id": "weekend", "reason": REFUSED},
        ],
        "approve": [{"id": "finance", "reason": REFUSED}],
        "redact": [],
    }
    assert rego.evaluate({"tool": {"name": "mail.send"}})["redact"] == ["ssn"]


def test_each_id_has_its_place():
    rego = UserRego(MODULES)
    assert rego.source("too-much") == "limits.rego:5"
    assert rego.source("ssn") == "limits.rego:13"
    assert rego.source("nothing") == ""


def test_no_modules_find_nothing():
    assert UserRego({}).evaluate({}) == {"deny": [], "approve": [], "redact": []}


def test_an_error_of_a_builtin_is_an_error_with_its_place_and_no_value():
    rego = UserRego({"x.rego": HEAD + 'deny contains "a" if to_number(input.secret) > 1\n'})
    with pytest.raises(EvaluationError, match=r"x\.rego:2") as caught:
        rego.evaluate({"secret": "123-45-6789"})
    assert "123" not in str(caught.value)


def test_a_value_of_the_request_never_comes_out():
    put_together = 'deny contains {"id": "a", "reason": r} if r := sprintf("no %s", [input.ssn])\n'
    rego = UserRego({"x.rego": HEAD + put_together})
    assert rego.evaluate({"ssn": "123-45-6789"})["deny"] == [{"id": "a", "reason": REFUSED}]
    rego = UserRego({"x.rego": HEAD + "deny contains input.ssn\n"})
    with pytest.raises(EvaluationError, match="not written in it") as caught:
        rego.evaluate({"ssn": "123-45-6789"})
    assert "123" not in str(caught.value)


@pytest.mark.parametrize("element", ["1", "{}", '{"id": 4}', '""', '"a b"', "null", "[]"])
def test_an_element_without_an_id_is_an_error(element):
    rego = UserRego({"x.rego": HEAD + f"deny contains {element}\n"})
    with pytest.raises(EvaluationError, match="has no id"):
        rego.evaluate({})


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("package other\n", "1:1: package", "named aegis.user.NAME"),
        ("package aegis.user\n", "1:1: package", "named aegis.user.NAME"),
        ('package aegis.user["a b"]\n', "1:1: package", "named aegis.user.NAME"),
        (HEAD + "allow if true\n", "2:1: allow", "never allow"),
        (HEAD + "default allow := false\n", "allow", "never allow"),
        (HEAD + 'deny := {"a"}\n', "2:1: deny", "must be a set"),
        (HEAD + "default deny := true\n", "deny", "must be a set"),
        (HEAD + 'deny["a"] := true\n', "2:1: deny", "must be a set"),
        (HEAD + "deny.x contains 1\n", "2:1: deny", "must be a set"),
        (HEAD + 'deny contains "a" if {\n', "3:1", "expecting expression"),
        (HEAD + 'deny contains "a" if y == 1\n', "2:22", "unsafe"),
        (HEAD + "import data.aegis_cfg\n", "2:1: import", "cannot be imported"),
        (HEAD + "x := data.aegis.decision\n", "2:", "cannot read"),
        (HEAD + "x := data\n", "2:", "cannot read"),
        (HEAD + "x := data[input.a]\n", "2:", "cannot read"),
        (HEAD + 'x := data["aegis"].cfg\n', "2:", "cannot read"),
        (HEAD + "x := 1 if conut([1]) == 1\n", "2:16: conut", "Did you mean 'count'?"),
        (HEAD + "x := 1 if input.y with http.send as 1\n", "2:", "cannot be replaced"),
        (HEAD + "x := " + "[" * 40 + "]" * 40 + "\n", "1:1", "deep"),
        (HEAD + "#" * 300_000, "1:1", "larger"),
    ],
)
def test_what_own_rego_may_not_say(text, place, says):
    problems = check_modules({"x.rego": text})
    assert problems
    told = "\n".join(map(str, problems))
    assert f"x.rego:{place}" in told or place in told
    assert says in told
    with pytest.raises(PolicyError):
        UserRego({"x.rego": text})


@pytest.mark.parametrize(
    "call",
    [
        'http.send({"url": "http://x"})',
        'net.lookup_ip_addr("x")',
        "opa.runtime()",
        "time.now_ns()",
        'rand.intn("a", 2)',
        'uuid.rfc4122("a")',
        'io.jwt.decode_verify("a", {})',
        'print("a")',
        'trace("a")',
        "rego.metadata.rule()",
    ],
)
@pytest.mark.parametrize(
    "where",
    [
        'deny contains "a" if {{ {} }}\n',
        'deny contains "a" if {{ not {} }}\n',
        "x := {}\n",
        "f(y) := {}\n",
        "x := 1 if {{ false }} else := {}\n",
        "x := [y | y := [z | z := {}]]\n",
        'x contains "a" if {{ every y in [{}] {{ y }} }}\n',
        'x contains "a" if {{ input.z with input as {} }}\n',
        "x[{}] := 1\n",
        "x := input[{}]\n",
    ],
)
def test_rego_that_is_not_pure_is_refused_wherever_it_stands(call, where):
    told = "\n".join(map(str, check_modules({"x.rego": HEAD + where.format(call)})))
    assert "is not allowed" in told


def test_all_mistakes_of_all_modules_are_named_at_once():
    problems = check_modules(
        {"a.rego": HEAD + "allow if http.send({})\n", "b.rego": "package b\n", "c.rego": "{"}
    )
    assert [problem.file for problem in problems] == ["a.rego", "a.rego", "b.rego", "c.rego"]


def test_a_function_cannot_hide_one_that_is_not_pure():
    text = HEAD + 'http.send(x) := x\n\ndeny contains "a" if http.send({})\n'
    assert "is not allowed" in str(check_modules({"x.rego": text})[0])


def test_a_package_cannot_stand_in_the_place_of_a_set():
    modules = {"a.rego": HEAD + 'deny contains "a"\n', "b.rego": "package aegis.user.x.deny\n"}
    assert "inside the set aegis.user.x.deny" in str(check_modules(modules)[0])
    assert check_modules({"b.rego": 'package aegis.user.deny\ndeny contains "a"\n'}) == []


def test_checking_evaluates_nothing():
    endless = 'deny contains "a" if count(numbers.range(1, 1000000000)) > 1\n'
    assert check_modules({"x.rego": HEAD + endless}) == []


def test_brackets_in_texts_and_comments_do_not_count():
    text = HEAD + f'x := "{"[" * 50}"\n# {"[" * 50}\ny := `{"{" * 50}`\n'
    assert check_modules({"x.rego": text}) == []
