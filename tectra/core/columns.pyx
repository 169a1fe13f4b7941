"""Records as NumPy columns: for each template a dict of arrays, one a field, in stream order."""
# Owns the memory of columns that grow (without copying, memory.h), and keeps what comes back from
# arrays that are gone for the next ones, so that a stream of batches touches no new pages. One
# thread owns a RecordColumns; add() lets go of the GIL. About 5 ns a record with all fields. Wraps
# ext/tectra/scatter.h.

import numpy as np

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_FillInfo, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cython cimport final, no_gc
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from tectra.core.base cimport TT_E_CORRUPT, TT_E_FULL, TT_E_MEMORY, TT_OK
from tectra.core.memory cimport TT_PAGE_BYTES, tt_region, tt_region_free, tt_region_grow
from tectra.core.msg cimport TT_SLOT_BYTES, TT_T_END
from tectra.core.record_field cimport template_number

from tectra.core.errors import FileFormatError, InputError, OutOfMemoryError
from tectra.core.msg import DTYPES, Template
from tectra.core.record import decode
from tectra.core.record_field import HEADER_FIELDS

__all__ = ["NUMBER", "Columns", "RecordColumns", "record_columns"]

Columns = dict  # of templates to dicts of field names to arrays; the stub says it in full
NUMBER = "number"  # the column of `numbered`

cdef extern from "tectra/scatter.h" nogil:
    enum:
        TT_SCATTER_COLUMNS_MAX
    ctypedef struct tt_scatter_column:
        uint8_t *to
        uint32_t offset
        uint32_t bytes
    ctypedef struct tt_scatter_table:
        tt_scatter_column *columns
        uint64_t *numbers
        uint64_t rows
        uint64_t cap
        uint32_t count
        uint32_t wanted
    ctypedef struct tt_scatter:
        tt_scatter_table *tables
        uint64_t number
        uint32_t *n
    int tt_scatter_full(const tt_scatter *s, uint32_t t)
    int tt_scatter_add(tt_scatter *s, const uint8_t *slots, uint64_t n, uint64_t *done)

cdef object _array = np.ndarray

cdef enum:
    ROWS_MIN = 1024    # of a column's first memory
    ROWS_SMALL = 1 << 18  # up to here a larger one means new pages and a copy, so it is much larger
    SPARE_CLASSES = 10  # memory up to 2 MB is kept for the next columns; above are large pages
    SPARE_MAX = 64      # pieces of each class


cdef int _class_of(uint64_t size) noexcept:
    """Sizes of memory are TT_PAGE_BYTES << class; SPARE_CLASSES for those that are not kept."""
    cdef int out = 0
    while out < SPARE_CLASSES and (<uint64_t>TT_PAGE_BYTES << out) < size:
        out += 1
    return out


@final
@no_gc
cdef class _Spare:
    """Memory that arrays gave back, by class of size."""

    cdef tt_region regions[SPARE_CLASSES][SPARE_MAX]
    cdef int count[SPARE_CLASSES]

    def __dealloc__(self):
        for i in range(SPARE_CLASSES):
            for k in range(self.count[i]):
                tt_region_free(&self.regions[i][k])

    cdef void give(self, tt_region *region) noexcept:
        cdef int i = _class_of(region.bytes)
        if i < SPARE_CLASSES and region.bytes and self.count[i] < SPARE_MAX:
            self.regions[i][self.count[i]] = region[0]
            self.count[i] += 1
            region.base, region.bytes = NULL, 0
        else:
            tt_region_free(region)

    cdef int exchange(self, tt_region *region, uint64_t size, uint64_t kept) noexcept:
        """Give memory of `size` bytes for a smaller one, with its first `kept` bytes; TT_E_MEMORY
        when there is none, and nothing changes."""
        cdef int i = _class_of(size)
        cdef tt_region larger
        if size <= region.bytes:
            return TT_OK
        if i == SPARE_CLASSES:
            return tt_region_grow(region, size)
        if self.count[i]:
            self.count[i] -= 1
            larger = self.regions[i][self.count[i]]
        else:
            larger.base, larger.bytes = NULL, 0
            if tt_region_grow(&larger, <uint64_t>TT_PAGE_BYTES << i) != TT_OK:
                return TT_E_MEMORY
        if kept:
            memcpy(larger.base, region.base, kept)
        self.give(region)
        region[0] = larger
        return TT_OK


@final
@no_gc  # its only reference leads to no other: no cycle is possible
cdef class _Memory:
    """The memory of one array, until the last view of it is gone."""

    cdef tt_region region
    cdef _Spare spare  # where it goes then; None: it is the column's

    def __getbuffer__(self, Py_buffer *view, int flags):
        PyBuffer_FillInfo(view, self, self.region.base, <Py_ssize_t>self.region.bytes, 0, flags)

    def __dealloc__(self):
        if self.spare is not None:
            self.spare.give(&self.region)


@final
cdef class _Column:
    """A column that grows: of a field, or of the numbers of records."""

    cdef str name
    cdef object dtype
    cdef tuple inner  # the shape of one value
    cdef uint32_t offset
    cdef uint64_t bytes
    cdef tt_region region

    def __dealloc__(self):
        tt_region_free(&self.region)

    cdef int grow(self, uint64_t rows, uint64_t kept, _Spare spare) except -1:
        if spare.exchange(&self.region, rows * self.bytes, kept * self.bytes) != TT_OK:
            raise OutOfMemoryError(f"no memory for {rows} values of column {self.name}")
        return 0

    cdef object array(self, uint64_t rows, list lent):
        """Its values as an array, whose memory stays the column's until it is given away; until
        then it is in `lent`.
        """
        cdef _Memory memory
        shape = (rows,) + self.inner
        if rows == 0:
            return np.empty(shape, self.dtype)
        memory = _Memory.__new__(_Memory)
        memory.region = self.region
        lent.append((self, memory))
        return _array(shape, self.dtype, memory)

    cdef void give_away(self, _Memory memory, _Spare spare) noexcept:
        memory.spare = spare
        self.region.base, self.region.bytes = NULL, 0


cdef object _column(str name, object dtype, uint32_t offset):
    cdef _Column out = _Column.__new__(_Column)
    out.name, out.offset, out.bytes = name, offset, dtype.itemsize
    out.dtype, out.inner = dtype.base, dtype.shape
    return out


cdef object _chosen_templates(object templates):
    if templates is None:
        return None
    if isinstance(templates, (str, int)):
        templates = [templates]
    chosen = sorted({template_number(t) for t in templates})
    if not chosen:
        raise InputError("templates is an empty list: give at least one, or None for all")
    return chosen


cdef tuple _chosen_fields(object fields, list templates):
    if fields is None:
        return None
    if isinstance(fields, str):
        fields = [fields]
    chosen = tuple(dict.fromkeys(fields))
    known = dict.fromkeys(n for t in templates for n in DTYPES[Template(t)].names)
    for name in chosen:
        if name not in known:
            raise InputError(f"fields: found {name!r}; allowed: {', '.join(known)}")
    if not chosen:
        raise InputError("fields is an empty list: give at least one, or None for all")
    return chosen


@final
cdef class RecordColumns:
    """Columns that records are appended to: add() batches of slots, take() the arrays.

    `templates`: Template, number or name, one or several; None takes all. `fields`: names, one or
    several, where a template has them; None takes all but the message header. `numbered` adds the
    column "number": the place of the record in the whole stream, from 0, which puts the rows of
    several templates back into one order. Names, types and units are those of msg.DTYPES.

    Raises InputError for a template or a field that does not exist. Owned by one thread.
    """

    cdef tt_scatter *c
    cdef dict columns  # template number -> list of _Column, of those asked for or met
    cdef tuple names   # of the fields that are wanted; None: all
    cdef uint64_t before[TT_T_END]  # rows of the last take(), and so about those of the next
    cdef _Spare spare
    cdef readonly bint numbered
    cdef bint asked

    def __cinit__(self, templates=None, *, fields=None, bint numbered=False):
        chosen = _chosen_templates(templates)
        self.asked = chosen is not None
        self.numbered = numbered
        self.spare = _Spare()
        wanted = chosen if self.asked else [int(t) for t in Template]
        self.names = _chosen_fields(fields, wanted)
        self.c = <tt_scatter *>PyMem_Calloc(1, sizeof(tt_scatter))
        if self.c is NULL:
            raise OutOfMemoryError("no memory for the tables of columns")
        self.columns = {}
        for t in wanted:
            self.c.tables[<int>t].wanted = 1
            if self.asked:
                self._plan(t)

    def __dealloc__(self):
        PyMem_Free(self.c)

    cdef int _plan(self, int template) except -1:
        """Make the columns of a template when it is first met; none when it has no such field."""
        cdef _Column column
        cdef tt_scatter_table *table = &self.c.tables[template]
        names = self.names
        dtype = DTYPES[Template(template)]
        fields = dtype.fields
        chosen = [n for n in names or dtype.names
                  if n in fields and (names or n not in HEADER_FIELDS)]
        if not chosen:
            table.wanted = 0
            return 0
        if len(chosen) > TT_SCATTER_COLUMNS_MAX:
            raise InputError(f"{Template(template).name} has more fields than there are columns")
        out = [_column(n, fields[n][0], fields[n][1]) for n in chosen]
        for i, column in enumerate(out):
            table.columns[i].offset = column.offset
            table.columns[i].bytes = <uint32_t>column.bytes
        table.count = <uint32_t>len(out)
        if self.numbered:
            if NUMBER in fields:
                raise InputError(f"{Template(template).name} has a field {NUMBER!r} of its own")
            out.append(_column(NUMBER, np.dtype(np.uint64), 0))
        self.columns[template] = out
        return 0

    cdef int _grow(self, int template, uint64_t rows) except -1:
        """Make room for `rows` rows; its old memory stays when there is none."""
        cdef tt_scatter_table *table = &self.c.tables[template]
        cdef _Column column
        for i, column in enumerate(self.columns[template]):
            column.grow(rows, table.rows, self.spare)
            if i < <Py_ssize_t>table.count:
                table.columns[i].to = <uint8_t *>column.region.base
            else:
                table.numbers = <uint64_t *>column.region.base
        table.cap = rows
        return 0

    cdef int _make_room(self) except -1:
        cdef tt_scatter_table *table
        cdef uint64_t least, usual
        cdef int t
        for t in range(TT_T_END):
            if not tt_scatter_full(self.c, t):
                continue
            table = &self.c.tables[t]
            if t not in self.columns:
                self._plan(t)
            if table.wanted:
                least = max((8 if table.cap < ROWS_SMALL else 2) * table.cap,
                            table.rows + self.c.n[t])
                usual = self.before[t] + self.before[t] // 8
                self._grow(t, max(<uint64_t>ROWS_MIN, least, usual))
        return 0

    def add(self, slots) -> int:
        """Append the records of a stream of slots; returns how many there were, wanted or not. A
        zero slot (padding) is passed over.

        Raises TruncatedInputError, FileFormatError or LayoutVersionError for what is no record of
        this schema, and OutOfMemoryError; nothing of `slots` is appended then.
        """
        cdef Py_buffer view
        cdef uint64_t before[TT_T_END]
        cdef uint64_t number = self.c.number
        cdef int t
        for t in range(TT_T_END):
            before[t] = self.c.tables[t].rows
        PyObject_GetBuffer(slots, &view, PyBUF_SIMPLE)
        try:
            self._add(<const uint8_t *>view.buf, view.len, slots)
        except BaseException:
            for t in range(TT_T_END):
                self.c.tables[t].rows = before[t]
            self.c.number = number
            raise
        finally:
            PyBuffer_Release(&view)
        return self.c.number - number

    cdef int _add(self, const uint8_t *p, Py_ssize_t size, object slots) except -1:
        cdef uint64_t at = 0, done = 0, n = <uint64_t>size // TT_SLOT_BYTES
        cdef int rc = TT_E_FULL
        while rc == TT_E_FULL:
            with nogil:
                rc = tt_scatter_add(self.c, p + at * TT_SLOT_BYTES, n - at, &done)
            at += done
            if rc == TT_E_FULL:
                self._make_room()
        if rc == TT_E_CORRUPT or <uint64_t>size % TT_SLOT_BYTES:
            at = min(at, n)
            record = decode(slots, <Py_ssize_t>(at * TT_SLOT_BYTES))  # says what is wrong
            raise FileFormatError(
                f"slot {at}: found a {record.template_name} record of {record.nbytes} bytes, from "
                "an older schema; allowed: records of their full length; read it with decode()"
            )
        return 0

    @property
    def records(self) -> int:
        """Records met so far, wanted or not."""
        return self.c.number

    @property
    def rows(self) -> dict:
        """Rows that take() would give, by template: of those asked for, else of those met."""
        return {
            Template(t): self.c.tables[<int>t].rows
            for t in sorted(self.columns) if self.asked or self.c.tables[<int>t].rows
        }

    def take(self) -> dict:
        """{template: {field: array}} of what was added since the last time, and start anew.

        The arrays own their memory and may be written. Templates that were asked for are there
        without rows, too. The numbers of records go on. MemoryError takes nothing.
        """
        cdef tt_scatter_table *table
        cdef _Column column
        cdef _Memory memory
        cdef list lent = []
        cdef dict rows_of = self.rows, out = {}
        for template, rows in rows_of.items():
            out[template] = {
                column.name: column.array(rows, lent) for column in self.columns[template]
            }
        # All arrays are there: nothing fails from here on.
        for template, rows in rows_of.items():
            table = &self.c.tables[<int>template]
            self.before[<int>template] = rows
            table.rows = table.cap = 0
        for column, memory in lent:
            column.give_away(memory, self.spare)
        return out


def record_columns(slots, templates=None, *, fields=None, bint numbered=False) -> dict:
    """The records of a stream of slots as columns: {template: {field: array}}.

    Arguments and failures as those of RecordColumns.
    """
    columns = RecordColumns(templates, fields=fields, numbered=numbered)
    columns.add(slots)
    return columns.take()
