"""Which venue a capture is of, by the addresses in it and the shape of its messages."""

from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from tectra.core.errors import FileFormatError
from tectra.feed.capture import CaptureKind, CaptureReader

__all__ = ["VENUES", "detect", "venue_of", "votes"]

_LOOKED_AT = 400
_ADDRESS_VOTES = 50


def _kraken(m: Any) -> bool:
    if type(m) is list:
        return len(m) >= 4 and type(m[-1]) is str and type(m[-2]) is str and type(m[0]) is int
    if m.get("event") in ("heartbeat", "systemStatus", "subscriptionStatus", "pong"):
        return True
    if "method" in m and ("success" in m or "time_in" in m):
        return True
    channel = m.get("channel")
    return channel in ("heartbeat", "status") or (
        "events" not in m and type(channel) is str and "type" in m and "data" in m
    )


def _okx(m: Any) -> bool:
    if type(m) is not dict:
        return False
    return (type(m.get("arg")) is dict and "channel" in m["arg"]) or ("code" in m and "data" in m)


def _coinbase(m: Any) -> bool:
    if type(m) is not dict:
        return False
    if "sequence_num" in m and "events" in m:
        return True
    return type(m.get("type")) is str and (
        "product_id" in m or m["type"] == "subscriptions" or "product_ids" in m
    )


def _bybit(m: Any) -> bool:
    if type(m) is not dict:
        return False
    return type(m.get("topic")) is str or "retCode" in m or ("op" in m and "success" in m)


def _binance(m: Any) -> bool:
    if type(m) is not dict:
        return False
    if type(m.get("stream")) is str and "data" in m:
        return True
    return (
        (type(m.get("e")) is str and "E" in m)
        or "lastUpdateId" in m
        or {"u", "s", "b", "B", "a", "A"} <= m.keys()
        or {"result", "id"} == m.keys()
    )


VENUES: dict[str, Callable[[Any], bool]] = {
    "binance": _binance,
    "bybit": _bybit,
    "coinbase": _coinbase,
    "kraken": _kraken,
    "okx": _okx,
}


def votes(path: Path) -> Counter[str]:
    """How many of the first messages look like each venue's; addresses count more."""
    out: Counter[str] = Counter()
    with CaptureReader(path) as reader:
        for line in islice(reader, _LOOKED_AT):
            for venue in VENUES:
                if venue in line.url.lower():
                    out[venue] += _ADDRESS_VOTES
            if line.kind not in (CaptureKind.RECV, CaptureKind.HTTP):
                continue
            for venue in _alike(line.data):
                out[venue] += 1
    return out


def _alike(data: bytes) -> list[str]:
    """The venues whose messages look like this one."""
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        return []
    if type(message) not in (dict, list):
        return []
    return [venue for venue, looks_like in VENUES.items() if looks_like(message)]


def venue_of(data: bytes) -> str | None:
    """The one venue that a message looks like; None where that is no or several ones."""
    found = _alike(data)
    return found[0] if len(found) == 1 else None


def detect(path: Path, venue: str | None) -> str:
    """The venue of a capture. FileFormatError where the file looks like no venue's, or like
    another's than the given one.
    """
    found = votes(path)
    best = found.most_common(1)[0][0] if found else None
    if venue is None:
        if best is None:
            raise FileFormatError(
                f"{path}: found no message of {', '.join(VENUES)} among the first lines; allowed: "
                "a raw capture of one of them; name it with --venue if it is one"
            )
        return best
    if best is not None and best != venue and not found[venue]:
        raise FileFormatError(
            f"{path}: found messages of {best}; allowed: those of {venue}, as --venue says"
        )
    return venue
