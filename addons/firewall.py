"""The firewall's steps in order; `mitmdump -s addons/firewall.py` runs them."""

from __future__ import annotations

from typing import Any

from addons.decide import Decide
from addons.dial import Dial
from addons.framing import Framing
from addons.gate import Gate
from addons.guard import Guard
from addons.identify import Identify
from addons.locate import Locate
from addons.read import Read
from addons.record import Record
from addons.sanitise import Sanitise
from addons.services import Services
from addons.settle import Settle
from addons.trace_context import TraceContext


def steps() -> list[Any]:
    """Make the steps of one firewall behind their guard."""
    services = Services()
    return [
        services,
        Guard(
            [
                Identify(services),
                Locate(),
                Framing(),
                Read(services),
                Decide(services),
                TraceContext(services),
                Sanitise(services),
                Dial(services),
                Record(services),
                Settle(services),
                Gate(),
            ]
        ),
    ]


addons = steps()
