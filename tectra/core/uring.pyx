"""Datagrams received through io_uring: an experiment, imported by who asks for it and nobody else.
"""
# Owns the two rings and the slots that the kernel fills. One owner thread. A receive costs no call
# of its own into the kernel; one a batch hands the slots back. Wraps ext/tectra/uring.h.

import errno
import os
from typing import NamedTuple

from cython cimport final
from libc.errno cimport EINTR
from libc.errno cimport errno as c_errno
from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from tectra.core.base cimport TT_OK

from tectra.core.errors import (
    ClosedError,
    InputError,
    OutOfMemoryError,
    StateError,
    SystemCallError,
)

__all__ = ["UringReceiver", "UringSupport", "uring_support"]

cdef extern from "tectra/uring.h" nogil:
    enum:
        TT_URING_ENTRIES_MAX
    ctypedef struct tt_uring_cqe:
        uint64_t user_data
        int32_t res
    ctypedef struct tt_uring:
        uint32_t queued
    int tt_uring_open(tt_uring *u, uint32_t entries)
    void tt_uring_close(tt_uring *u)
    int tt_uring_recv(tt_uring *u, int socket, void *to, uint32_t bytes, uint64_t id)
    int tt_uring_cancel(tt_uring *u, uint64_t target, uint64_t id)
    int tt_uring_submit(tt_uring *u, uint32_t results)
    int tt_uring_next(tt_uring *u, tt_uring_cqe *out)

cdef uint64_t _CANCEL = <uint64_t> 1 << 63
_ADVICE = {
    errno.ENOSYS: "this kernel has no io_uring (Linux 5.6 or newer has)",
    errno.EPERM: "io_uring is forbidden here (kernel.io_uring_disabled, or the container)",
    errno.ENOMEM: "the locked memory of this process is used up (ulimit -l)",
}


class UringSupport(NamedTuple):
    """May io_uring be used here? `reason` says why not."""

    usable: bool
    reason: str


cdef str _why(int number):
    text = os.strerror(number)
    hint = _ADVICE.get(number)
    return text if hint is None else f"{text}: {hint}"


def uring_support():
    """Ask the kernel for a small ring, and give it back: a UringSupport."""
    cdef tt_uring u
    cdef int rc = tt_uring_open(&u, 2)
    cdef int why = c_errno
    if rc != TT_OK:
        return UringSupport(False, _why(why))
    tt_uring_close(&u)
    return UringSupport(True, "")


@final
cdef class UringReceiver:
    """Receives the datagrams of one bound, blocking UDP socket, in the order in which they came.

    `slots` receives are out at any time, each of `slot_bytes`; what is longer is counted as
    truncated and not delivered. The socket stays open as long as the receiver. StateError where
    uring_support() refuses.
    """

    cdef tt_uring ring
    cdef uint8_t *memory
    cdef uint32_t slots
    cdef uint32_t slot_bytes
    cdef uint32_t out
    cdef bint is_open
    cdef object socket
    cdef readonly uint64_t received
    cdef readonly uint64_t truncated
    cdef readonly uint64_t errors
    cdef readonly uint64_t submits

    def __cinit__(self, socket not None, *, int slots=64, int slot_bytes=2048):
        cdef uint32_t at
        cdef int why
        if slots < 1 or slots > TT_URING_ENTRIES_MAX // 2 or slots & (slots - 1):
            raise InputError(
                f"slots: found {slots}; allowed: a power of two, 1 to {TT_URING_ENTRIES_MAX // 2}"
            )
        if slot_bytes < 1 or slot_bytes > 65536:
            raise InputError(f"slot_bytes: found {slot_bytes}; allowed: 1 to 65536")
        if socket.gettimeout() is not None:
            raise InputError("socket: found one with a timeout; allowed: a blocking one")
        self.slots = <uint32_t> slots
        self.slot_bytes = <uint32_t> slot_bytes
        self.memory = <uint8_t *> calloc(self.slots, self.slot_bytes)
        if self.memory == NULL:
            raise OutOfMemoryError(f"no memory for {self.slots} datagrams")
        # Room for a cancellation of each beside the receives themselves.
        if tt_uring_open(&self.ring, 2 * self.slots) != TT_OK:
            why = c_errno
            raise StateError(f"no io_uring here: {_why(why)}; use a plain socket")
        self.is_open = True
        self.socket = socket
        for at in range(self.slots):
            self.ask(at)
        self.submit(0)

    def __dealloc__(self):
        if self.is_open:
            self.withdraw()
            tt_uring_close(&self.ring)
        # Slots that the kernel may still write to are given up, not given back.
        if self.out == 0:
            free(self.memory)

    cdef int ask(self, uint32_t slot) except -1:
        cdef void *to = self.memory + <uint64_t> slot * self.slot_bytes
        cdef int fd = self.socket.fileno()
        if tt_uring_recv(&self.ring, fd, to, self.slot_bytes, slot) != TT_OK:
            raise SystemCallError("io_uring: more requests than it has room for")
        self.out = self.out + 1
        return 0

    cdef int submit(self, uint32_t results) except -1:
        cdef int rc, why
        with nogil:
            rc = tt_uring_submit(&self.ring, results)
            why = c_errno
        self.submits += 1
        if rc != TT_OK and why != EINTR:
            raise SystemCallError(why, f"io_uring_enter: {_why(why)}")
        return 0

    cdef int withdraw(self) noexcept:
        """Cancel what is out, and wait for the answers: a bounded number of times."""
        cdef tt_uring_cqe cqe
        cdef uint32_t slot
        cdef int tries = 0
        for slot in range(self.slots):
            tt_uring_cancel(&self.ring, slot, _CANCEL | slot)
        while self.out > 0 and tries < 10000:
            tries = tries + 1
            tt_uring_submit(&self.ring, 1)
            while tt_uring_next(&self.ring, &cqe):
                if not cqe.user_data & _CANCEL:
                    self.out = self.out - 1
        return 0

    def poll(self, int limit=64):
        """At most `limit` datagrams that have come, as a list of bytes; never waits."""
        cdef tt_uring_cqe cqe
        cdef list found = []
        cdef uint8_t *slot
        if not self.is_open:
            raise ClosedError("UringReceiver: used after close(); make a new one")
        while len(found) < limit and tt_uring_next(&self.ring, &cqe):
            self.out = self.out - 1
            slot = self.memory + cqe.user_data * self.slot_bytes
            if cqe.res < 0:
                self.errors += 1
            elif cqe.res > <int32_t> self.slot_bytes:
                self.truncated += 1
            else:
                self.received += 1
                found.append((<char *> slot)[:cqe.res])
            self.ask(<uint32_t> cqe.user_data)
        if self.ring.queued:
            self.submit(0)
        return found

    def close(self):
        """Cancel what is out and free the rings. Idempotent; the socket is the caller's."""
        if not self.is_open:
            return
        self.is_open = False
        self.withdraw()
        tt_uring_close(&self.ring)
        self.socket = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
