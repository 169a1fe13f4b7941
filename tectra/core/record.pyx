"""Codec of records: encode() makes the 64 or 128 bytes of a template, decode() reads them in place.
"""
# Owns the field tables made from msg.DTYPES. Pure functions of their arguments: any thread. encode
# about 1 us, decode and each field about 0.3 us: for edges and tests; hot loops use the C structs
# of ext/tectra/msg.h, which it wraps.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython cimport final
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy, memset

from tectra.core.msg cimport (
    TT_RECORD_BYTES_MAX,
    TT_SCHEMA_ID,
    TT_SCHEMA_VERSION,
    TT_SLOT_BYTES,
    TT_T_END,
    tt_head,
    tt_rec_init,
    tt_template_bytes,
)

import numpy as np

from tectra.core.errors import (
    ClosedError,
    FileFormatError,
    InputError,
    LayoutVersionError,
    TruncatedInputError,
)
from tectra.core.msg import DTYPES, Template

__all__ = ["Record", "decode", "encode", "encode_into", "iter_records"]

cdef enum:
    KIND_TEXT = 100
    KIND_FLOAT = 101
    KIND_ARRAY = 102
    HEADER_BYTES = 8

cdef object _HEADER = ("block_length", "template_id", "schema_id", "version")


cdef object _field(object dtype, int offset):
    # (kind, offset, size): kind is the width in bytes of an integer, negative when signed
    if dtype.subdtype is not None:
        return (KIND_ARRAY, offset, dtype.itemsize)
    if dtype.kind == "S":
        return (KIND_TEXT, offset, dtype.itemsize)
    if dtype.kind == "f":
        return (KIND_FLOAT, offset, dtype.itemsize)
    return (dtype.itemsize if dtype.kind == "u" else -dtype.itemsize, offset, dtype.itemsize)


cdef dict _TABLES = {
    int(t): {name: _field(f[0], f[1]) for name, f in d.fields.items()} for t, d in DTYPES.items()
}
cdef dict _TEMPLATES = {int(t): t for t in Template}


cdef int _template(object template) except -1:
    if isinstance(template, str):
        found = template.upper()
        if found not in Template.__members__:
            raise InputError(
                f"template: found {template!r}; allowed: "
                f"{', '.join(t.name.lower() for t in Template)}"
            )
        return Template[found]
    if template not in _TABLES:
        raise InputError(
            f"template: found {template!r}; allowed: "
            f"{', '.join(f'{t.value} {t.name}' for t in Template)}"
        )
    return template


cdef int _write_integer(uint8_t *at, int kind, object value) except -1:
    cdef uint64_t u
    cdef int64_t i
    cdef object one = 1
    cdef object bits = 8 * abs(kind)
    cdef object low = 0 if kind > 0 else -(one << (bits - 1))
    cdef object high = (one << bits if kind > 0 else one << (bits - 1)) - 1
    if not isinstance(value, (int, np.integer)):
        raise InputError(f"found {type(value).__name__} {value!r}; allowed: an integer")
    if not low <= value <= high:
        raise InputError(f"found {value}; allowed: {low} to {high}")
    # Little-endian memory: the low bytes of the wide value are the narrow value.
    if kind > 0:
        u = value
        memcpy(at, &u, kind)
    else:
        i = value
        memcpy(at, &i, -kind)
    return 0


cdef int _write_text(uint8_t *at, int size, object value) except -1:
    cdef bytes raw
    if isinstance(value, str):
        if not value.isascii():
            raise InputError(f"found {value!r}; allowed: ASCII text or bytes")
        raw = value.encode("ascii")
    elif isinstance(value, (bytes, bytearray)):
        raw = bytes(value)
    else:
        raise InputError(f"found {type(value).__name__} {value!r}; allowed: ASCII text or bytes")
    if len(raw) > size:
        raise InputError(f"found {len(raw)} bytes; allowed: at most {size}")
    memcpy(at, PyBytes_AS_STRING(raw), len(raw))
    return 0


cdef int _write(uint8_t *p, object field, object value) except -1:
    cdef int kind = field[0], offset = field[1], size = field[2], i
    cdef double d
    if kind == KIND_TEXT:
        return _write_text(p + offset, size, value)
    if kind == KIND_FLOAT:
        if not isinstance(value, (int, float, np.floating)):
            raise InputError(f"found {type(value).__name__} {value!r}; allowed: a number")
        d = value
        memcpy(p + offset, &d, sizeof(double))
        return 0
    if kind == KIND_ARRAY:
        if len(value) != size // 8:
            raise InputError(f"found {len(value)} integers; allowed: {size // 8}")
        for i in range(size // 8):
            _write_integer(p + offset + 8 * i, 8, value[i])
        return 0
    return _write_integer(p + offset, kind, value)


cdef object _read(const uint8_t *p, object field):
    cdef int kind = field[0], offset = field[1], size = field[2]
    cdef uint64_t u = 0
    cdef double d
    p += offset
    if kind == KIND_TEXT:
        while size > 0 and p[size - 1] == 0:
            size -= 1
        return PyBytes_FromStringAndSize(<const char *>p, size)
    if kind == KIND_FLOAT:
        memcpy(&d, p, sizeof(double))
        return d
    if kind == KIND_ARRAY:
        return tuple([(<const uint64_t *>p)[i] for i in range(size // 8)])
    memcpy(&u, p, size)
    if kind == -1:
        return <int8_t>u
    if kind == -2:
        return <int16_t>u
    if kind == -4:
        return <int32_t>u
    if kind == -8:
        return <int64_t>u
    return u


cdef int _fill(uint8_t *p, int template, dict fields) except -1:
    cdef dict table = _TABLES[template]
    tt_rec_init(p, template)
    for name, value in fields.items():
        if name not in table or name in _HEADER:
            allowed = ", ".join(n for n in table if n not in _HEADER)
            raise InputError(
                f"{Template(template).name.lower()}: found field {name!r}; allowed: {allowed}"
            )
        try:
            _write(p, table[name], value)
        except InputError as error:
            raise InputError(f"{Template(template).name.lower()}.{name}: {error}") from None
    return 0


def encode(template, /, **fields) -> bytes:
    """The 64 or 128 bytes of a record; fields not named are 0. Raises InputError for an unknown
    field or a value out of range.

    `template` is a Template, its number or its name; text fields take ASCII str or bytes.
    """
    cdef int t = _template(template)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, tt_template_bytes[t])
    _fill(<uint8_t *>PyBytes_AS_STRING(out), t, fields)
    return out


def encode_into(out, offset, template, /, **fields) -> int:
    """Write a record into a writable buffer at byte `offset`; returns its length. On an error the
    bytes are zero.
    """
    cdef Py_buffer view
    cdef int t = _template(template)
    cdef Py_ssize_t at = offset
    cdef int size = tt_template_bytes[t]
    PyObject_GetBuffer(out, &view, PyBUF_SIMPLE | PyBUF_WRITABLE)
    try:
        if at < 0 or at + size > view.len:
            raise InputError(
                f"offset: found {at} in a buffer of {view.len} bytes; allowed: 0 to "
                f"{view.len - size}"
            )
        try:
            _fill(<uint8_t *>view.buf + at, t, fields)
        except InputError:
            memset(<uint8_t *>view.buf + at, 0, size)
            raise
    finally:
        PyBuffer_Release(&view)
    return size


cdef int refuse_buffer(Py_ssize_t size, str verb) except -1:
    """Say that a buffer has no room to `verb` any record into it."""
    raise InputError(
        f"buffer to {verb} into: found {size} bytes; allowed: {TT_RECORD_BYTES_MAX} or more"
    )


cdef int _check_head(const uint8_t *p, Py_ssize_t available) except -1:
    # Bytes of the record at p. The rules are SBE's: an older block may be shorter, a newer version
    # is refused.
    cdef tt_head head
    memset(&head, 0, sizeof(tt_head))
    if available < HEADER_BYTES:
        raise TruncatedInputError(
            f"found {available} bytes; a record header has {HEADER_BYTES}; fetch the rest"
        )
    memcpy(&head, p, HEADER_BYTES)
    if head.schema_id != TT_SCHEMA_ID:
        raise FileFormatError(
            f"schema id: found {head.schema_id}; allowed: {TT_SCHEMA_ID}; these are no tectra "
            "records"
        )
    if head.version == 0 or head.version > TT_SCHEMA_VERSION:
        raise LayoutVersionError(
            f"schema version: found {head.version}; allowed: 1 to {TT_SCHEMA_VERSION}; update "
            "tectra"
        )
    if head.template_id >= TT_T_END or tt_template_bytes[head.template_id] == 0:
        raise FileFormatError(
            f"template: found {head.template_id}; allowed: {[t.value for t in Template]}"
        )
    cdef int size = head.block_length + HEADER_BYTES
    cdef int full = tt_template_bytes[head.template_id]
    cdef int older = head.version < TT_SCHEMA_VERSION
    if size != full and not (older and size == TT_SLOT_BYTES and size < full):
        raise FileFormatError(
            f"block length of template {head.template_id}: found {size - 8}; allowed: {full - 8}"
        )
    if size > available:
        raise TruncatedInputError(f"found {available} bytes of a record of {size}; fetch the rest")
    return size


@final
cdef class Record:
    """A record read in place: fields are attributes (integers, floats, bytes without trailing
    zeros, tuples of integers).

    Holds the buffer it was decoded from, which therefore cannot be resized or closed meanwhile.
    Equal to another Record with the same bytes. A field newer than the record's schema version is
    None. Any thread, as far as the buffer allows.
    """

    def __init__(self):
        raise TypeError("Record is not for direct use; call decode()")

    def __dealloc__(self):
        if self.p is not NULL:
            PyBuffer_Release(&self.view)

    @property
    def template_name(self) -> str:
        """Name of the template, as in schema.xml."""
        return self.template.name.lower()

    @property
    def nbytes(self) -> int:
        """64 or 128."""
        return self.size

    def __getattr__(self, name):
        if self.p is NULL:
            raise ClosedError("Record is not for direct use; call decode()")
        field = self.table.get(name)
        if field is None:
            raise AttributeError(
                f"{self.template_name} has no field {name!r}; allowed: {', '.join(self.table)}"
            )
        return _read(self.p, field) if field[1] + field[2] <= self.size else None

    def __getitem__(self, name):
        try:
            return self.__getattr__(name)
        except AttributeError as error:
            raise KeyError(str(error)) from None

    def get_int(self, name: str) -> int:
        """An integer field; TypeError if it is of another kind."""
        value = self.__getattr__(name)
        if not isinstance(value, int):
            raise TypeError(f"{name}: found {type(value).__name__}; allowed: an integer field")
        return value

    def get_text(self, name: str) -> str:
        """A text field as ASCII; bytes outside it become backslash escapes."""
        value = self.__getattr__(name)
        if not isinstance(value, bytes):
            raise TypeError(f"{name}: found {type(value).__name__}; allowed: a text field")
        return value.decode("ascii", "backslashreplace")

    def keys(self) -> list:
        """Field names, message header first."""
        return list(self.table)

    def to_dict(self) -> dict:
        """{"template": name, field: value, ...} without the message header."""
        out = {"template": self.template_name}
        out.update((n, self.__getattr__(n)) for n in self.table if n not in _HEADER)
        return out

    @classmethod
    def from_dict(cls, fields):
        """Inverse of to_dict(): a Record over bytes of its own."""
        rest = {n: v for n, v in fields.items() if n != "template" and v is not None}
        return decode(encode(fields["template"], **rest))

    def to_bytes(self) -> bytes:
        """A copy of the bytes."""
        return PyBytes_FromStringAndSize(<const char *>self.p, self.size)

    def to_numpy(self):
        """The same memory as a NumPy structured scalar."""
        if self.size != tt_template_bytes[self.template]:
            raise LayoutVersionError(
                "found a record of an older schema version; allowed: the current one; read its "
                "fields"
            )
        offset = self.p - <const uint8_t *>self.view.buf
        raw = np.frombuffer(<object>self.view.obj, np.uint8, self.size, offset)
        return raw.view(DTYPES[self.template])[0]

    def __eq__(self, other):
        return self.to_bytes() == other.to_bytes() if type(other) is Record else NotImplemented

    def __hash__(self):
        if not self.view.readonly:
            raise TypeError(
                "found a Record over writable memory; only one over bytes has a hash; use "
                "to_bytes()"
            )
        return hash(self.to_bytes())

    def __copy__(self):
        return decode(self.to_bytes())

    def __deepcopy__(self, memo):
        return decode(self.to_bytes())

    def __reduce__(self):
        return decode, (self.to_bytes(),)

    def __repr__(self):
        return f"Record({', '.join(f'{n}={v!r}' for n, v in self.to_dict().items())})"


def decode(buffer, Py_ssize_t offset=0) -> Record:
    """Read the record at byte `offset` of a buffer, without a copy.

    Raises TruncatedInputError, FileFormatError (no tectra record) or LayoutVersionError (written by
    a newer schema).
    """
    cdef Record out = Record.__new__(Record)
    cdef const uint8_t *p
    PyObject_GetBuffer(buffer, &out.view, PyBUF_SIMPLE)
    try:
        if offset < 0 or offset > out.view.len:
            raise InputError(f"offset: found {offset}; allowed: 0 to {out.view.len}")
        p = <const uint8_t *>out.view.buf + offset
        out.size = _check_head(p, out.view.len - offset)
        out.template = _TEMPLATES[(<const uint16_t *>p)[1]]
        out.table = _TABLES[out.template]
    except BaseException:
        PyBuffer_Release(&out.view)
        raise
    out.p = p
    return out


def iter_records(slots):
    """Records of a stream of slots, in order; a zero slot (padding) is skipped."""
    cdef Py_ssize_t at = 0
    view = memoryview(slots).cast("B")
    while at < len(view):
        if not any(view[at:at + HEADER_BYTES]):
            at += TT_SLOT_BYTES
            continue
        record = decode(view, at)
        yield record
        at += record.nbytes
