"""A market that is made up: order flow of many symbols as ITCH 5.0 messages."""
# Owns the books of all symbols in memory that does not grow. One owner thread. 100 to 200 ns a
# message. Wraps ext/tectra/gen_flow.h.

from typing import NamedTuple

from cython cimport final
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from tectra.core.rng cimport tt_rng_seed
from tectra.feed.itch cimport LocateMap, tt_itch_counts, tt_itch_ctx, tt_itch_decode

import numpy as np

from tectra.core.errors import FileFormatError, InputError, OutOfMemoryError

__all__ = ["FlowGenerator", "Regime", "decode_framed"]

cdef enum:
    CHUNK = 1 << 20
    PICKS = 1 << 16
    SYMBOLS_MAX = 20_000
    SLOT = 64


class Regime(NamedTuple):
    """What flow is like. Steps are of one symbol; shares are of 1024 of them.

    drift and reach (the largest random move) are 2^-16 ticks a step; 2^pull steps bring the fair
    price back (0: never); half is the half spread in sixteenths of a tick; orders what a side tends
    to; cross the share of new orders that stand across the book.
    """

    drift: int = 0
    reach: int = 12_000
    pull: int = 0
    half: int = 24
    orders: int = 40
    take: int = 20
    cancel: int = 16
    replace: int = 78
    hidden: int = 10
    cross: int = 0


def _picks(count: int) -> np.ndarray:
    """Which symbol acts, by the top 16 bits of a draw: the k-th most active with weight
    1 / (k + 8), and each at least once.
    """
    weights = np.array([(1 << 40) // (k + 8) for k in range(count)], dtype=np.int64)
    shares = 1 + weights * (PICKS - count) // int(weights.sum())
    shares[0] += PICKS - int(shares.sum())
    return np.repeat(np.arange(count, dtype=np.uint16), shares)


@final
cdef class FlowGenerator:
    """Books, fair prices and order flow of up to 20,000 symbols; locates count from 1.

    `ticks` are the fair prices to begin with, in ticks of `tick_px` wire units (a cent); every
    symbol starts in regime 0. Times are nanoseconds since midnight. Equal arguments give equal
    bytes on every machine. Raises InputError. Owned by one thread.
    """

    def __cinit__(
        self, symbols, ticks, regimes, *, seed, int64_t start_ns, uint32_t tick_px=100,
        uint32_t orders_max=0,
    ):
        cdef Py_ssize_t i, k
        cdef tt_gen_symbol *s
        cdef uint16_t[::1] picks
        cdef bytes name
        self.symbols = tuple(symbols)
        count = len(self.symbols)
        if not 1 <= count <= SYMBOLS_MAX or len(set(self.symbols)) != count or len(ticks) != count:
            raise InputError(
                f"symbols: found {count}, {len(ticks)} prices; allowed: 1 to {SYMBOLS_MAX}, each "
                "once")
        if not 1 <= len(regimes) <= 255 or not 0 <= seed < 1 << 64:
            raise InputError(
                f"regimes, seed: found {len(regimes)}, {seed}; allowed: 1 to 255, a u64")
        most = max(r.orders for r in regimes)
        if not orders_max:
            orders_max = min(1 << 26, count * (4 * most + 16) + 64)
        sizes = (
            count * sizeof(tt_gen_symbol), orders_max * sizeof(tt_gen_order),
            len(regimes) * sizeof(tt_gen_regime), PICKS * sizeof(uint16_t))
        for k in range(4):
            self.memory[k] = calloc(1, <size_t>sizes[k])
            if self.memory[k] == NULL:
                raise OutOfMemoryError(f"generator: no memory for {sizes[k]} bytes")
        self.c.symbols = <tt_gen_symbol *>self.memory[0]
        self.c.orders = <tt_gen_order *>self.memory[1]
        self.c.regimes = <tt_gen_regime *>self.memory[2]
        self.c.pick = <uint16_t *>self.memory[3]
        for i in range(len(regimes)):
            self._set(i, regimes[i])
        picks = _picks(count)
        for i in range(PICKS):
            (<uint16_t *>self.memory[3])[i] = picks[i]
        tt_rng_seed(&self.c.rng, seed)
        tt_pool_init(&self.c.pool, orders_max)
        self.c.n_symbols, self.c.now_ns = count, start_ns
        for i in range(count):
            s = &self.c.symbols[i]
            if not self.symbols[i].isascii() or not 1 <= len(self.symbols[i]) <= 8:
                raise InputError(f"symbol {self.symbols[i]!r}: allowed are 1 to 8 ASCII letters")
            if not 1 <= ticks[i] <= (1 << 31) // tick_px:
                raise InputError(f"ticks: found {ticks[i]}; allowed: 1 to {(1 << 31) // tick_px}")
            name = self.symbols[i].encode().ljust(8)
            for k in range(8):
                s.name[k] = name[k]
            s.tick_px, s.locate = tick_px, i + 1
            s.fair = s.anchor = max(ticks[i], <int64_t>2 * TT_GEN_TICKS) << TT_GEN_FAIR_BITS
            s.base = (s.fair >> TT_GEN_FAIR_BITS) - TT_GEN_TICKS // 2

    def _set(self, i: int, regime) -> None:
        cdef tt_gen_regime *r = &(<tt_gen_regime *>self.memory[2])[<Py_ssize_t>i]
        if not 1 <= regime.orders <= 10_000 or not 0 <= regime.reach < 1 << 22:
            raise InputError(f"{regime}: orders 1 to 10,000 and reach below 2^22 are allowed")
        if not 0 <= regime.half <= 320 or not 0 <= regime.pull <= 60:
            raise InputError(f"{regime}: half 0 to 320 and pull 0 to 60 are allowed")
        r.drift, r.reach, r.pull, r.half = regime.drift, regime.reach, regime.pull, regime.half
        r.orders, r.take, r.cancel = regime.orders, regime.take, regime.cancel
        r.replace, r.hidden, r.cross = regime.replace, regime.hidden, regime.cross

    def __dealloc__(self):
        cdef int k
        for k in range(4):
            free(self.memory[k])

    cdef uint32_t place(self, object index) except? 0xFFFFFFFF:
        if not 0 <= index < self.c.n_symbols:
            raise InputError(f"index: found {index}; allowed: 0 to {self.c.n_symbols - 1}")
        return index

    cdef int reserve(self, Py_ssize_t n, Py_ssize_t most) except -1:
        if not 0 <= n <= most:
            raise InputError(f"count: found {n}; allowed: 0 to {most}")
        return 0

    def run(self, int64_t until_ns, double gap_ns):
        """Flow until a time, `gap_ns` between two steps on average: (framed messages, how many,
        whether the time is reached).
        """
        cdef uint8_t[::1] room
        cdef uint64_t before = self.c.messages
        cdef int more
        array = np.empty(CHUNK, np.uint8)
        room = array
        self.c.out, self.c.cap, self.c.used = &room[0], CHUNK, 0
        with nogil:
            more = tt_gen_run(&self.c, until_ns, gap_ns)
        return array[: self.c.used], self.c.messages - before, more == 0

    def drain(self, int64_t gap_ns):
        """Delete every order, one each `gap_ns`; answers as run()."""
        cdef uint8_t[::1] room
        cdef uint64_t before = self.c.messages
        cdef int more
        array = np.empty(CHUNK, np.uint8)
        room = array
        self.c.out, self.c.cap, self.c.used = &room[0], CHUNK, 0
        with nogil:
            more = tt_gen_drain(&self.c, gap_ns)
        return array[: self.c.used], self.c.messages - before, more == 0

    def imbalances(self, str cross_type, first, Py_ssize_t count):
        """Imbalance notices of `count` symbols from `first` on, around the end of the list."""
        cdef uint8_t[::1] room
        cdef uint32_t at = self.place(first)
        cdef uint8_t letter = ord(cross_type)
        cdef Py_ssize_t i
        self.reserve(count, self.c.n_symbols)
        array = np.empty((count + 1) * TT_GEN_MESSAGE_BYTES, np.uint8)
        room = array
        self.c.out, self.c.cap, self.c.used = &room[0], array.size, 0
        for i in range(count):
            tt_gen_noii(&self.c, &self.c.symbols[(at + i) % self.c.n_symbols], letter)
        return array[: self.c.used], count

    def cross(self, index, str cross_type):
        """An auction in one symbol: buyers at the best bid trade, then the cross is said."""
        cdef uint8_t[::1] room
        cdef uint64_t before = self.c.messages
        array = np.empty(TT_GEN_ROOM, np.uint8)
        room = array
        self.c.out, self.c.cap, self.c.used = &room[0], TT_GEN_ROOM, 0
        tt_gen_cross(&self.c, &self.c.symbols[self.place(index)], ord(cross_type))
        return array[: self.c.used], self.c.messages - before

    def halt(self, index, bint halted) -> None:
        """Orders come and go in a halted symbol; nothing trades."""
        self.c.symbols[self.place(index)].halted = halted

    def set_regime(self, index, regime) -> None:
        """From now on; `regime` is the index in the list given."""
        self.c.symbols[self.place(index)].regime = regime

    def best(self, index) -> tuple:
        """Best bid and offer as wire prices; 0 where there is none."""
        cdef tt_gen_symbol *s = &self.c.symbols[self.place(index)]
        cdef int64_t bid = tt_gen_best(s, 0), ask = tt_gen_best(s, 1)
        return (
            0 if bid == TT_GEN_NO_TICK else bid * s.tick_px,
            0 if ask == TT_GEN_NO_TICK else ask * s.tick_px,
        )

    def fair_px(self) -> np.ndarray:
        """The fair price of every symbol now, in wire units: the truth behind the flow."""
        cdef uint32_t i
        out = np.empty(self.c.n_symbols)
        for i in range(self.c.n_symbols):
            out[i] = self.c.symbols[i].fair * self.c.symbols[i].tick_px / 65536.0
        return out

    def advance(self, int64_t until_ns) -> None:
        """Move time forward without flow; never back."""
        self.c.now_ns = max(self.c.now_ns, until_ns)

    def counted(self, str code) -> None:
        """Count a message that the caller wrote."""
        self.c.messages += 1
        self.c.by_type[ord(code) & 127] += 1

    @property
    def now_ns(self) -> int:
        """Nanoseconds since midnight."""
        return self.c.now_ns

    @property
    def live_orders(self) -> int:
        """Orders in all books."""
        return self.c.pool.live

    @property
    def messages(self) -> int:
        """Messages so far."""
        return self.c.messages

    @property
    def by_type(self) -> dict:
        """Messages by type."""
        return {chr(i): self.c.by_type[i] for i in range(128) if self.c.by_type[i]}

    @property
    def last_hidden(self) -> tuple:
        """(locate, match number) of the last trade that touched no visible order; zeros: none."""
        return self.c.last_hidden_locate, self.c.last_hidden

    @property
    def matches(self) -> int:
        """The last match number."""
        return self.c.match


def decode_framed(data, int64_t midnight_ns, int venue_id) -> np.ndarray:
    """Records of framed messages, all of them whole, as slots. Raises FileFormatError."""
    cdef const uint8_t[::1] raw = data
    cdef uint8_t[::1] room
    cdef tt_itch_counts counts
    cdef tt_itch_ctx cx
    cdef LocateMap locates = LocateMap()
    cdef size_t used = 0, slots = 0, n = raw.shape[0]
    cdef uint64_t messages = 0
    cdef int rc
    if n == 0:
        return np.empty(0, np.uint8)
    memset(&counts, 0, sizeof(counts))
    cx.midnight_ns, cx.map, cx.counts = midnight_ns, locates.c, &counts
    cx.venue_id, cx.strict, cx.by_type = venue_id, 1, 0
    # The shortest message has 14 bytes with its prefix, the longest record two slots.
    array = np.empty((n // 14 + 1) * 2 * SLOT, np.uint8)
    room = array
    with nogil:
        rc = tt_itch_decode(
            &cx, &raw[0], n, &room[0], <size_t>room.shape[0] // SLOT, &used, &slots, &messages)
    if rc != 0 or used != n:
        raise FileFormatError(f"offset {used} of {n}: no whole ITCH 5.0 message (code {rc})")
    return array[: slots * SLOT]
