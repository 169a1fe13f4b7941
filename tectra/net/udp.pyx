# UDP datagrams for the hot path: up to 64 for one system call, in place, with the kernel's times.
#
# UdpReceiver owns its socket and 128 KiB of slots. One thread polls. c_poll takes no GIL and
# allocates nothing; the Python methods copy. Wraps ext/tectra/udp.h and datagram.h.
"""Datagrams of one UDP socket, unicast or multicast, in batches."""

import os
from typing import NamedTuple

from cython cimport final
from libc.stdint cimport uint32_t
from libc.stdlib cimport free
from posix.stdlib cimport posix_memalign

from tectra.core.base cimport TT_E_CLOSED
from tectra.core.clock cimport Clock

from tectra.core.clock import LiveClock
from tectra.core.errors import ClosedError, OutOfMemoryError, SystemCallError
from tectra.net.udp_socket import open_receiver

__all__ = ["Datagram", "UdpReceiver"]


class Datagram(NamedTuple):
    """A copy of one datagram. Times are nanoseconds since the epoch UTC; ts_kernel_ns is 0 where
    the kernel tells none. Of a cut one `data` is what there was room for.
    """

    data: bytes
    ts_kernel_ns: int
    ts_recv_ns: int
    is_cut: bool


@final
cdef class UdpReceiver:
    """Receives the datagrams that come to one address, or to one multicast group.

    `clock` gives their ts_recv_ns, read once a batch (None: the machine's). `outcomes` says what
    the kernel made of each wish. A datagram longer than 2,048 bytes is handed on cut and counted.
    Raises SystemCallError where the address cannot be had. Owned by one thread.
    """

    def __cinit__(self, options not None, *, Clock clock=None):
        cdef void *memory = NULL
        if posix_memalign(&memory, 64, sizeof(tt_udp)) != 0:
            raise OutOfMemoryError("no memory for datagrams")
        self.u = <tt_udp *>memory
        tt_udp_init(self.u, -1)
        self.clock = LiveClock() if clock is None else clock
        self.options = options
        self.sock, self.outcomes = open_receiver(options)
        self.u.fd = self.sock.fileno()

    def __dealloc__(self):
        free(self.u)

    cdef int c_poll(self) noexcept nogil:
        cdef int n
        if self.u.fd < 0:
            self.u.count = 0
            return TT_E_CLOSED
        n = tt_udp_poll(self.u)
        if n > 0:
            tt_udp_stamp(self.u, self.clock.c_now())
        return n

    cdef const tt_datagram *c_datagram(self, uint32_t i) noexcept nogil:
        return &self.u.out[i] if i < self.u.count else NULL

    def poll(self) -> int:
        """Take what has come, at most 64 datagrams, without waiting; returns how many.

        Those of the poll before are gone. Raises ClosedError, SystemCallError.
        """
        cdef int n
        with nogil:
            n = self.c_poll()
        if n >= 0:
            return n
        if n == TT_E_CLOSED:
            raise ClosedError("UdpReceiver: used after close(); make a new one")
        why = self.u.last_errno
        raise SystemCallError(why, f"receiving at {self.address}: {os.strerror(why)}")

    def batch(self) -> list:
        """Copies of the datagrams of the last poll."""
        return [self[i] for i in range(self.u.count)]

    def __len__(self):
        return self.u.count

    def __getitem__(self, Py_ssize_t i):
        cdef const tt_datagram *d
        if not 0 <= i < <Py_ssize_t>self.u.count:
            raise IndexError(f"datagram {i}: the last poll brought {self.u.count}")
        d = &self.u.out[i]
        cut = (d.flags & TT_DATAGRAM_CUT) != 0
        return Datagram(d.data[:d.bytes], d.ts_kernel_ns, d.ts_recv_ns, cut)

    def send_to(self, data, address) -> bool:
        """Send a datagram from this socket, so that the answer comes back to it; False when the
        kernel had no room. Raises SystemCallError.
        """
        if self.u.fd < 0:
            raise ClosedError("UdpReceiver: used after close(); make a new one")
        try:
            self.sock.sendto(data, address)
        except BlockingIOError:
            return False
        except OSError as error:
            raise SystemCallError(error.errno, f"sending to {address}: {error.strerror}") from error
        return True

    @property
    def address(self):
        """(host, port) that it is bound to, None when closed."""
        return None if self.u.fd < 0 else self.sock.getsockname()

    def fileno(self) -> int:
        """The socket's file descriptor for select and poll; -1 when closed."""
        return self.u.fd

    @property
    def datagrams(self) -> int:
        """Received so far."""
        return self.u.counts.datagrams

    @property
    def bytes_received(self) -> int:
        """Payload handed on so far."""
        return self.u.counts.bytes

    @property
    def cut(self) -> int:
        """Datagrams longer than 2,048 bytes."""
        return self.u.counts.cut

    @property
    def dropped(self) -> int:
        """Datagrams that the kernel dropped for want of room, as far as it has told: it tells with
        the next datagram that it kept.
        """
        return self.u.counts.dropped

    @property
    def unstamped(self) -> int:
        """Datagrams without a time from the kernel."""
        return self.u.counts.unstamped

    @property
    def errors(self) -> int:
        """Polls that the kernel refused."""
        return self.u.counts.errors

    def close(self) -> None:
        """Close the socket and forget the last batch. May be called twice."""
        if self.u.fd >= 0:
            self.u.fd = -1
            self.u.count = 0
            self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()
