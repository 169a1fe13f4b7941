"""What a loop does when it found no work: spin, yield the core, back off, or park until woken."""
# Owns one tt_idle. One thread steps; any thread sets the policy, wakes, and reads the counters. A
# step without work gives up the GIL: some 50 ns, and what the policy does. Wraps ext/tectra/idle.h.

from enum import IntEnum

from cython cimport final
from libc.stdint cimport int64_t, uint32_t

from tectra.core.base cimport TT_OK
from tectra.core.shm cimport tt_load_relaxed64

from tectra.core.errors import InputError

__all__ = ["Idle", "IdlePolicy"]


class IdlePolicy(IntEnum):
    """How a thread waits."""

    SPIN = TT_IDLE_SPIN
    """Relax hints for ever: the quickest answer, for a core of one's own."""
    YIELD = TT_IDLE_YIELD
    """Spin for a while, then give the core to whoever else wants it, again and again."""
    BACKOFF = TT_IDLE_BACKOFF
    """Spin, yield, then sleep, each time twice as long, up to a maximum."""
    PARK = TT_IDLE_PARK
    """Spin, yield, then sleep until woken, with a time limit."""


cdef uint32_t _policy(object policy) except? 255:
    try:
        return IdlePolicy(policy)
    except ValueError:
        names = ", ".join(p.name for p in IdlePolicy)
        raise InputError(f"idle policy: found {policy!r}; allowed: {names} of IdlePolicy") from None


@final
cdef class Idle:
    """Steps of waiting by a policy. `spins` and `yields` are steps of each before the next stage;
    sleeps grow from sleep_min_ns to sleep_max_ns; a park ends with wake() or after park_max_ns.

    Owner thread: the one that steps. The policy may be set from any thread, and takes effect at the
    next step; setting it ends a park. InputError for settings that are no times or counts.
    """

    def __cinit__(
        self,
        policy=IdlePolicy.BACKOFF,
        *,
        uint32_t spins=2000,
        uint32_t yields=100,
        int64_t sleep_min_ns=10_000,
        int64_t sleep_max_ns=1_000_000,
        int64_t park_max_ns=20_000_000,
    ):
        cdef tt_idle_settings settings
        settings.spins = spins
        settings.yields = yields
        settings.sleep_min_ns = sleep_min_ns
        settings.sleep_max_ns = sleep_max_ns
        settings.park_max_ns = park_max_ns
        if tt_idle_init(&self.c, _policy(policy), &settings) != TT_OK:
            raise InputError(
                f"idle times: found sleeps of {sleep_min_ns} to {sleep_max_ns} ns and parks of "
                f"{park_max_ns} ns; allowed: more than 0, the maximum not below the minimum"
            )

    def step(self, int work):
        """One turn of the loop is over: start over when it did work, else wait one step."""
        if work > 0:
            tt_idle_reset(&self.c)
            return
        with nogil:
            tt_idle_step(&self.c, 0)

    def reset(self):
        """Start over at the first stage, as work does."""
        tt_idle_reset(&self.c)

    def wake(self):
        """End the park that is, or the next one. Any thread."""
        tt_idle_wake(&self.c)

    @property
    def policy(self):
        """The policy; set it from any thread."""
        return IdlePolicy(tt_load_relaxed32(&self.c.policy))

    @policy.setter
    def policy(self, policy):
        tt_idle_set_policy(&self.c, _policy(policy))

    @property
    def spins(self):
        """Spinning steps so far."""
        return tt_load_relaxed64(&self.c.spins)

    @property
    def yields(self):
        """Times the core was given away so far."""
        return tt_load_relaxed64(&self.c.yields)

    @property
    def sleeps(self):
        """Sleeps so far."""
        return tt_load_relaxed64(&self.c.sleeps)

    @property
    def parks(self):
        """Parks so far."""
        return tt_load_relaxed64(&self.c.parks)
