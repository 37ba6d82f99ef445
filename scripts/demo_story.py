"""What the demo tells: the policy, the words of the agent, and what must come of each step."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.upstreams import EhrApi, LlmApi, PaymentsApi

SSN = "536-90-4399"
NOTE = f"Follow-up in two weeks. SSN {SSN} was checked against the insurance card."
PATIENT = {
    "resourceType": "Patient",
    "active": True,
    "identifier": [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": SSN}],
    "gender": "female",
}
REPLY = "The billing office is on the second floor and answers the phone from nine to five."

POLICY = """\
apiVersion: aegis/v1
kind: Policy
metadata:
  name: clinic
destinations:
  - id: llm
    hosts: [api.llm.example.test]
    ports: [{llm}]
    addresses: [127.0.0.0/8]
  - id: payments
    hosts: [pay.example.test]
    ports: [{pay}]
    addresses: [127.0.0.0/8]
  - id: ehr
    hosts: [ehr.example.test]
    ports: [{ehr}]
    addresses: [127.0.0.0/8]
tools:
  - id: payments.create
    destination: payments
    http: {{methods: [POST], path: /v1/payments}}
    arguments:
      amount: {{max: 5000, min: 0, required: true}}
      currency: {{enum: [USD]}}
rules:
  - id: agents-may-ask-the-model
    agents: ["*"]
    destinations: [llm]
    effect: allow
  - id: clinic-may-pay
    agents: ["group:clinic"]
    destinations: [payments]
    tools: [payments.create]
    effect: allow
  - id: clinic-may-write-records
    agents: ["group:clinic"]
    destinations: [ehr]
    effect: allow
redaction:
  - id: no-ssn-leaves
    destinations: [ehr]
    entities:
      US_SSN: {{operator: mask, keep_last: 4}}
"""


@dataclass(frozen=True, slots=True)
class World:
    """The services that the agent calls."""

    llm: LlmApi
    payments: PaymentsApi
    ehr: EhrApi

    def policy(self, text: str) -> str:
        """Put this run's ports into a policy."""
        return text.format(llm=self.llm.port, pay=self.payments.port, ehr=self.ehr.port)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `problem` says what is not as it should be, `shown` what the service saw."""

    name: str
    title: str
    effect: str
    shown: Callable[[World, dict[str, Any]], str]
    problem: Callable[[World, dict[str, Any]], str | None]


def _streamed(_: World, answer: dict[str, Any]) -> str | None:
    times = answer.get("times") or [0.0]
    if answer.get("text") != REPLY:
        return "the model's answer did not arrive whole"
    if times[-1] - times[0] < 0.2:
        return "the answer came in one piece: it was held back"
    return None


def _show_stream(_: World, answer: dict[str, Any]) -> str:
    times = answer.get("times") or [0.0]
    return (
        f"the agent reads the first word after {times[0]:.2f} s, "
        f"the last of {len(times)} after {times[-1]:.2f} s"
    )


def _nothing_paid(world: World, answer: dict[str, Any]) -> str | None:
    if not world.payments.untouched:
        return "the payments API was contacted"
    return None if answer.get("status") == 403 else "the agent was not told"


def _paid(world: World, answer: dict[str, Any]) -> str | None:
    if [payment["amount"] for payment in world.payments.payments] != [40]:
        return "the payments API has not got exactly this payment"
    return None if answer.get("status") == 201 else "the agent got no receipt"


def _note_is_clean(world: World, answer: dict[str, Any]) -> str | None:
    if answer.get("status") != 201 or not world.ehr.notes:
        return "the note did not arrive"
    if SSN[:6].encode() in world.ehr.everything():
        return "the SSN left the building"
    return None if "Follow-up in two weeks." in world.ehr.notes[0] else "the note was damaged"


def _patient_is_clean(world: World, answer: dict[str, Any]) -> str | None:
    if answer.get("status") != 201 or not world.ehr.resources:
        return "the resource did not arrive"
    if SSN[:6].encode() in world.ehr.everything():
        return "the SSN left the building"
    return None if _patient(world)["gender"] == "female" else "the resource was damaged"


def _patient(world: World) -> dict[str, Any]:
    return next(iter(world.ehr.resources.values()), {})


STORY = (
    Step("ask", "The agent asks its model; the answer is streamed", "allow",
         _show_stream, _streamed),
    Step("exfiltrate", "It calls a host that nobody declared", "deny",
         lambda _, answer: f"the agent gets: {answer.get('refused')}",
         lambda _, answer: None if "refused" in answer else "the call was not refused"),
    Step("pay_much", "It wants to pay 7,500; the policy ends at 5,000", "deny",
         lambda world, _: f"connections the payments API saw: {len(world.payments.connections)}",
         _nothing_paid),
    Step("pay_little", "It pays 40", "allow",
         lambda world, _: f"the payments API has {json.dumps(world.payments.payments)}",
         _paid),
    Step("note", f"It writes a note: {NOTE}", "sanitize",
         lambda world, _: f"the EHR received: {''.join(world.ehr.notes)}",
         _note_is_clean),
    Step("patient", "It registers a FHIR Patient with the same SSN", "sanitize",
         lambda world, _: f"the EHR received: {json.dumps(_patient(world).get('identifier'))}",
         _patient_is_clean),
)  # fmt: skip
