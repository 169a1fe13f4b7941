"""Fields of the records: where each lies in the bytes of its template, and how one is written.
"""
# Owns the field tables made from msg.DTYPES. Pure functions of their arguments: any thread, with
# the GIL. About 0.2 us a field. Wraps ext/tectra/msg.h.

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from tectra.core.msg cimport tt_rec_init

import numpy as np

from tectra.core.errors import InputError
from tectra.core.msg import DTYPES, Template

__all__ = ["FIELDS", "HEADER_FIELDS"]

HEADER_FIELDS = ("block_length", "template_id", "schema_id", "version")


cdef object _field(object dtype, int offset):
    # (kind, offset, size): kind is the width in bytes of an integer, negative when signed
    if dtype.subdtype is not None:
        return (KIND_ARRAY, offset, dtype.itemsize)
    if dtype.kind == "S":
        return (KIND_TEXT, offset, dtype.itemsize)
    if dtype.kind == "f":
        return (KIND_FLOAT, offset, dtype.itemsize)
    return (dtype.itemsize if dtype.kind == "u" else -dtype.itemsize, offset, dtype.itemsize)


FIELDS = {
    int(t): {name: _field(f[0], f[1]) for name, f in d.fields.items()} for t, d in DTYPES.items()
}


cdef int template_number(object template) except -1:
    if isinstance(template, str):
        found = template.upper()
        if found not in Template.__members__:
            raise InputError(
                f"template: found {template!r}; allowed: "
                f"{', '.join(t.name.lower() for t in Template)}"
            )
        return Template[found]
    if template not in FIELDS:
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


cdef int fill_record(uint8_t *p, int template, dict fields) except -1:
    cdef dict table = FIELDS[template]
    tt_rec_init(p, template)
    for name, value in fields.items():
        if name not in table or name in HEADER_FIELDS:
            allowed = ", ".join(n for n in table if n not in HEADER_FIELDS)
            raise InputError(
                f"{Template(template).name.lower()}: found field {name!r}; allowed: {allowed}"
            )
        try:
            _write(p, table[name], value)
        except InputError as error:
            raise InputError(f"{Template(template).name.lower()}.{name}: {error}") from None
    return 0
