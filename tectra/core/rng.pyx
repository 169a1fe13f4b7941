"""Random: the only source of randomness in tectra. Equal seeds give equal numbers on every machine
and version.
"""
# Owns one generator of 32 bytes. One owner thread. About 1 ns a number from C, 40 ns from Python.
# Wraps ext/tectra/rng.h.

from cython cimport final
from libc.stdint cimport int64_t, uint64_t

from tectra.core.errors import InputError

__all__ = ["Random", "splitmix64"]


def splitmix64(seed: int, count: int) -> list:
    """First `count` outputs of splitmix64 from `seed`: the seeding sequence, for those who build
    their own streams.
    """
    cdef uint64_t state = _seed(seed)
    return [tt_splitmix64(&state) for _ in range(count)]


cdef uint64_t _seed(object seed) except? 0:
    if not isinstance(seed, int) or not 0 <= seed < 1 << 64:
        raise InputError(f"seed: found {seed!r}; allowed: an integer from 0 to 2^64 - 1")
    return seed


@final
cdef class Random:
    """xoshiro256** seeded by splitmix64. `seed` is required: nothing here asks the machine for
    entropy.
    """

    def __cinit__(self, seed):
        tt_rng_seed(&self.c, _seed(seed))

    @classmethod
    def from_state(cls, state):
        """Continue where a generator with this `state` stood."""
        cdef Random out = Random.__new__(Random, 0)
        if len(state) != 4 or not any(state):
            raise InputError(f"state: found {state!r}; allowed: four integers, not all zero")
        for i in range(4):
            out.c.s[i] = state[i]
        return out

    @property
    def state(self) -> tuple:
        """Four u64: everything there is to save."""
        return (self.c.s[0], self.c.s[1], self.c.s[2], self.c.s[3])

    def u64(self) -> int:
        """Uniform 64 bits."""
        return tt_rng_u64(&self.c)

    def uniform(self, double lo=0.0, double hi=1.0) -> float:
        """Uniform in [lo, hi), 53 bits."""
        return lo + (hi - lo) * tt_rng_uniform(&self.c)

    def integers(self, int64_t lo, int64_t hi) -> int:
        """Uniform and unbiased in [lo, hi)."""
        if lo >= hi:
            raise InputError(f"integers: found [{lo}, {hi}); allowed: lo < hi")
        return tt_rng_range(&self.c, lo, hi)

    def normal(self, double mean=0.0, double deviation=1.0) -> float:
        """Normal distribution."""
        return mean + deviation * tt_rng_normal(&self.c)

    def exponential(self, double mean=1.0) -> float:
        """Exponential distribution."""
        return mean * tt_rng_exponential(&self.c)

    def chance(self, double p) -> bool:
        """True with probability p."""
        return tt_rng_chance(&self.c, p) != 0

    def choice(self, items):
        """One of a non-empty sequence."""
        if not len(items):
            raise InputError("choice: found an empty sequence; allowed: at least one item")
        return items[tt_rng_below(&self.c, len(items))]

    def shuffle(self, items) -> None:
        """Permute a list in place; every order is equally likely."""
        cdef Py_ssize_t i, j
        for i in range(len(items) - 1, 0, -1):
            j = tt_rng_below(&self.c, i + 1)
            items[i], items[j] = items[j], items[i]

    def spawn(self, key: int):
        """An independent generator for `key`; this one does not move, so the order of spawns does
        not matter.
        """
        cdef Random child = Random.__new__(Random, 0)
        tt_rng_spawn(&self.c, _seed(key), &child.c)
        return child

    def __eq__(self, other):
        return self.state == other.state if type(other) is Random else NotImplemented

    __hash__ = None

    def __copy__(self):
        return Random.from_state(self.state)

    def __deepcopy__(self, memo):
        return Random.from_state(self.state)

    def __reduce__(self):
        return Random.from_state, (self.state,)

    def __repr__(self):
        return f"Random.from_state({self.state})"
