"""What `aegis up` gives to try fits the policy that it runs."""

from control.examples import Examples, examples
from rules import DEFAULT_POLICY

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata: {name: examples}
mode: enforce
destinations:
  - {id: closed, hosts: [closed.example.test]}
  - {id: open, hosts: ["*.wild.example.test", open.example.test], ports: [8443]}
  - {id: other, hosts: [example.com]}
rules:
  - {id: some, agents: [default], destinations: [open, other], effect: allow}
  - {id: others, agents: [somebody-else], destinations: [closed], effect: allow}
"""


def of(tmp_path, text):
    (tmp_path / "policy.yaml").write_text(text)
    return examples(tmp_path / "policy.yaml")


def test_the_developer_pack_has_one_that_answers_anybody():
    assert examples(DEFAULT_POLICY) == Examples(
        "https://api.github.com/zen", "https://example.com/", "Refused"
    )


def test_only_what_the_default_agent_may_is_given(tmp_path):
    shown = of(tmp_path, POLICY)
    assert shown.allowed == "https://open.example.test:8443/"
    assert shown.refused == "https://example.net/"


def test_in_observe_mode_nothing_is_called_refused(tmp_path):
    assert of(tmp_path, POLICY.replace("enforce", "observe")).refusal != "Refused"


def test_a_policy_that_allows_nothing_has_no_example(tmp_path):
    assert of(tmp_path, POLICY.replace("agents: [default]", "agents: [nobody]")).allowed == ""


def test_a_policy_that_cannot_be_read_has_none(tmp_path):
    assert examples(tmp_path / "none.yaml") == Examples()
