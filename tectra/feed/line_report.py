"""What a live feed says of itself: counters by name, and health as JSON-able data."""

from typing import TYPE_CHECKING, Any

from tectra.core.counters import Counters
from tectra.core.msg import BookStatus
from tectra.feed.arbiter import REPLY, LineCounts
from tectra.feed.recovery import Phase
from tectra.feed.sequence import SequenceState

if TYPE_CHECKING:
    from tectra.feed.itch_line import ItchLineFeed

__all__ = ["LineReport"]

# What tells a state and not how often something happened.
GAUGES = ("book_status", "expected", "held", "lag_ns", "live_lines", "mute", "phase", "stale")


class LineReport:
    """Counters and health of one feed. Owner thread: the feed's."""

    def __init__(self, feed: "ItchLineFeed") -> None:
        self._feed = feed
        self._indices: dict[str, int] = {}

    def counts(self) -> dict[str, int]:
        """Counts since the feed was made."""
        feed = self._feed
        stream, recovery = feed.stream, feed.recovery
        line, reply = stream.arbiter.counts(), stream.arbiter.line(REPLY)
        sockets = feed.socket_counts()
        return {
            "messages": stream.messages,
            "packets": stream.packets,
            "gaps": line["gaps"],
            "lost": line["lost"],
            "recovered": line["recovered"],
            "duplicates": line["duplicates"],
            "overflow": line["overflow"],
            "sessions": line["sessions"],
            "resends_requested": recovery.requested,
            "resends_received": reply.messages,
            "dropped": sockets["dropped"] + sockets["cut"],
            "socket_errors": sockets["errors"],
            "malformed": stream.malformed,
            "malformed_packets": stream.malformed_packets,
            "unknown": stream.unknown,
            "filtered": stream.filtered,
            "future": stream.watch.ahead,
            "snapshots": recovery.snapshots_loaded,
            "snapshots_failed": recovery.snapshots_failed,
            "snapshots_old": recovery.snapshots_old,
            "turned_mute": feed.monitor.turned_mute,
            "turned_stale": feed.monitor.turned_stale,
            "reconnects": feed.reconnects,
        }

    def _gauges(self, now_ns: int) -> dict[str, int]:
        feed = self._feed
        arbiter = feed.stream.arbiter
        return {
            "book_status": int(self._status()),
            "expected": arbiter.expected,
            "held": arbiter.held,
            "lag_ns": max(feed.stream.watch.channel["lag_ns"], 0),
            "live_lines": sum(arbiter.is_live(i, now_ns) for i in range(arbiter.settings.lines)),
            "mute": int(feed.monitor.mute),
            "phase": int(feed.recovery.phase),
            "stale": feed.monitor.stale_symbols,
        }

    def publish(self, counters: Counters, now_ns: int) -> None:
        """Write counts and states to the page as feed.NAME.*."""
        for name, value in (self.counts() | self._gauges(now_ns)).items():
            index = self._indices.get(name)
            if index is None:
                index = counters.claim(f"feed.{self._feed.config.name}.{name}")
                self._indices[name] = index
            counters.set(index, value)

    def _status(self) -> BookStatus:
        """Of all books together; staleness counts only while they are right otherwise."""
        status = self._feed.recovery.status
        if status is BookStatus.VALID and self._feed.monitor.mute:
            return BookStatus.STALE
        return status

    def _seq_state(self, now_ns: int) -> str:
        feed = self._feed
        if feed.recovery.phase is not Phase.LIVE:
            return feed.recovery.phase.name
        state = feed.stream.arbiter.state
        if state is SequenceState.GAP and feed.stream.missing(now_ns) is None:
            state = SequenceState.SYNCED
        return state.name

    def _line(self, counts: LineCounts, now_ns: int, live: bool) -> dict[str, Any]:
        return {
            "live": live,
            "silence_ms": (now_ns - counts.last_ns) / 1e6,
            **{
                name: getattr(counts, name)
                for name in counts.__struct_fields__
                if name not in ("last_ns", "ended")
            },
            "ended": counts.ended,
        }

    def health(self, now_ns: int, symbols_max: int) -> dict[str, Any]:
        """One JSON-able document; times of waits are milliseconds."""
        feed = self._feed
        stream, monitor, arbiter = feed.stream, feed.monitor, feed.stream.arbiter
        channel = stream.watch.channel
        missing = stream.missing(now_ns)
        return {
            "name": feed.config.name,
            "session": stream.session.decode("latin-1").strip(),
            "seq_state": self._seq_state(now_ns),
            "book_status": self._status().name,
            "lag_ms": channel["lag_ns"] / 1e6 if channel["records"] else None,
            "silence_ms": (now_ns - monitor.heard_ns) / 1e6,
            "mute": monitor.mute,
            "quiet": monitor.is_quiet(now_ns),
            "stale_symbols": monitor.stale_symbols,
            "ended": arbiter.ended,
            "expected": arbiter.expected,
            "highest": arbiter.highest,
            "missing": list(missing) if missing else None,
            "held": arbiter.held,
            "window": stream.window,
            "requests_in_flight": feed.recovery.in_flight,
            "lines": [
                self._line(arbiter.line(i), now_ns, arbiter.is_live(i, now_ns))
                for i in range(arbiter.settings.lines)
            ],
            "counters": self.counts(),
            "symbols": monitor.symbols(feed.instruments, now_ns, limit=symbols_max),
        }
