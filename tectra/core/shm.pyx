"""Shared memory segments: files of this user on /dev/shm, mapped whole."""
# Owns the mapping and, in the process that made it, the name. Making, attaching and closing are
# cold and belong to the thread that wires; the memory behind is used by whatever is laid into it.
# Wraps ext/tectra/shm.h and shm_map.h.
#
# Never multiprocessing.shared_memory: its resource tracker unlinks segments that other processes
# still use.

import os
import re
from typing import NamedTuple

from cython cimport final
from libc.errno cimport ENOMEM, errno
from libc.stddef cimport size_t
from libc.stdint cimport uint32_t, uint64_t
from posix.unistd cimport getpid, unlink as c_unlink

from tectra.core.base cimport TT_E_CORRUPT, TT_E_DUPLICATE, TT_OK
from tectra.core.msg cimport TT_SCHEMA_ID, TT_SCHEMA_VERSION

from tectra.core.errors import (
    ClosedError,
    DuplicateError,
    FileFormatError,
    InputError,
    LayoutVersionError,
    OutOfMemoryError,
    StateError,
    SystemCallError,
    TruncatedInputError,
)

cdef extern from "sys/mman.h" nogil:
    int munmap(void *base, size_t bytes)

__all__ = ["Mapping", "Segment", "reclaim", "segments", "unlink"]

DIRECTORY = "/dev/shm"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_KINDS = {
    TT_SHM_MAGIC_SPSC: "ring",
    TT_SHM_MAGIC_COUNTERS: "counters",
    TT_SHM_MAGIC_KILL: "kill word",
    TT_SHM_MAGIC_MPMC: "queue",
    TT_SHM_MAGIC_BCAST: "broadcast",
    TT_SHM_MAGIC_ERRLOG: "error log",
}


class Segment(NamedTuple):
    """One of our segments as `segments()` finds it."""

    name: str
    kind: str
    bytes: int
    owner_pid: int
    owner_alive: bool
    heartbeat_ns: int


cdef bytes _path_of(object name):
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise InputError(
            f"name of a shared segment: found {name!r}; allowed: 1 to 200 of A-Z a-z 0-9 _ . -, "
            "not starting with . or -"
        )
    return os.fsencode(f"{DIRECTORY}/{name}")


cdef str _owner_text(const tt_shm_head *head):
    state = "runs" if tt_shm_owner_alive(head) else "is gone"
    return f"made by process {head.owner_pid}, which {state}"


@final
cdef class Mapping:
    """A mapped segment. Use the types that lay something into it (SpscRing, Counters, KillWord) to
    make one.

    Owner thread: the one that wires; close() when nothing uses the memory any more.
    """

    def __init__(self):
        raise TypeError("Mapping is made by SpscRing, Counters and KillWord")

    def __dealloc__(self):
        if self.base is not NULL:
            munmap(self.base, self.bytes)
            self.base = NULL
            if self._owner_pid == getpid():
                c_unlink(self._path)

    @property
    def path(self):
        """The file, or None for memory of this process alone."""
        return None if self._path is None else os.fsdecode(self._path)

    @property
    def closed(self):
        return self.base is NULL or self._closed

    @property
    def is_owner(self):
        """True in the process that made the segment: its close() unlinks the name."""
        return self._owner_pid == getpid()

    def close(self):
        """Unmap; the owner also unlinks the name. Idempotent. Nothing may use the memory any more,
        but views that were lent: the last of them unmaps it.
        """
        if self.base is NULL or self._closed:
            return
        self._closed = True
        if self._holds == 0:
            munmap(self.base, self.bytes)
            self.base = NULL
        if self._owner_pid == getpid():
            self._owner_pid = 0
            c_unlink(self._path)

    cdef void hold(self) noexcept:
        """A view of the memory was lent."""
        self._holds += 1

    cdef void drop(self) noexcept:
        """The view is gone."""
        self._holds -= 1
        if self._holds == 0 and self._closed and self.base is not NULL:
            munmap(self.base, self.bytes)
            self.base = NULL

    cdef int require(self) except -1:
        if self.base is NULL or self._closed:
            raise ClosedError(f"shared segment {self.name!r}: used after close(); attach it again")
        return 0

    cdef int refuse(self, int reason, str kind) except -1:
        """Close the mapping and say why the page in it cannot be used as `kind`."""
        cdef const tt_shm_head *head = <const tt_shm_head *> self.base
        cdef str what = f"shared segment {self.name!r} is no usable {kind}"
        cdef object error
        if reason == TT_SHM_TRUNCATED:
            error = TruncatedInputError(
                f"{what}: it has {self.bytes} bytes, its head says {head.total_bytes}; remove it "
                "and make it anew"
            )
        elif reason == TT_SHM_NOT_READY:
            error = StateError(
                f"{what}: it is not finished ({_owner_text(head)}); try again, or remove it if "
                "that process is gone"
            )
        elif reason == TT_SHM_WRONG_KIND:
            magic = tt_load_acquire64(&head.magic)
            error = FileFormatError(
                f"{what}: found {_KINDS.get(magic, f'magic {magic:#018x}')}; give the name of a "
                f"{kind}"
            )
        elif reason == TT_SHM_WRONG_LAYOUT:
            error = LayoutVersionError(
                f"{what}: found layout version {head.layout_version} (hash "
                f"{head.layout_hash:#010x}), allowed {TT_LAYOUT_VERSION} of this build; run the "
                "same tectra on both sides"
            )
        elif reason == TT_SHM_WRONG_SCHEMA:
            error = LayoutVersionError(
                f"{what}: found schema {head.schema_id} version {head.schema_version}, "
                f"allowed {TT_SCHEMA_ID} up to version {TT_SCHEMA_VERSION}; run the same tectra on "
                "both sides"
            )
        elif reason == TT_SHM_WRONG_SIZE:
            error = FileFormatError(
                f"{what}: capacity {head.capacity}, flags {head.flags:#x} and {head.total_bytes} "
                "bytes do not belong together; remove it and make it anew"
            )
        else:
            error = FileFormatError(
                f"{what}: its positions lie outside it; remove it and make it anew"
            )
        self.close()
        raise error


cdef Mapping create_mapping(object name, uint64_t size):
    cdef bytes path = _path_of(name)
    cdef Mapping m = Mapping.__new__(Mapping)
    cdef void *base = NULL
    cdef const char *where = path
    cdef int rc
    cdef int why
    with nogil:
        rc = tt_shm_create(where, size, &base)
        why = errno
    if rc == TT_E_DUPLICATE:
        raise DuplicateError(
            f"shared segment {name!r} exists already{_who(name)}; attach it, choose another name, "
            "or unlink it"
        )
    if rc != TT_OK and why == ENOMEM:
        raise OutOfMemoryError(f"shared segment {name!r}: no memory to map {size} bytes")
    if rc != TT_OK:
        raise SystemCallError(
            why, f"shared segment {name!r} of {size} bytes: {os.strerror(why)}", os.fsdecode(path)
        )
    m.base = base
    m.bytes = size
    m.name = name
    m._path = path
    m.writable = True
    m._owner_pid = getpid()
    return m


cdef str _who(object name):
    for segment in segments():
        if segment.name == name:
            state = "runs" if segment.owner_alive else "is gone"
            return f" ({segment.kind} of process {segment.owner_pid}, which {state})"
    return ""


cdef Mapping attach_mapping(object name, bint writable, str kind):
    cdef bytes path = _path_of(name)
    cdef Mapping m = Mapping.__new__(Mapping)
    cdef void *base = NULL
    cdef uint64_t size = 0
    cdef const char *where = path
    cdef int rc, reason = TT_SHM_GOOD
    cdef int why
    with nogil:
        rc = tt_shm_attach(where, writable, &base, &size, &reason)
        why = errno
    if rc == TT_E_CORRUPT:
        if reason == TT_SHM_FOREIGN:
            raise StateError(
                f"shared segment {name!r} belongs to another user; only one's own segments are "
                "attached"
            )
        if reason == TT_SHM_TRUNCATED:
            raise TruncatedInputError(
                f"shared segment {name!r} is no usable {kind}: it has {size} bytes; remove it"
            )
        raise FileFormatError(f"shared segment {name!r} is no usable {kind}: not a regular file")
    if rc != TT_OK and why == ENOMEM:
        raise OutOfMemoryError(f"shared segment {name!r}: no memory to map {size} bytes")
    if rc != TT_OK:
        raise SystemCallError(
            why,
            f"shared segment {name!r}: {os.strerror(why)}; start the process that makes it first",
            os.fsdecode(path),
        )
    m.base = base
    m.bytes = size
    m.name = name
    m._path = path
    m.writable = writable
    return m


cdef Mapping private_mapping(uint64_t size):
    cdef Mapping m = Mapping.__new__(Mapping)
    cdef void *base = NULL
    if tt_shm_anonymous(size, &base) != TT_OK:
        raise OutOfMemoryError(f"no memory for {size} bytes")
    m.base = base
    m.bytes = size
    m.name = ""
    m.writable = True
    return m


def unlink(str name):
    """Remove the name of a segment, whoever made it; processes that have it mapped go on. False
    when there was none.
    """
    try:
        os.unlink(_path_of(name))
    except FileNotFoundError:
        return False
    return True


def segments():
    """The segments of this kind on the machine, by name: a list of Segment. Reads the heads only.
    """
    out = []
    for name in sorted(os.listdir(DIRECTORY)):
        try:
            with open(f"{DIRECTORY}/{name}", "rb") as file:
                head = file.read(64)
                size = os.fstat(file.fileno()).st_size
        except OSError:
            continue
        kind = _KINDS.get(int.from_bytes(head[:8], "little"))
        if len(head) == 64 and kind is not None:
            pid = int.from_bytes(head[36:40], "little")
            start = int.from_bytes(head[60:64], "little")
            beat_ns = int.from_bytes(head[48:56], "little")
            alive = bool(tt_pid_alive(<uint32_t> pid, <uint32_t> start))
            out.append(Segment(name, kind, size, pid, alive, beat_ns))
    return out


def reclaim(str name):
    """Remove a segment whose owner is gone, and say what it was (a Segment). StateError while the
    owner runs; InputError when there is no such segment of ours. Nothing else removes one.
    """
    found = next((s for s in segments() if s.name == name), None)
    if found is None:
        raise InputError(f"shared segment {name!r}: there is none of this name and kind")
    if found.owner_alive:
        raise StateError(
            f"shared segment {name!r}: process {found.owner_pid} that made it runs; stop it first, "
            "and it removes its own"
        )
    unlink(name)
    return found
