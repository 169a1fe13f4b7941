"""Sees every call that a strategy's callback makes, and asks about those that are on a list.

Owns a table of addresses; one thread, the one that replays. Installed it costs a few ns a call of a
C function and about 50 ns a call of a Python function; nothing outside Python code.
"""
cimport cython
from cpython.object cimport PyObject
from libc.stdint cimport uint64_t, uintptr_t
from libc.string cimport memset

from tectra.engine.pipeline cimport Pipeline

from tectra.core.errors import CapacityError

cdef extern from "Python.h":
    int PyTrace_CALL
    int PyTrace_C_CALL
    int PyCFunction_Check(PyObject *it)

cdef extern from *:
    """
    /* CPython's header has frames as a type of their own here. */
    static void tt_profile(int (*seen)(PyObject *, PyObject *, int, PyObject *), PyObject *it)
    {
        PyEval_SetProfile((Py_tracefunc)seen, it);
    }
    /* Where a builtin function begins, and what it is bound to. */
    static void *tt_function_at(PyObject *it)
    {
        return (void *)PyCFunction_GET_FUNCTION(it);
    }
    static PyObject *tt_function_self(PyObject *it)
    {
        return PyCFunction_GET_SELF(it);
    }
    /* The code of a frame, borrowed: the frame holds it. */
    static void *tt_code_at(PyObject *frame)
    {
        PyCodeObject *code = PyFrame_GetCode((PyFrameObject *)frame);
        Py_DECREF(code);
        return code;
    }
    """
    void tt_profile(int (*)(PyObject *, PyObject *, int, PyObject *) except -1, PyObject *) noexcept
    void *tt_function_at(PyObject *it) noexcept
    PyObject *tt_function_self(PyObject *it) noexcept
    void *tt_code_at(PyObject *frame) noexcept

cdef enum:
    SLOTS = 1024


cdef int _seen(PyObject *it, PyObject *frame, int what, PyObject *arg) except -1:
    cdef Watch watch = <Watch> it
    if what == PyTrace_C_CALL:
        if PyCFunction_Check(arg):
            return watch.look(tt_function_at(arg), tt_function_self(arg), frame)
    elif what == PyTrace_CALL:
        return watch.look(tt_code_at(frame), NULL, frame)
    return 0


@cython.final
cdef class Watch:
    """Calls `judge(name, frame)` when a callback of the pipeline reaches what was listed; what that
    raises comes out of the call, which is then not made.
    """

    cdef Pipeline pipeline
    cdef object judge
    cdef void *keys[SLOTS]
    cdef PyObject *owners[SLOTS]
    cdef int numbers[SLOTS]
    cdef list names
    cdef list kept

    def __cinit__(self, Pipeline pipeline not None, judge):
        self.pipeline = pipeline
        self.judge = judge
        self.names = []
        self.kept = []
        memset(self.keys, 0, sizeof(self.keys))
        memset(self.owners, 0, sizeof(self.owners))

    def watch_function(self, function, name, owner=None):
        """List a builtin function; with `owner`, only as a method of that object."""
        if not PyCFunction_Check(<PyObject *> function):
            raise TypeError(f"watch_function: found {type(function).__name__}; needed: a builtin")
        self.put(
            tt_function_at(<PyObject *> function),
            NULL if owner is None else <PyObject *> owner, name, (function, owner),
        )

    def watch_code(self, code, name):
        """List the code of a Python function."""
        self.put(<void *> <PyObject *> code, NULL, name, code)

    def start(self):
        """See the calls of this thread from now on, in place of any profiler."""
        tt_profile(_seen, <PyObject *> self)

    def stop(self):
        """See nothing more."""
        tt_profile(NULL, NULL)

    @property
    def running(self):
        """(strategy number from 1, callback) that runs now; (0, 0) between callbacks."""
        return (self.pipeline.running, self.pipeline.callback if self.pipeline.running else 0)

    @property
    def cause_seq(self):
        """ring_seq of the record that is being stepped."""
        return self.pipeline.c.market.cause.ring_seq

    cdef int put(self, void *key, PyObject *owner, object name, object keep) except -1:
        cdef uint64_t at = slot_of(key)
        if len(self.names) >= SLOTS // 2:
            raise CapacityError(f"watch: found more than {SLOTS // 2} names; allowed: as many")
        while self.keys[at] != NULL:
            if self.keys[at] == key:
                return 0
            at = (at + 1) % SLOTS
        self.keys[at] = key
        self.owners[at] = owner
        self.numbers[at] = len(self.names)
        self.names.append(name)
        self.kept.append(keep)
        return 0

    cdef int look(self, void *key, PyObject *owner, PyObject *frame) except -1:
        cdef uint64_t at = slot_of(key)
        while self.keys[at] != NULL:
            if self.keys[at] == key:
                if self.pipeline.running == 0:
                    return 0
                if self.owners[at] != NULL and self.owners[at] != owner:
                    return 0
                self.judge(self.names[self.numbers[at]], <object> frame)
                return 0
            at = (at + 1) % SLOTS
        return 0


cdef uint64_t slot_of(void *key) noexcept nogil:
    return ((<uint64_t> <uintptr_t> key >> 4) * <uint64_t> 0x9E3779B97F4A7C15) >> 54
