# MoldUDP64 packets from bytes and to bytes.
#
# Owns no state but that of a PacketBuilder, which has one owner thread; the functions may be called
# by any. A packet costs one object for each message; hot paths cimport tt_mold_parse and read in
# place. Wraps ext/tectra/mold.h.
"""MoldUDP64: numbered messages of a session in datagrams (protocol specification 1.00)."""

from typing import NamedTuple

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cython cimport final
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from tectra.core.base cimport TT_E_CORRUPT, TT_E_TRUNCATED
from tectra.core.rc cimport check_with

from tectra.core.errors import InputError, OutOfMemoryError

__all__ = [
    "MoldPacket",
    "MoldRequest",
    "PAYLOAD_MAX",
    "PacketBuilder",
    "REQUEST_MAX",
    "build_end",
    "build_heartbeat",
    "build_packet",
    "build_request",
    "parse_packet",
    "parse_request",
]

# What fits an Ethernet frame with room for tunnels; most servers keep to it.
PAYLOAD_MAX = 1400
REQUEST_MAX = TT_MOLD_REQUEST_MAX
_DATAGRAM_MAX = 65_507


class MoldPacket(NamedTuple):
    """One downstream packet. `sequence` is the number of the first message; in a heartbeat or an
    end of session that of the message which comes next. `session` is without the spaces that pad it
    on the right.
    """

    session: str
    sequence: int
    messages: tuple
    is_heartbeat: bool
    is_end: bool


class MoldRequest(NamedTuple):
    """Wish for `wanted` messages from number `sequence` on."""

    session: str
    sequence: int
    wanted: int


cdef str _session_text(const uint8_t *raw):
    return raw[:TT_MOLD_SESSION_BYTES].decode("latin-1").rstrip(" ")


cdef bytes _session_bytes(session):
    try:
        raw = session.encode("latin-1")
    except (UnicodeError, AttributeError):
        raw = None
    if raw is None or len(raw) > <Py_ssize_t>TT_MOLD_SESSION_BYTES:
        raise InputError(f"session {session!r}: allowed are up to 10 letters of one byte each")
    return raw.ljust(TT_MOLD_SESSION_BYTES)


cdef uint64_t _sequence(number) except? 0:
    if not 0 <= number < 1 << 64:
        raise InputError(f"sequence {number}: allowed is 0 to 2^64 - 1")
    return number


cdef bytes _head(session, number, uint32_t count):
    cdef uint8_t out[20]
    cdef bytes raw = _session_bytes(session)
    tt_mold_put_head(out, <const uint8_t *>raw, _sequence(number), <uint16_t>count)
    return (<char *>out)[:TT_MOLD_HEAD_BYTES]


def parse_packet(data) -> MoldPacket:
    """Read a datagram, whole or not at all.

    Raises TruncatedInputError when it is shorter than what it announces, FileFormatError when bytes
    are left behind its last message or its numbers would pass 2^64.
    """
    cdef Py_buffer view
    cdef tt_mold_packet p
    cdef const uint8_t *message
    cdef uint32_t at = 0, size = 0
    cdef int rc
    cdef list found = []
    memset(&p, 0, sizeof(p))
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        rc = tt_mold_parse(<const uint8_t *>view.buf, <size_t>view.len, &p)
        if rc < 0:
            check_with(rc, f"MoldUDP64 packet of {view.len} bytes")
        while True:
            message = tt_mold_next(&p, &at, &size)
            if message == NULL:
                break
            found.append(message[:size])
        return MoldPacket(
            _session_text(p.session), p.sequence, tuple(found), bool(p.is_heartbeat),
            bool(p.is_end))
    finally:
        PyBuffer_Release(&view)


def build_packet(session, sequence, messages) -> bytes:
    """A packet of these messages, of which the first has number `sequence`. Raises InputError."""
    cdef list parts
    messages = tuple(messages)
    if not 0 < len(messages) <= <Py_ssize_t>REQUEST_MAX:
        raise InputError(f"{len(messages)} messages; a packet holds 1 to {REQUEST_MAX}")
    if _sequence(sequence) > <uint64_t>-1 - <uint64_t>len(messages):
        raise InputError(f"sequence {sequence}: the number of the last message would pass 2^64")
    parts = [_head(session, sequence, <uint32_t>len(messages))]
    size = TT_MOLD_HEAD_BYTES
    for message in messages:
        size += 2 + len(message)
        if size > _DATAGRAM_MAX:
            raise InputError(f"more than {_DATAGRAM_MAX} bytes: no datagram holds them")
        parts.append(len(message).to_bytes(2, "big"))
        parts.append(message)
    return b"".join(parts)


def build_heartbeat(session, next_sequence) -> bytes:
    """The packet that says which number comes next."""
    return _head(session, next_sequence, TT_MOLD_HEARTBEAT)


def build_end(session, next_sequence) -> bytes:
    """The packet that says that the session is over; `next_sequence` is one behind its last."""
    return _head(session, next_sequence, TT_MOLD_END)


def build_request(session, sequence, count) -> bytes:
    """A request to a re-request server for `count` (1 to 65,534) messages."""
    if not 0 < count <= REQUEST_MAX:
        raise InputError(f"count {count}: allowed is 1 to {REQUEST_MAX}")
    return _head(session, sequence, <uint32_t>count)


def parse_request(data) -> MoldRequest:
    """Read a request. Raises TruncatedInputError or FileFormatError for another length, and
    FileFormatError for a count of 0 or 65,535: those are no requests but heartbeat and end.
    """
    raw = bytes(data)
    if len(raw) != <Py_ssize_t>TT_MOLD_HEAD_BYTES:
        short = len(raw) < <Py_ssize_t>TT_MOLD_HEAD_BYTES
        check_with(
            TT_E_TRUNCATED if short else TT_E_CORRUPT,
            f"MoldUDP64 request of {len(raw)} bytes, not 20")
    count = int.from_bytes(raw[18:], "big")
    if not 0 < count <= REQUEST_MAX:
        check_with(TT_E_CORRUPT, f"MoldUDP64 request for {count} messages")
    session = raw[:10].decode("latin-1").rstrip(" ")
    return MoldRequest(session, int.from_bytes(raw[10:18], "big"), count)


@final
cdef class PacketBuilder:
    """Packs messages into packets of at most `payload_max` bytes, numbering them from `sequence`.

    Owned by one thread.
    """

    def __cinit__(self, session, *, sequence=1, int payload_max=PAYLOAD_MAX):
        if not 22 < payload_max <= _DATAGRAM_MAX:
            raise InputError(f"payload_max {payload_max}: allowed is 23 to {_DATAGRAM_MAX}")
        self.first = _sequence(sequence)
        self.payload_max = payload_max
        self.data = <uint8_t *>malloc(<size_t>payload_max)
        if self.data == NULL:
            raise OutOfMemoryError(f"no memory for a packet of {payload_max} bytes")
        raw = _session_bytes(session)
        memcpy(self.raw_session, <const uint8_t *>raw, TT_MOLD_SESSION_BYTES)
        self.session = raw.decode("latin-1").rstrip(" ")
        self.size = TT_MOLD_HEAD_BYTES

    def __dealloc__(self):
        free(self.data)

    @property
    def next_sequence(self) -> int:
        """Number of the message that is added next."""
        return self.first + self.count

    @property
    def pending(self) -> int:
        """Messages that wait for a packet to be full or flushed."""
        return self.count

    def add(self, bytes message not None):
        """Take one message; returns the packet before it when it did not fit any more, or None.

        Raises InputError for a message that no packet of this size holds, and takes nothing then.
        """
        cdef Py_ssize_t n = len(message)
        if n > self.payload_max - 22:
            raise InputError(
                f"a message of {n} bytes; packets of {self.payload_max} bytes hold "
                f"{self.payload_max - 22}")
        if self.first + self.count == <uint64_t>-1:
            raise InputError("no numbers are left in this session: the next would pass 2^64")
        out = None
        if self.size + 2 + n > self.payload_max or self.count == TT_MOLD_REQUEST_MAX:
            out = self.flush()
        self.data[self.size] = <uint8_t>(n >> 8)
        self.data[self.size + 1] = <uint8_t>(n & 0xFF)
        memcpy(self.data + self.size + 2, <const uint8_t *>message, <size_t>n)
        self.size += 2 + <uint32_t>n
        self.count += 1
        return out

    def flush(self):
        """The packet of what waits, or None."""
        if self.count == 0:
            return None
        tt_mold_put_head(self.data, self.raw_session, self.first, <uint16_t>self.count)
        out = (<char *>self.data)[:self.size]
        self.first += self.count
        self.count = 0
        self.size = TT_MOLD_HEAD_BYTES
        return out

    def heartbeat(self) -> bytes:
        """The heartbeat that belongs behind what was flushed."""
        return build_heartbeat(self.session, self.first)

    def end(self) -> bytes:
        """The end of session that belongs behind what was flushed."""
        return build_end(self.session, self.first)
