"""Codec of records: encode() makes the 64 or 128 bytes of a template, decode() reads them in place.
"""
# Owns the table of where each field of each template lies, made once from record_field.FIELDS, and
# the descriptors of type Record that read through it. Pure functions of their arguments: any
# thread, with the GIL. encode about 1 us; a record of iter_records 40 ns and each field of it 20.
# Hot loops use the C structs of ext/tectra/msg.h, which it wraps.

from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.mem cimport PyMem_Calloc
from cpython.ref cimport PyObject
from cpython.type cimport PyType_Modified
from cython cimport final, freelist
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from tectra.core.msg cimport (
    TT_RECORD_BYTES_MAX,
    TT_SCHEMA_ID,
    TT_SCHEMA_VERSION,
    TT_SLOT_BYTES,
    TT_T_END,
    tt_head,
    tt_template_bytes,
)
from tectra.core.record_field cimport (
    KIND_ARRAY,
    KIND_FLOAT,
    fill_record,
    template_number,
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
from tectra.core.record_field import FIELDS, HEADER_FIELDS

__all__ = ["Record", "decode", "encode", "encode_into", "iter_records"]

cdef extern from "Python.h":
    ctypedef object (*getter)(object, void *)
    ctypedef struct PyTypeObject:
        PyObject *tp_dict
    ctypedef struct PyGetSetDef:
        const char *name
        getter get
        void *closure
    const char *PyUnicode_AsUTF8(object text) except NULL
    object PyDescr_NewGetSet(PyTypeObject *type, PyGetSetDef *what)

cdef enum:
    HEADER_BYTES = 8

cdef struct Place:
    int8_t kind  # of record_field; 0: the template has no such field
    uint8_t offset
    uint8_t size

cdef dict _TEMPLATES = {int(t): t for t in Template}
cdef tuple _NAMES = tuple(dict.fromkeys(name for table in FIELDS.values() for name in table))


cdef Place *_new_places() except NULL:
    """TT_T_END places for each name of a field: where it lies in the record of each template."""
    cdef Place *out = <Place *>PyMem_Calloc(<size_t>len(_NAMES) * TT_T_END, sizeof(Place))
    cdef Py_ssize_t at
    if out is NULL:
        raise MemoryError()
    for i, name in enumerate(_NAMES):
        for template, table in FIELDS.items():
            if name in table:
                at = i * TT_T_END + template
                out[at].kind, out[at].offset, out[at].size = table[name]
    return out


cdef uint64_t _HEADS[256]  # the message header of each template in this version of the schema
memset(_HEADS, 0, sizeof(_HEADS))
for _template in Template:
    _HEADS[<int>_template] = (
        <uint64_t>(tt_template_bytes[<int>_template] - HEADER_BYTES)
        | <uint64_t>_template << 16
        | <uint64_t>TT_SCHEMA_ID << 32
        | <uint64_t>TT_SCHEMA_VERSION << 48
    )
cdef Place *_PLACES = _new_places()
cdef dict _NUMBERS = {name: i for i, name in enumerate(_NAMES)}


def encode(template, /, **fields) -> bytes:
    """The 64 or 128 bytes of a record; fields not named are 0. Raises InputError for an unknown
    field or a value out of range.

    `template` is a Template, its number or its name; text fields take ASCII str or bytes.
    """
    cdef int t = template_number(template)
    cdef bytes out = PyBytes_FromStringAndSize(NULL, tt_template_bytes[t])
    fill_record(<uint8_t *>PyBytes_AS_STRING(out), t, fields)
    return out


def encode_into(out, offset, template, /, **fields) -> int:
    """Write a record into a writable buffer at byte `offset`; returns its length. On an error the
    bytes are zero.
    """
    cdef Py_buffer view
    cdef int t = template_number(template)
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
            fill_record(<uint8_t *>view.buf + at, t, fields)
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
    cdef uint64_t word
    if available >= TT_SLOT_BYTES:
        memcpy(&word, p, HEADER_BYTES)
        if word & 0xFFFF0000 and word == _HEADS[(word >> 16) & 0xFF]:
            if available >= <Py_ssize_t>((word & 0xFFFF) + HEADER_BYTES):
                return <int>((word & 0xFFFF) + HEADER_BYTES)
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


cdef inline object _read(const uint8_t *p, Place place):
    cdef int size = place.size, i
    cdef int16_t h
    cdef int32_t w
    cdef int64_t q
    cdef uint16_t uh
    cdef uint32_t uw
    cdef uint64_t uq
    cdef double d
    p += place.offset
    if place.kind == -8:
        memcpy(&q, p, 8)
        return q
    if place.kind == 8:
        memcpy(&uq, p, 8)
        return uq
    if place.kind == 4:
        memcpy(&uw, p, 4)
        return uw
    if place.kind == 1:
        return p[0]
    if place.kind == 2:
        memcpy(&uh, p, 2)
        return uh
    if place.kind == -1:
        return <int8_t>p[0]
    if place.kind == -2:
        memcpy(&h, p, 2)
        return h
    if place.kind == -4:
        memcpy(&w, p, 4)
        return w
    if place.kind == KIND_FLOAT:
        memcpy(&d, p, sizeof(double))
        return d
    if place.kind == KIND_ARRAY:
        values = []
        for i in range(size // 8):
            memcpy(&uq, p + 8 * i, 8)
            values.append(uq)
        return tuple(values)
    while size > 0 and p[size - 1] == 0:
        size -= 1
    return PyBytes_FromStringAndSize(<const char *>p, size)


cdef object _field_of(Record record, void *places):
    """The getter of all descriptors; `places` are those of its field."""
    cdef Place place
    if record.p is NULL:
        raise ClosedError("Record is not for direct use; call decode()")
    place = (<const Place *>places)[record.number]
    if place.kind == 0:
        raise AttributeError  # __getattr__, which comes next, says more
    return _read(record.p, place) if place.offset + place.size <= record.size else None


@final
@freelist(64)
cdef class Record:
    """A record: fields are attributes (integers, floats, bytes without trailing zeros, tuples of
    integers).

    What decode() gives is read in place and holds its buffer, which therefore cannot be resized or
    closed meanwhile; what iter_records() gives has bytes of its own. Equal to another Record with
    the same bytes. A field newer than the record's schema version is None. Any thread, as far as
    the buffer allows.
    """

    def __init__(self):
        raise TypeError("Record is not for direct use; call decode()")

    def __dealloc__(self):
        if self.p is not NULL and self.p is not self.memory.own:
            PyBuffer_Release(&self.memory.view)

    def __dir__(self):
        own = FIELDS[self.number] if self.p is not NULL else ()
        return [n for n in object.__dir__(self) if n in own or n not in _NUMBERS]

    @property
    def template(self):
        """Its Template."""
        return _TEMPLATES[self.number] if self.p is not NULL else None

    @property
    def template_name(self) -> str:
        """Name of the template, as in schema.xml."""
        return self.template.name.lower()

    @property
    def nbytes(self) -> int:
        """64 or 128."""
        return self.size

    def __getattr__(self, name):
        # Reached for names that no descriptor answers.
        if self.p is NULL:
            raise ClosedError("Record is not for direct use; call decode()")
        raise AttributeError(
            f"{self.template_name} has no field {name!r}; allowed: "
            f"{', '.join(FIELDS[self.number])}"
        )

    cdef object _value(self, object name):
        number = _NUMBERS.get(name)
        if number is None:
            return self.__getattr__(name)
        cdef Py_ssize_t at = number
        cdef Place *places = &_PLACES[at * TT_T_END]
        if self.p is not NULL and places[self.number].kind == 0:
            return self.__getattr__(name)
        return _field_of(self, places)

    def __getitem__(self, name):
        try:
            return self._value(name)
        except AttributeError as error:
            raise KeyError(str(error)) from None

    def get_int(self, name: str) -> int:
        """An integer field; TypeError if it is of another kind."""
        value = self._value(name)
        if not isinstance(value, int):
            raise TypeError(f"{name}: found {type(value).__name__}; allowed: an integer field")
        return value

    def get_text(self, name: str) -> str:
        """A text field as ASCII; bytes outside it become backslash escapes."""
        value = self._value(name)
        if not isinstance(value, bytes):
            raise TypeError(f"{name}: found {type(value).__name__}; allowed: a text field")
        return value.decode("ascii", "backslashreplace")

    def keys(self) -> list:
        """Field names, message header first."""
        return list(FIELDS[self.number]) if self.p is not NULL else []

    def to_dict(self) -> dict:
        """{"template": name, field: value, ...} without the message header."""
        out = {"template": self.template_name}
        for name in FIELDS[self.number]:
            if name not in HEADER_FIELDS:
                out[name] = self._value(name)
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
        """The same memory as a NumPy structured scalar; a copy if the record has its own."""
        if self.size != tt_template_bytes[self.number]:
            raise LayoutVersionError(
                "found a record of an older schema version; allowed: the current one; read its "
                "fields"
            )
        buffer, offset = self.to_bytes(), 0
        if self.p is not self.memory.own:
            buffer = <object>self.memory.view.obj
            offset = self.p - <const uint8_t *>self.memory.view.buf
        raw = np.frombuffer(buffer, np.uint8, self.size, offset)
        return raw.view(DTYPES[self.template])[0]

    def __eq__(self, other):
        return self.to_bytes() == other.to_bytes() if type(other) is Record else NotImplemented

    def __hash__(self):
        if self.p is not self.memory.own and not self.memory.view.readonly:
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


cdef int _install_fields() except -1:
    """Make the fields attributes of type Record: descriptors that the interpreter finds in the
    type's cache, for all names of all templates.
    """
    cdef PyTypeObject *type = <PyTypeObject *>Record
    cdef dict attributes = <dict>type.tp_dict
    cdef PyGetSetDef *defs = <PyGetSetDef *>PyMem_Calloc(
        <size_t>len(_NAMES), sizeof(PyGetSetDef))  # for the life of the process, as the type
    cdef Py_ssize_t i
    if defs is NULL:
        raise MemoryError()
    for i, name in enumerate(_NAMES):
        if name in attributes:
            raise RuntimeError(f"Record.{name} is a method; a field needs another name")
        defs[i].name = PyUnicode_AsUTF8(name)
        defs[i].get = <getter>_field_of
        defs[i].closure = &_PLACES[i * TT_T_END]
        attributes[name] = PyDescr_NewGetSet(type, &defs[i])
    PyType_Modified(Record)
    return 0


_install_fields()


def decode(buffer, Py_ssize_t offset=0) -> Record:
    """Read the record at byte `offset` of a buffer, without a copy.

    Raises TruncatedInputError, FileFormatError (no tectra record) or LayoutVersionError (written by
    a newer schema).
    """
    cdef Record out = Record.__new__(Record)
    cdef const uint8_t *p
    PyObject_GetBuffer(buffer, &out.memory.view, PyBUF_SIMPLE)
    try:
        if offset < 0 or offset > out.memory.view.len:
            raise InputError(f"offset: found {offset}; allowed: 0 to {out.memory.view.len}")
        p = <const uint8_t *>out.memory.view.buf + offset
        out.size = <uint32_t>_check_head(p, out.memory.view.len - offset)
        memcpy(&out.number, p + 2, sizeof(out.number))  # at any place in memory
    except BaseException:
        PyBuffer_Release(&out.memory.view)
        raise
    out.p = p
    return out


cdef inline bint _is_padding(const uint8_t *p, Py_ssize_t left) noexcept nogil:
    cdef uint64_t word = 0
    memcpy(&word, p, <size_t>(left if left < HEADER_BYTES else HEADER_BYTES))
    return word == 0


@final
cdef class _Records:
    """What iter_records() gives; lets go of the buffer at its end."""

    def __cinit__(self, slots):
        PyObject_GetBuffer(slots, &self.view, PyBUF_SIMPLE)

    def __dealloc__(self):
        PyBuffer_Release(&self.view)

    def __iter__(self):
        return self

    def __next__(self):
        cdef Record out
        cdef const uint8_t *p = NULL
        cdef Py_ssize_t left = 0
        while True:
            left = self.view.len - self.at
            if left <= 0:
                self._end()
                raise StopIteration
            p = <const uint8_t *>self.view.buf + self.at
            if not _is_padding(p, left):
                break
            self.at += TT_SLOT_BYTES
        out = Record.__new__(Record)
        try:
            out.size = <uint32_t>_check_head(p, left)
        except BaseException:
            self._end()
            raise
        memcpy(out.memory.own, p, out.size)
        out.p = out.memory.own
        out.number = (<const tt_head *>out.p).template_id
        self.at += out.size
        return out

    cdef int _end(self) except -1:
        PyBuffer_Release(&self.view)  # which makes it empty
        self.view.len = self.at = 0
        return 0


def iter_records(slots):
    """Records of a stream of slots, in order, each with a copy of its 64 or 128 bytes: it stays
    right when the buffer is filled again. A zero slot (padding) is skipped.

    Raises as decode() does, behind the last good record.
    """
    return _Records(slots)
