"""What the C compiler made of the records: sizes and offsets, for the test that the NumPy dtypes
say the same.
"""
# Owns nothing. Any thread. For tests and doctor, not for loops. Wraps ext/tectra/msg.h, which
# asserts every offset.

from libc.stddef cimport size_t

from tectra.core.msg cimport (
    TT_DIR_INPUT,
    TT_DIR_NOTE,
    TT_DIR_OUTPUT,
    TT_T_END,
    tt_head,
    tt_template_bytes,
    tt_template_dir,
)

__all__ = ["head_layout", "template_bytes", "template_directions"]


def template_bytes() -> dict:
    """{template id: sizeof its struct} for every template."""
    return {t: tt_template_bytes[t] for t in range(TT_T_END) if tt_template_bytes[t]}


def template_directions() -> dict:
    """{template id: "input", "output" or "note"}."""
    names = {TT_DIR_INPUT: "input", TT_DIR_OUTPUT: "output", TT_DIR_NOTE: "note"}
    return {t: names[tt_template_dir[t]] for t in range(TT_T_END) if tt_template_bytes[t]}


cdef object _span(const void *base, const void *field, size_t size):
    return (<const char *>field - <const char *>base, size)


def head_layout() -> dict:
    """{field: (offset, size)} of the head that every record starts with, in bytes."""
    cdef tt_head h
    return {
        "block_length": _span(&h, &h.block_length, sizeof(h.block_length)),
        "template_id": _span(&h, &h.template_id, sizeof(h.template_id)),
        "schema_id": _span(&h, &h.schema_id, sizeof(h.schema_id)),
        "version": _span(&h, &h.version, sizeof(h.version)),
        "ring_seq": _span(&h, &h.ring_seq, sizeof(h.ring_seq)),
        "ts_event_ns": _span(&h, &h.ts_event_ns, sizeof(h.ts_event_ns)),
        "ts_recv_ns": _span(&h, &h.ts_recv_ns, sizeof(h.ts_recv_ns)),
        "instrument_id": _span(&h, &h.instrument_id, sizeof(h.instrument_id)),
    }
