"""Which column of a table is what: by the names that people give them, or as told."""

from collections.abc import Mapping

from tectra.core.errors import InputError
from tectra.feed.importer.base import Options

__all__ = ["BAR_WORDS", "TRADE_WORDS", "choose", "given_columns"]

_TIME = ("time", "timestamp", "date", "datetime", "open_time", "ts", "date_time", "gmt time")
_SYMBOL = ("symbol", "ticker", "instrument", "pair", "sym")

BAR_WORDS: Mapping[str, tuple[str, ...]] = {
    "time": (*_TIME, "index", "__index_level_0__"),
    "open": ("open", "o", "first", "op"),
    "high": ("high", "h", "max", "hi"),
    "low": ("low", "l", "min", "lo"),
    "close": ("close", "c", "last", "cl"),
    "volume": ("volume", "v", "vol", "qty", "volume_qty"),
    "symbol": _SYMBOL,
    "turnover": ("turnover", "quote_volume", "quote_asset_volume", "amount"),
    "trades": ("trades", "count", "number_of_trades", "trade_count", "tickcount"),
}
TRADE_WORDS: Mapping[str, tuple[str, ...]] = {
    "time": (*_TIME, "ts_event", "exchange_time", "trade_time"),
    "local_time": ("local_time", "local_timestamp", "ts_recv", "receive_time", "recv_time"),
    "price": ("price", "px", "p", "rate"),
    "size": ("size", "qty", "quantity", "amount", "volume", "q", "shares"),
    "side": ("side", "direction", "aggressor", "taker_side"),
    "id": ("id", "trade_id", "tradeid", "match_id"),
    "symbol": _SYMBOL,
}


def given_columns(options: Options, words: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Option `columns`: a mapping, or text such as time=Date,price=P. InputError."""
    raw = options.raw("columns")
    if raw is None:
        return {}
    if isinstance(raw, Mapping):
        pairs = [(str(k), str(v)) for k, v in raw.items()]
    else:
        pairs = [
            (k.strip(), v.strip()) for k, _, v in (p.partition("=") for p in str(raw).split(","))
        ]
    for word, column in pairs:
        if word not in words or not column:
            raise InputError(
                f"columns: found {word}={column}; allowed: {', '.join(words)}, each = a column"
            )
    return dict(pairs)


def choose(
    names: list[str], words: Mapping[str, tuple[str, ...]], given: Mapping[str, str]
) -> dict[str, str]:
    """Column of each word that has one. InputError for a column told that is not there."""
    out: dict[str, str] = {}
    lower: dict[str, str] = {}
    for name in names:
        lower.setdefault(name.strip().lower(), name)
    for word, usual in words.items():
        if word in given:
            if given[word] not in names:
                raise InputError(
                    f"columns: found {word}={given[word]}; allowed: {', '.join(names)}"
                )
            out[word] = given[word]
            continue
        found = next((lower[u] for u in usual if u in lower), None)
        if found is not None and found not in given.values():
            out[word] = found
    return out
