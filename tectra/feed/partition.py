"""Symbols to partitions, so that feeds, books and runners of several threads share none."""

import hashlib
from collections.abc import Iterable, Mapping

from tectra.core.errors import InputError

__all__ = ["partition_of", "split_symbols"]


def _check(partitions: int) -> None:
    if partitions < 1:
        raise InputError(f"partitions: found {partitions}; allowed: 1 or more")


def partition_of(symbol: str, partitions: int) -> int:
    """The partition of a symbol, 0 to `partitions` - 1: the same on every machine and day.

    Of N partitions one more takes over 1 of N + 1 symbols, and no other symbol moves.
    """
    _check(partitions)
    return max(
        range(partitions),
        key=lambda i: hashlib.blake2b(f"{i}/{symbol}".encode(), digest_size=8).digest(),
    )


def split_symbols(
    symbols: Iterable[str], partitions: int, *, weights: Mapping[str, float] | None = None
) -> tuple[tuple[str, ...], ...]:
    """Disjoint symbols of each partition, sorted. Without weights by partition_of; with weights (as
    message counts of another day) the heaviest first to the lightest partition, a symbol without
    one counting 1. The same input gives the same answer, in whatever order it comes.
    """
    _check(partitions)
    names = sorted(set(symbols))
    out: list[list[str]] = [[] for _ in range(partitions)]
    if weights is None:
        for name in names:
            out[partition_of(name, partitions)].append(name)
        return tuple(map(tuple, out))
    negative = sorted(name for name in names if weights.get(name, 1) < 0)
    if negative:
        raise InputError(f"weights of {', '.join(negative)} are negative; allowed: 0 or more")
    loads = [0.0] * partitions
    for name in sorted(names, key=lambda n: (-weights.get(n, 1), n)):
        lightest = min(range(partitions), key=lambda i: (loads[i], len(out[i]), i))
        loads[lightest] += weights.get(name, 1)
        out[lightest].append(name)
    return tuple(tuple(sorted(part)) for part in out)
