"""The firewall's steps in order; `mitmdump -s addons/firewall.py` runs them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    # mitmdump puts this file's folder on the path, not the one that `addons` lies in.
    sys.path.insert(0, _ROOT)

from addons.answers import Answers  # noqa: E402
from addons.connections import Connections  # noqa: E402
from addons.conversation import Conversation  # noqa: E402
from addons.decide import Decide  # noqa: E402
from addons.dial import Dial  # noqa: E402
from addons.framing import Framing  # noqa: E402
from addons.gate import Gate  # noqa: E402
from addons.guard import Guard  # noqa: E402
from addons.identify import Identify  # noqa: E402
from addons.jail_aim import JailAim  # noqa: E402
from addons.jail_dns import JailDns  # noqa: E402
from addons.label import Label  # noqa: E402
from addons.locate import Locate  # noqa: E402
from addons.older_mcp import OlderMcp  # noqa: E402
from addons.on_behalf_of import OnBehalfOf  # noqa: E402
from addons.openings import Openings  # noqa: E402
from addons.passthrough import Passthrough  # noqa: E402
from addons.read import Read  # noqa: E402
from addons.record import Record  # noqa: E402
from addons.refused_certificate import RefusedCertificate  # noqa: E402
from addons.route import Route  # noqa: E402
from addons.sanitise import Sanitise  # noqa: E402
from addons.services import Services  # noqa: E402
from addons.settle import Settle  # noqa: E402
from addons.through_proxy import ThroughProxy  # noqa: E402
from addons.tool_lists import ToolLists  # noqa: E402
from addons.trace_context import TraceContext  # noqa: E402
from addons.upstream_tls import UpstreamTls  # noqa: E402
from addons.websocket import Websocket  # noqa: E402


def steps() -> list[Any]:
    """Make the steps of one firewall behind their guard."""
    services, openings = Services(), Openings()
    read, label, decide = Read(services), Label(services), Decide(services)
    sanitise, dial, record = Sanitise(services), Dial(services), Record(services)
    tool_lists = ToolLists(services)
    return [
        services,
        JailDns(services),
        Guard(
            [
                Identify(services),
                Connections(services),
                OnBehalfOf(services),
                Conversation(),
                Locate(),
                JailAim(services),
                Framing(services),
                read,
                label,
                decide,
                Passthrough(services, openings, dial, record),
                TraceContext(services),
                sanitise,
                tool_lists,
                OlderMcp(),
                Answers(services),
                Route(),
                dial,
                record,
                Websocket(services, [read, label, decide, sanitise, tool_lists, record]),
                Settle(services),
                Gate(openings),
                ThroughProxy(openings),
                UpstreamTls(services, openings),
                RefusedCertificate(services),
            ]
        ),
    ]


addons = steps()
