"""What a server says through a WebSocket, with values in place of the agent's own surrogates."""

from __future__ import annotations

from addons.event_frames import Frame, StreamUnreadable
from addons.restore_events import EventRestorer
from addons.way_back import Ways


class _Messages:
    """Takes each message for an event."""

    held = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Take a message."""
        return [Frame(data, data, lambda new: new)]

    def rest(self) -> bytes:
        """Give what is held, which is nothing."""
        return b""


class SocketAnswers:
    """Restores text messages; a message whose text may go on in the next one waits for it."""

    def __init__(self, ways: Ways, bound: int) -> None:
        self._events = EventRestorer(_Messages(), ways, bound, only_sure=True)

    @property
    def holding(self) -> bool:
        """Whether a message waits for the next one."""
        return self._events.holding

    def use(self, ways: Ways) -> None:
        """Know the surrogates that the agent's last message has brought."""
        self._events.use(ways)

    def take(self, text: str) -> list[str]:
        """Take a whole message; gives those that go on now."""
        if not text:
            return [text]
        try:
            return [message.decode() for message in self._events.feed(text.encode())]
        except (StreamUnreadable, UnicodeError):
            return [*self.release(), text]

    def release(self) -> list[str]:
        """Give what waits: nothing has come for a while, or nothing more comes."""
        return [message.decode() for message in self._events.release()]
