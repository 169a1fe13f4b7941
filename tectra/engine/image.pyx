"""The whole state of a pipeline as bytes, and a new pipeline that goes on from them.

Loaded into a new pipeline of the same SessionSpec, and then stepped through the same records, it
says what the first one would have said, byte for byte. Between two records only: an image holds no
pointer, no code, and nothing of the machine.
"""
# Owns nothing. The engine's thread. Some 10 ns a row and an order, 60 ns an order of a book, the
# attributes of Python strategies about 1 us a value. Wraps ext/tectra/engine_image.h.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

from tectra.core.base cimport TT_E_RANGE, TT_OK
from tectra.core.kill cimport KillWord
from tectra.core.rng cimport Random
from tectra.engine.image cimport (
    tt_image_bytes,
    tt_image_ctx_bytes,
    tt_image_ctx_load,
    tt_image_ctx_save,
    tt_image_layout,
    tt_image_load,
    tt_image_save,
)
from tectra.engine.pipeline cimport Pipeline
from tectra.strategy.capi cimport tt_ctx
from tectra.strategy.compiled cimport CompiledStrategy
from tectra.strategy.context cimport Context

import struct
from typing import NamedTuple

import numpy as np

from tectra.book.image import ImageStamp, l3_image, load_image
from tectra.core.errors import FileFormatError, StateError
from tectra.engine.sections import pack_sections, section_digest, unpack_sections
from tectra.strategy.state import (
    StateScope,
    decode_state,
    encode_state,
    give_state,
    take_state,
)

__all__ = ["LOCAL_SECTIONS", "ImageInfo", "image_info", "load_state", "save_state", "state_digest"]

# In the order of the enum of engine_image.h.
_SECTIONS = (
    "core", "gate", "pending", "states", "trades", "timers", "orders", "positions", "risk",
)
# What a replay of the same records does not have: it sends nothing.
LOCAL_SECTIONS = ("gate",)
_NEXT = struct.Struct("<Q")
_CORE = struct.Struct("<Q4Q2QQ2QQq")
_GATE = struct.Struct("<6Q")


class ImageInfo(NamedTuple):
    """What an image says of itself: the last record behind it, engine time, digests of all inputs
    and outputs, the kill word's reason (0: it was clear), and the size of each section.
    """

    ring_seq: int
    now_ns: int
    input_digest: str
    output_digest: str
    kill_reason: int
    sections: object


cdef bytes _save_one(Pipeline pipeline, int section):
    cdef size_t size = tt_image_bytes(pipeline.c, section)
    out = bytearray(size)
    cdef uint8_t[::1] memory
    if size:
        memory = out
        tt_image_save(pipeline.c, section, &memory[0])
    return bytes(out)


cdef int _load_one(Pipeline pipeline, int section, object part) except -1:
    cdef const uint8_t[::1] memory
    cdef uint8_t none = 0
    cdef const uint8_t *at = &none
    if len(part):
        memory = part
        at = &memory[0]
    return _check(tt_image_load(pipeline.c, section, at, len(part)), _SECTIONS[section])


cdef int _check(int rc, object section) except -1:
    if rc == TT_OK:
        return 0
    if rc == TT_E_RANGE:
        raise StateError(
            f"image: section {section} is of another run (instruments, strategies or sizes of "
            "tables differ); load it into a new pipeline of the session that it was made of"
        )
    raise FileFormatError(
        f"image: section {section} contradicts itself; take an older image, or replay the journal"
    )


cdef bytes _save_ctx(Pipeline pipeline, int i):
    cdef tt_ctx *ctx = &pipeline.ctxs[i]
    out = bytearray(tt_image_ctx_bytes(ctx))
    cdef uint8_t[::1] memory = out
    tt_image_ctx_save(ctx, &memory[0])
    return bytes(out)


cdef int _load_ctx(Pipeline pipeline, int i, object part) except -1:
    cdef const uint8_t[::1] memory = part
    return _check(
        tt_image_ctx_load(&pipeline.ctxs[i], &memory[0], memory.shape[0]), f"ctx {i + 1}"
    )


def _scope(Pipeline pipeline, int i):
    """The objects that the state of strategy i + 1 may name."""
    strategy = pipeline.strategies[i]
    named = {"strategy": strategy}
    named.update({f"instrument {it.instrument_id}": it for it in pipeline.instruments})
    cdef Context ctx
    if pipeline.contexts[i] is not None:
        ctx = pipeline.contexts[i]
        named.update({"ctx": ctx, "ctx.random": ctx.random, "ctx.params": ctx.params})
        named["ctx.instruments"] = ctx.instruments
        for it, book in zip(pipeline.instruments, pipeline.book_views):
            named[f"book {it.instrument_id}"] = book
    return StateScope(type(strategy).__module__, named)


def _where(Pipeline pipeline, int i):
    return f"strategy {i + 1} ({type(pipeline.strategies[i]).__name__})"


cdef bytes _save_strategy(Pipeline pipeline, int i):
    strategy = pipeline.strategies[i]
    where = _where(pipeline, i)
    kind, state = take_state(strategy, where=where)
    random = None
    own = isinstance(strategy, CompiledStrategy)
    if own:
        params = dict(strategy.params)
        said = None
    else:
        params = {name: getattr(strategy, name) for name in type(strategy).PARAMS}
        said = dict((<Context> pipeline.contexts[i]).params)
        random = (<Context> pipeline.contexts[i]).random.state
    front = encode_state((type(strategy).__qualname__, kind, params, said, random), where=where)
    return (
        len(front).to_bytes(8, "little")
        + front
        + encode_state(state, _scope(pipeline, i), where=where)
    )


def _read_strategy(Pipeline pipeline, int i, part):
    """What was kept of a strategy, checked against the one that is here."""
    size = int.from_bytes(part[:8], "little")
    name, kind, params, said, random = decode_state(part[8 : 8 + size])
    here = type(pipeline.strategies[i]).__qualname__
    if name != here:
        raise StateError(
            f"image: strategy {i + 1} was a {name}, here it is a {here}; load it into a pipeline "
            "of its session"
        )
    return kind, params, said, random, decode_state(part[8 + size :], _scope(pipeline, i))


def _give_strategy(Pipeline pipeline, int i, kept):
    kind, params, said, random, state = kept
    strategy = pipeline.strategies[i]
    cdef Context ctx
    cdef Random rng
    if isinstance(strategy, CompiledStrategy):
        if strategy.params != params:
            (<CompiledStrategy> strategy).on_params_update(params)
    else:
        ctx = pipeline.contexts[i]
        rng = ctx.random
        for word in range(4):
            rng.c.s[word] = <uint64_t> random[word]
        ctx.params.clear()
        ctx.params.update(said)
        if kind == "own":
            for name, value in params.items():
                setattr(strategy, name, value)
    give_state(strategy, kind, state, where=_where(pipeline, i))


def save_state(Pipeline pipeline not None):
    """Everything that can change what the pipeline says from here on, as bytes.

    Between two records. StateError when a strategy holds what cannot be kept: it names strategy
    and attribute, and says what to do.
    """
    if pipeline.running:
        raise StateError("image: a callback is running; make it between two records")
    sections = {}
    for number, name in enumerate(_SECTIONS):
        sections[name] = _save_one(pipeline, number)
    stamp = ImageStamp(pipeline.ring_seq, pipeline.now_ns)
    orders = l3_image(pipeline.book, stamp)
    sections["books"] = orders.records.tobytes()
    sections["priorities"] = _NEXT.pack(orders.next_priority) + orders.priorities.tobytes()
    for i in range(len(pipeline.strategies)):
        sections[f"ctx {i + 1}"] = _save_ctx(pipeline, i)
        sections[f"strategy {i + 1}"] = _save_strategy(pipeline, i)
    return pack_sections(sections, layout=tt_image_layout(), ring_seq=pipeline.ring_seq)


def load_state(Pipeline pipeline not None, image):
    """Put an image into a new pipeline of the same session, before its first record.

    A kill word of the pipeline is set when the one of the image was. StateError when the pipeline
    is not new, of another run or of another build, FileFormatError for damage: when either is
    raised while state is taken in, the pipeline must be dropped.
    """
    if pipeline.c.tap.ring_seq or len(pipeline.orders) or pipeline.c.book.order_pool.live:
        raise StateError("image: this pipeline stepped records already; load it into a new one")
    parts = unpack_sections(image, layout=tt_image_layout())
    cdef int count = len(pipeline.strategies)
    names = [*_SECTIONS, "books", "priorities"]
    for i in range(count):
        names += [f"ctx {i + 1}", f"strategy {i + 1}"]
    if list(parts) != names:
        raise StateError(
            f"image: found {len(parts)} sections; this run has {len(names)} ({count} strategies)"
        )
    kept = [_read_strategy(pipeline, i, parts[f"strategy {i + 1}"]) for i in range(count)]
    while pipeline.c.pending_max * 128 < len(parts["pending"]):
        pipeline.grow_pending()
    for number, name in enumerate(_SECTIONS):
        _load_one(pipeline, number, parts[name])
    _load_books(pipeline, parts)
    for i in range(count):
        _load_ctx(pipeline, i, parts[f"ctx {i + 1}"])
        _give_strategy(pipeline, i, kept[i])
    _load_kill(pipeline, parts["gate"])


def _load_books(Pipeline pipeline, parts):
    ids = [pipeline.c.book.books[slot].instrument_id for slot in range(pipeline.c.slots)]
    records = np.frombuffer(parts["books"], np.uint8)
    numbers = parts["priorities"]
    if len(numbers) % 8 or len(numbers) < 8:
        raise FileFormatError("image: section priorities is cut; take an older image")
    load_image(
        pipeline.book,
        records,
        np.frombuffer(numbers[8:], np.uint64),
        next_priority=_NEXT.unpack_from(numbers)[0],
    )
    after = [pipeline.c.book.books[slot].instrument_id for slot in range(pipeline.c.book.slots)]
    if after != ids:
        raise StateError("image: its books are of other instruments than this run's")


cdef int _load_kill(Pipeline pipeline, gate) except -1:
    reason = _GATE.unpack(gate)[5] & 0xFFFF
    cdef KillWord word = pipeline.kill
    if reason and word is not None:
        word.set(reason, now_ns=max(1, pipeline.c.now_ns))
    return 0


def image_info(image):
    """What an image is, without loading it. FileFormatError, StateError as load_state()."""
    parts = unpack_sections(image)
    core = _CORE.unpack_from(parts["core"])
    return ImageInfo(
        ring_seq=core[0],
        now_ns=core[11],
        input_digest=f"{core[5]:016x}{core[6]:016x}",
        output_digest=f"{core[8]:016x}{core[9]:016x}",
        kill_reason=_GATE.unpack(parts["gate"])[5] & 0xFFFF,
        sections={name: len(part) for name, part in parts.items()},
    )


def state_digest(image):
    """SHA-256 of the state: equal for two pipelines that stepped the same records, one of them a
    replay that sends nothing.
    """
    return section_digest(image, without=LOCAL_SECTIONS)
