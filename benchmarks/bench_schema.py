"""What the schema costs: encoding an event, and the price of one field more.

The next version is made here, from the schema of the tree with one field appended to a record, by
the same generator: both records stand in one header, and one compiled driver times both in turn.
"""

import re
import struct
from dataclasses import replace
from pathlib import Path

import gate as gates
import numpy as np
import pytest
from conftest import Gate

from tectra.core.msg import DTYPES, Template
from tectra.core.record import decode, encode
from tectra.core.validate import validate
from tectra.paths import get_include, schema_file
from tectra.schema.codegen import render_header
from tectra.schema.model import Field, Message, Schema, load

RECORD = "position_update"
FIELDS = {
    "side": 1, "venue_id": 3, "order_ref": 7, "px": 1_000_000, "qty": 5, "ts_event_ns": 1,
    "ts_recv_ns": 2, "instrument_id": 9,
}  # fmt: skip

DRIVER = """
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <tectra/msg.h>

enum { ROUNDS = 41, RECORDS = 512 };
static @NOW@ now_[RECORDS];
static @NEXT@ next_[RECORDS];
static uint64_t plain_[RECORDS][@WORDS@];
static uint64_t source_[RECORDS][@WORDS@];
static volatile uint64_t sink;
static int passes = 200;

static double clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

#define TIMED(name, body)                                       \\
    static double name(void)                                    \\
    {                                                           \\
        const double start = clock_ns();                        \\
        for (int pass = 0; pass < passes; pass++) {             \\
            for (uint64_t i = 0; i < RECORDS; i++) {            \\
                body;                                           \\
            }                                                   \\
            __asm__ volatile("" ::: "memory");                  \\
        }                                                       \\
        return (clock_ns() - start) / (passes * (double)RECORDS); \\
    }

static inline void fill_now(@NOW@ *r, uint64_t i) { @FILL_NOW@ }
static inline void fill_next(@NEXT@ *r, uint64_t i) { @FILL_NEXT@ }
static inline uint64_t sum_now(const @NOW@ *r) { return @SUM_NOW@; }
static inline uint64_t sum_next(const @NEXT@ *r) { return @SUM_NEXT@; }

TIMED(encode_now, fill_now(&now_[i], i))
TIMED(encode_next, fill_next(&next_[i], i))
TIMED(decode_now, sink += sum_now(&now_[i]))
TIMED(decode_next, sink += sum_next(&next_[i]))
TIMED(copy, memcpy(plain_[i], source_[i], sizeof *source_))

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void pair(const char *name, double (*subject)(void), double (*yardstick)(void), int rounds)
{
    double ratio[ROUNDS], of[ROUNDS];
    subject();
    for (int i = 0; i < rounds; i++) {
        const double before = i % 2 ? yardstick() : 0;
        of[i] = subject();
        ratio[i] = of[i] / (i % 2 ? before : yardstick());
    }
    qsort(ratio, (size_t)rounds, sizeof *ratio, by_value);
    qsort(of, (size_t)rounds, sizeof *of, by_value);
    printf("{\\"name\\": \\"%s\\", \\"ratio\\": %.4f, \\"subject_ns\\": %.3f}\\n", name,
           ratio[rounds / 2], of[rounds / 2]);
}

int main(void)
{
    const char *tiny = getenv("TECTRA_BENCH_TINY");
    const int rounds = tiny != NULL && tiny[0] == '1' ? 1 : ROUNDS;
    if (rounds == 1)
        passes = 1;
    pair("schema.encode_next_to_now", encode_next, encode_now, rounds);
    pair("schema.decode_next_to_now", decode_next, decode_now, rounds);
    pair("schema.encode_to_copy", encode_now, copy, rounds);
    return 0;
}
"""


def next_version(schema: Schema) -> tuple[Schema, Message, Message]:
    """The schema with a record beside RECORD that has one field more, as the rules allow."""
    now = schema.messages[RECORD]
    last = now.fields[-1]
    offset = (now.used + 7) // 8 * 8
    more = Field("appended", last.id + 1, "int64", "int64", 1, offset, schema.version + 1, "")
    grown = replace(
        now, name=f"{RECORD}_next", id=max(m.id for m in schema.messages.values()) + 1,
        fields=(*now.fields, more),
    )  # fmt: skip
    assert grown.used <= grown.size
    return replace(schema, messages={**schema.messages, grown.name: grown}), now, grown


def filled(message: Message) -> str:
    plain = [f for f in message.fields if f.length == 1]
    body = [f"tt_rec_init(r, TT_T_{message.name.upper()});"]
    body += [f"r->{f.name} = (__typeof__(r->{f.name}))(i + {f.id});" for f in plain]
    return " ".join(body)


def summed(message: Message) -> str:
    return " + ".join(f"(uint64_t)r->{f.name}" for f in message.fields if f.length == 1)


def driver_text(now: Message, grown: Message) -> str:
    words = {
        "NOW": f"tt_{now.name}", "NEXT": f"tt_{grown.name}", "WORDS": str(now.size // 8),
        "FILL_NOW": filled(now), "FILL_NEXT": filled(grown),
        "SUM_NOW": summed(now), "SUM_NEXT": summed(grown),
    }  # fmt: skip
    return re.sub(r"@(\w+)@", lambda m: words[m[1]], DRIVER)


@pytest.mark.native
@pytest.mark.timeout(120)
def test_one_field_more(native_dir: Path) -> None:
    """Version n and a version n + 1, encoded and decoded; the delta is the ratio less one."""
    schema, now, grown = next_version(load(schema_file()))
    tree = native_dir / "next"
    (tree / "tectra").mkdir(parents=True, exist_ok=True)
    (tree / "tectra" / "msg.h").write_text(render_header(schema))
    source = tree / "schema_pair.c"
    source.write_text(driver_text(now, grown))
    driver = gates.compile_driver(source, native_dir, include=tree)
    best: dict[str, float] = {}
    for _ in range(gates.TRIES):
        for row in gates.run_driver(driver):
            best[row["name"]] = min(row["ratio"], best.get(row["name"], row["ratio"]))
        if not any(gates.is_over(name, ratio) for name, ratio in best.items()):
            break
    for name, ratio in best.items():
        print(f"{name}: ratio {ratio:.3f}")
        gates.check(name, ratio)
    assert Path(get_include()).is_dir()


def test_arrays_of_the_next_version(gate: Gate) -> None:
    """A reader of version n over a journal of it / a reader of n + 1 over the same bytes."""
    count = gates.size(20_000, 100)
    now = DTYPES[Template.POSITION_UPDATE]
    names = [n for n in now.names or () if now.fields is not None]
    fields = now.fields or {}
    grown = np.dtype(
        {
            "names": [*names, "appended"],
            "formats": [*(fields[n][0] for n in names), np.dtype("<i8")],
            "offsets": [*(fields[n][1] for n in names), now.itemsize - 8],
            "itemsize": now.itemsize,
        }
    )
    raw = np.frombuffer(encode(Template.POSITION_UPDATE, net_qty=5) * count, np.uint8)

    def read(dtype: np.dtype[np.void]) -> int:
        rows = raw.view(dtype)
        return int(rows["net_qty"].sum() + rows["ring_seq"].sum())

    gate(lambda: read(grown), lambda: read(now), "schema.array_next_to_now")


def test_event_encode(gate: Gate) -> None:
    """A record from Python / struct.pack of the same fields: the budget of an event at the edge."""
    layout = struct.Struct("<4HQqqI4xBBHI2Qqq")
    gate(
        lambda: encode(Template.BOOK_ADD, **FIELDS),
        lambda: layout.pack(56, 1, 7433, 1, 0, 1, 2, 9, 1, 0, 3, 0, 7, 0, 1_000_000, 5),
        "schema.event_encode_to_struct",
    )


def test_event_validate(gate: Gate) -> None:
    """The whole check at the boundary / the check that reading needs."""
    data = encode(Template.BOOK_ADD, **FIELDS)
    gate(lambda: validate(data), lambda: decode(data), "schema.validate_to_decode")
