"""Ring, kill word, counters and checksum in C under the sanitizers, and with planted faults: one
that nobody reports would mean that the stress sees nothing.
"""

import pytest
from planted import assert_seen

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

WRAP = str(2**64 - 500)
CAPACITY = {"batch": "256"}  # long batches, so that the other side meets one half done
MODES = ["one", "batch", "mixed", "pop", "lossy", "claim", "park"]


@pytest.mark.parametrize("capacity", ["8", "64"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_ring(sanitized, sanitizer, mode, capacity):
    done = sanitized("spsc_stress.c", sanitizer, args=(mode, "60000", capacity, WRAP))
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
@pytest.mark.parametrize("source", ["kill_stress.c", "crc32c_check.c"])
def test_driver(sanitized, sanitizer, source):
    done = sanitized(source, sanitizer)
    assert done.returncode == 0, done.stderr[-3000:]


COMMIT = "tt_store_release64(slot, tt_spsc_word_(rec));"
BATCH_COMMIT = "tt_store_release64(tt_spsc_commit_word_(r, start), first);"
GIVE_BACK = "tt_store_release64(&page->read_pos, tt_load_relaxed64(&page->read_pos) + slots);"
BATCH_FILL = "tt_spsc_fill_(r, (uint8_t *)slot, rec, n, pos + 1 - skew - wide);"
CLEAR = "tt_store_relaxed64(word, 0);"
BATCH_END = "tt_store_relaxed64(tt_spsc_commit_word_(r, pos), 0); /* the end mark"
CLAIM_COMMIT = "tt_store_release64(tt_spsc_commit_word_(r, pos), header);"
CLAIM_CLEAR = "tt_store_relaxed64(tt_spsc_commit_word_(r, pos + i), 0);"
CLAIM_HOLD = "r->clear_to = pos; /* the fast path of a push stops here, and finds the claim */"
WAKE_CONSUMER = "if (TT_UNLIKELY(tt_load_relaxed32(&page->consumer_parked) != 0))"
WAKE_PRODUCER = "if (TT_UNLIKELY(tt_load_relaxed32(&page->producer_parked) != 0))"
PARK_LOOK = "if (!tt_spsc_is_filled_(r)) /* behind the fence: it may have come meanwhile */"
PARK_ROOM = "if (!tt_spsc_has_space_(r, slots))\n        tt_futex"
INTACT = "return tt_load_acquire64(&r->page->intent_pos) - pos <= r->mask + 1;"

# what, header, what to break and how, the modes to run
MUTATIONS = [
    ("commit is not a release", "spsc.h", COMMIT, COMMIT.replace("release", "relaxed"), "one"),
    ("batch commit is not a release", "spsc.h", BATCH_COMMIT,
     BATCH_COMMIT.replace("release", "relaxed"), "batch"),
    ("giving back is not a release", "spsc.h", GIVE_BACK,
     GIVE_BACK.replace("store_release", "store_relaxed"), "one"),
    ("room is not acquired", "spsc.h",
     "r->seen_read_pos = tt_load_acquire64(&r->page->read_pos);",
     "r->seen_read_pos = tt_load_relaxed64(&r->page->read_pos);", "one"),
    ("peek is not an acquire", "spsc.h", "return tt_load_acquire64(slot) == 0 ? NULL",
     "return tt_load_relaxed64(slot) == 0 ? NULL", "one"),
    ("no full check", "spsc.h", "if (depth + n > r->mask)\n", "if (0)\n", "one"),
    ("no end mark", "spsc.h", CLEAR, "(void)word;", "one"),
    ("the spare slot is used", "spsc.h", "r->seen_read_pos + r->mask;",
     "r->seen_read_pos + r->mask + 1;", "mixed"),
    ("batch is visible before it is copied", "spsc.h", BATCH_FILL,
     f"tt_store_release64(slot, word);\n        {BATCH_FILL}", "batch"),
    ("wide records count as one slot", "spsc.h", "tt_spsc_give_back_(r, 2, 1);",
     "tt_spsc_give_back_(r, 1, 1);", "pop"),
    ("no end mark behind a batch", "spsc.h", BATCH_END, "(void)0; /*", "batch"),
    ("a batch takes the spare slot", "spsc.h", "room = r->mask - (start",
     "room = r->mask + 1 - (start", "batch"),
    ("a claim is committed without a release", "spsc_claim.h", CLAIM_COMMIT,
     CLAIM_COMMIT.replace("release", "relaxed"), "claim"),
    ("an aborted claim leaves headers behind", "spsc_claim.h", CLAIM_CLEAR, "(void)pos;", "claim"),
    ("pushes go on inside a claim", "spsc_claim.h", CLAIM_HOLD, "", "claim"),
    ("no wake for the consumer", "spsc.h", WAKE_CONSUMER, "if (0)", "park"),
    ("no wake for the producer", "spsc.h", WAKE_PRODUCER, "if (0)", "park"),
    ("the consumer does not look before it parks", "spsc_wait.h", PARK_LOOK, "", "park"),
    ("the producer does not look before it parks", "spsc_wait.h", PARK_ROOM, "tt_futex", "park"),
    ("no look after the copy", "spsc_lossy.h", INTACT, "(void)r, (void)pos;\n    return 1;",
     "lossy"),
    ("lossy intent comes late", "spsc_lossy.h",
     "tt_store_relaxed64(&page->intent_pos, pos + n);", "(void)0;", "lossy"),
    ("gap is one short", "spsc_lossy.h", "tt_spsc_tell_gap_(r, first, number - 1);",
     "tt_spsc_tell_gap_(r, first, number - 2 + (number == first + 1));", "lossy"),
]  # fmt: skip


@pytest.mark.soak  # the explorer's faults (test_model.py) are the ones of every run
@pytest.mark.parametrize(
    ("header", "old", "new", "mode"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS]
)
def test_planted_fault_in_the_ring_is_seen(sanitized, header, old, new, mode):
    assert_seen(
        sanitized,
        "spsc_stress.c",
        header,
        {old: new},
        (mode, "100000", CAPACITY.get(mode, "8"), "0"),
    )


KILL_MUTATIONS = [
    ("set overwrites", "kill.h", "while ((found & TT_KILL_REASON_MAX) == 0) {", "while (1) {"),
    ("clear takes any kill", "kill.h", "if (found >> 16 != epoch)\n        return TT_E_STATE;", ""),
    ("the word is not acquired", "kill.h", "return tt_load_acquire64(&k->word);",
     "return tt_load_relaxed64(&k->word);"),
    ("shared add is a plain add", "counters.h", "tt_fetch_add64(&c->counter[i].value, n);",
     "tt_bump64(&c->counter[i].value, n);"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "old", "new"), [m[1:] for m in KILL_MUTATIONS], ids=[m[0] for m in KILL_MUTATIONS]
)
def test_planted_fault_in_kill_and_counters_is_seen(sanitized, header, old, new):
    assert_seen(sanitized, "kill_stress.c", header, {old: new})


CRC_MUTATIONS = [
    ("lanes swapped", "(uint32_t)a, TT_CRC32C_SHIFT2", "(uint32_t)a, TT_CRC32C_SHIFT1"),
    ("seed of a slot", "~(seed + (uint32_t)i + 2u)", "~(seed + (uint32_t)i + 1u)"),
    ("tail dropped", "for (; bytes > 0; bytes--, p++)", "for (; bytes > 1; bytes--, p++)"),
]


@pytest.mark.parametrize(
    ("old", "new"), [m[1:] for m in CRC_MUTATIONS], ids=[m[0] for m in CRC_MUTATIONS]
)
def test_planted_fault_in_the_checksum_is_seen(sanitized, old, new):
    assert_seen(sanitized, "crc32c_check.c", "crc32c.h", {old: new})
