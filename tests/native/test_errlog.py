"""The distinct-error log under the sanitizers, and with planted faults."""

import pytest
from planted import assert_seen

pytestmark = [pytest.mark.native, pytest.mark.timeout(240)]


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_writers_and_a_reader(sanitized, sanitizer):
    done = sanitized("errlog_stress.c", sanitizer, timeout_s=120)
    assert done.returncode == 0, done.stderr[-3000:]


COPY = "tt_copy_in(&entry->first, &when, sizeof when);"
WORD = "/* Pairs with the acquire load in tt_errlog_read: `first` is written. */"
READY = "tt_store_release64(&entry->ready, 1);"
NL = "\n            "

MUTATIONS = [
    ("ready is not a release", READY, READY.replace("release", "relaxed")),
    ("ready is not acquired", "tt_load_acquire64(&entry->ready) == 0",
     "tt_load_relaxed64(&entry->ready) == 0"),
    ("ready before the first is written", f"{COPY}{NL}{WORD}{NL}{READY}", f"{READY}{NL}{COPY}"),
    ("the entry is taken without a swap", "if (tt_cas64(&entry->key, &found, key)) {",
     "tt_store_relaxed64(&entry->key, key);\n        if (1) {"),
    ("who comes second goes on", "if (found == key)\n            return entry;\n    }", "}"),
    ("shared notes are plain adds", "tt_fetch_add64(&entry->count, 1);",
     "tt_bump64(&entry->count, 1);"),
    ("no room is not counted", "tt_fetch_add64(&log->lost, 1);", ""),
    ("the probe stops early", "i < probes;", "i < probes / 8;"),
    ("the key forgets the code", "(uint64_t)place << 32 | (uint32_t)code",
     "(uint64_t)place << 32 | ((uint32_t)code & 0xfffffff0u)"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS])
def test_planted_fault_is_seen(sanitized, old, new):
    assert_seen(sanitized, "errlog_stress.c", "errlog.h", {old: new})
