"""A market of a seed: the messages of a venue's session, their records, and when each was made."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from tectra.core.rng import Random
from tectra.core.types import Exchange
from tectra.feed.flow_gen import FlowGenerator, Regime, decode_framed
from tectra.feed.itch_encode import encode
from tectra.journal.scan import walk
from tectra.refdata.instrument import Instrument
from tectra.testing.fault import Fault, FaultCounts, Faults

__all__ = ["DATE", "MIDNIGHT_NS", "Market"]

DATE = "2026-01-05"
MIDNIGHT_NS = 1_767_589_200_000_000_000  # of New York, in UTC
_OPEN_NS = 34_200_000_000_000
_SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMD")
_PART = 250  # messages between two looks at halts and moods


class Market:
    """`steps` messages, number 1 first; `times_ns` of each, UTC.

    The mean time between two is drawn: a busy market leaves less room for recovery. Flow comes from
    FlowGenerator, so that books are consistent and never crossed.
    """

    def __init__(self, seed: int, steps: int, faults: Faults, counts: FaultCounts) -> None:
        dice = Random(seed).spawn(1)
        self.symbols = _SYMBOLS[: dice.integers(1, len(_SYMBOLS) + 1)]
        self.gap_ns = dice.choice((40_000_000, 100_000_000, 400_000_000))
        self.instruments = tuple(
            Instrument(i, s, Exchange.NASDAQ, tick=100) for i, s in enumerate(self.symbols, 1)
        )
        self._faults, self._counts, self._dice = faults, counts, dice
        self._halted: set[int] = set()
        framed = self._framed(seed, steps)
        self.messages = _split(framed)[:steps]
        slots = np.asarray(
            decode_framed(np.frombuffer(framed, np.uint8), MIDNIGHT_NS, 0), np.uint8
        ).reshape(-1)
        starts = [*walk(slots)[0].tolist(), len(slots) // 64]
        self.records = [slots[a * 64 : b * 64].tobytes() for a, b in pairwise(starts)][:steps]
        assert len(self.records) == len(self.messages)
        self.times_ns = [
            MIDNIGHT_NS + int.from_bytes(message[5:11], "big") for message in self.messages
        ]

    @property
    def definitions(self) -> list[bytes]:
        """What a snapshot begins with: the directory of the symbols."""
        return [_directory(i, symbol, 0) for i, symbol in enumerate(self.symbols, 1)]

    def _framed(self, seed: int, steps: int) -> bytes:
        dice = self._dice
        calm = Regime(orders=dice.integers(4, 40))
        wild = calm._replace(reach=60_000, half=48, take=200)
        ticks = [dice.integers(300, 20_000) for _ in self.symbols]
        gen = FlowGenerator(self.symbols, ticks, [calm, wild], seed=seed, start_ns=_OPEN_NS)
        out = [_frame(_directory(i, s, _OPEN_NS)) for i, s in enumerate(self.symbols, 1)]
        out += [_frame(_action(i, s, "T", _OPEN_NS)) for i, s in enumerate(self.symbols, 1)]
        made = len(out)
        while made < steps:
            mood = dice.choice((1, 1, 1, 10)) * self.gap_ns // 2
            until, done = gen.now_ns + _PART * mood, False
            while not done:
                data, messages, done = gen.run(until, float(mood))
                out.append(data.tobytes())
                made += messages
            index = dice.integers(0, len(self.symbols))
            gen.set_regime(index, dice.integers(0, 2))
            if index in self._halted or dice.chance(self._faults.halt):
                out.append(self._turn(gen, index))
                made += 1
        return b"".join(out)

    def _turn(self, gen: FlowGenerator, index: int) -> bytes:
        """Halt a symbol, or let it trade again."""
        halt = index not in self._halted
        if halt:
            self._counts[Fault.HALT] += 1
            self._halted.add(index)
        else:
            self._halted.discard(index)
        gen.halt(index, halt)
        return _frame(_action(index + 1, self.symbols[index], "H" if halt else "T", gen.now_ns))


def _directory(locate: int, symbol: str, time_ns: int) -> bytes:
    body = ("Q", "N", 100, "N", "C", "Z", "P", "N", "N", "1", "N", 0, "N")
    return encode("R", locate, time_ns, symbol, *body)


def _action(locate: int, symbol: str, state: str, time_ns: int) -> bytes:
    return encode("H", locate, time_ns, symbol, state, "", "")


def _frame(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message


def _split(framed: bytes) -> list[bytes]:
    out, at = [], 0
    while at < len(framed):
        size = int.from_bytes(framed[at : at + 2], "big")
        out.append(framed[at + 2 : at + 2 + size])
        at += 2 + size
    return out


def packet(session: bytes, sequence: int, messages: Sequence[bytes], *, count: int = -1) -> bytes:
    """A MoldUDP64 packet; `count` instead of the number of its messages: 0 a heartbeat, 65,535 the
    end of the session.
    """
    head = session + sequence.to_bytes(8, "big")
    number = len(messages) if count < 0 else count
    return head + number.to_bytes(2, "big") + b"".join(map(_frame, messages))
