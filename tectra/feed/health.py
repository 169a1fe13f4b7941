"""Whether a live feed still says something: per channel and per symbol, against what is usual."""

from typing import Any

import msgspec
import numpy as np

from tectra.core.errors import InputError
from tectra.feed.watch import FeedWatch

__all__ = ["FeedHealth", "StalePolicy"]

_S = 1_000_000_000
_LEARNED = 3  # records that an instrument needs before its usual silence is known


class StalePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Silence of `factor` times the expected interval is stale, never less than `floor_ns`.

    channel_interval_ns: the longest pause between two packets, heartbeats included.
    symbol_interval_ns: the longest usual pause of a symbol; None: learned, the longest of late.
    check_ns: between two looks. symbols: whether symbols are judged at all.
    """

    factor: float = 3.0
    floor_ns: int = _S
    channel_interval_ns: int = _S
    symbol_interval_ns: int | None = None
    check_ns: int = _S // 10
    symbols: bool = True

    def __post_init__(self) -> None:
        if self.factor < 1.0 or self.floor_ns <= 0 or self.channel_interval_ns <= 0:
            raise InputError(
                f"stale: found factor {self.factor}, floor {self.floor_ns} ns, channel interval "
                f"{self.channel_interval_ns} ns; allowed: a factor of 1 or more, times above 0"
            )
        if self.check_ns <= 0 or (self.symbol_interval_ns or 1) <= 0:
            raise InputError(
                f"stale: found symbol interval {self.symbol_interval_ns}, check {self.check_ns} "
                "ns; allowed: above 0"
            )

    def limit_ns(self, interval_ns: int) -> int:
        """Silence that is stale, for an expected interval."""
        return max(self.floor_ns, int(self.factor * interval_ns))


class FeedHealth:
    """Judges silences. Times are of one clock that never steps. Owner thread: the feed's."""

    def __init__(self, policy: StalePolicy, watch: FeedWatch, now_ns: int) -> None:
        self.policy = policy
        self._watch = watch
        self._heard_ns = now_ns
        self._back_ns = now_ns
        self.mute = False
        self.stale_symbols = 0
        self.turned_stale = self.turned_mute = 0

    @property
    def heard_ns(self) -> int:
        """When the channel last brought something that the stream had use for."""
        return self._heard_ns

    def hear(self, now_ns: int) -> None:
        """Something came: data that was new, or a heartbeat that does not lag."""
        self._heard_ns = now_ns

    def is_quiet(self, now_ns: int) -> bool:
        """Heartbeats come, and no data for longer than usual."""
        channel = self._watch.channel
        if channel["records"] < _LEARNED or self._is_closed():
            return False
        limit = self.policy.limit_ns(channel["interval_ns"])
        return not self.mute and now_ns - channel["seen_ns"] > limit

    def _is_closed(self) -> bool:
        return bool(self._watch.entries[0]["halt"])

    def check(self, now_ns: int, *, ended: bool = False) -> list[tuple[int, bool]]:
        """What changed: (instrument, whether it is stale now); instrument 0 is the channel."""
        changes: list[tuple[int, bool]] = []
        limit = self.policy.limit_ns(self.policy.channel_interval_ns)
        mute = now_ns - self._heard_ns > limit and not ended
        if mute is not self.mute:
            self.mute = mute
            self.turned_mute += mute
            self._back_ns = now_ns
            changes.append((0, mute))
        # The channel's own silence says it for all of them, and a closed market is silent.
        if self.policy.symbols and not mute and not ended and not self._is_closed():
            changes += self._check_symbols(now_ns)
        return changes

    def _check_symbols(self, now_ns: int) -> list[tuple[int, bool]]:
        rows = self._watch.entries
        given = self.policy.symbol_interval_ns
        if given is None:
            known = rows["records"] >= _LEARNED
            limit = (rows["interval_ns"] * self.policy.factor).clip(self.policy.floor_ns)
        else:
            known = rows["records"] > 0
            limit = np.full(len(rows), float(self.policy.limit_ns(given)))
        silence = now_ns - rows["seen_ns"].clip(self._back_ns)
        stale = (silence > limit) & known & (rows["halt"] == 0)
        stale[0] = False
        changed = (stale != rows["is_stale"].astype(bool)).nonzero()[0]
        for i in changed:
            self._watch.set_stale(int(i), bool(stale[i]))
            self.turned_stale += bool(stale[i])
        self.stale_symbols = int(stale.sum())
        return [(int(i), bool(stale[i])) for i in changed]

    def symbols(
        self, names: dict[int, str], now_ns: int, *, limit: int, latency: bool = True
    ) -> dict[str, Any]:
        """JSON-able rows by symbol: the stale ones and the busiest, at most `limit`."""
        rows = self._watch.entries
        known = [i for i in names if i < len(rows) and rows["records"][i]]
        known.sort(key=lambda i: (-int(rows["is_stale"][i]), -int(rows["records"][i]), i))
        out: dict[str, Any] = {}
        for i in known[:limit]:
            row = rows[i]
            out[names[i]] = {
                "instrument_id": i,
                "records": int(row["records"]),
                "silence_ms": (now_ns - int(row["seen_ns"])) / 1e6,
                "interval_ms": int(row["interval_ns"]) / 1e6,
                "lag_ms": int(row["lag_ns"]) / 1e6,
                "stale": bool(row["is_stale"]),
                "halted": bool(row["halt"]),
            }
            if latency:
                out[names[i]]["latency_ns"] = self._watch.latency(i)
        return out
