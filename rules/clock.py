"""What time it is in the zones that a policy names, as facts for a decision."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def clock(now: float, zones: Sequence[str]) -> dict[str, dict[str, int]]:
    """Give the day (0 is Monday) and the minute of the day in each zone.

    `now` is seconds since the epoch.
    """
    if not zones:
        return {}
    instant = datetime.fromtimestamp(now, UTC)
    facts = {}
    for zone in zones:
        local = instant.astimezone(ZoneInfo(zone))
        facts[zone] = {"day": local.weekday(), "minute": local.hour * 60 + local.minute}
    return facts
