"""The broadcast ring in C under the sanitizers, and with planted faults: one that nobody reports
would mean that the stress sees nothing.
"""

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

WRAP = str(2**64 - 500)
MODES = ["one", "batch", "mixed", "claim", "paced"]


@pytest.mark.parametrize("readers", ["1", "2", "4"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_ring(sanitized, sanitizer, mode, readers):
    for capacity in ("8", "64"):
        args = (mode, readers, "30000", capacity, WRAP)
        done = sanitized("bcast_stress.c", sanitizer, args=args)
        assert done.returncode == 0, done.stderr[-3000:]


def test_paced_readers_get_most_and_the_others_are_lapped(sanitized):
    """Else the stress would look at one kind of reading only."""
    lost, read = {}, {}
    for mode in ("paced", "one"):
        done = sanitized("bcast_stress.c", "", args=(mode, "2", "200000", "64", "0"))
        assert done.returncode == 0, done.stderr
        words = done.stdout.splitlines()[0].split()
        read[mode], lost[mode] = int(words[3]), int(words[5])
    assert read["paced"] > 100_000
    assert lost["one"] > 1000


AFTER = "TT_LIKELY(n != 0 && tt_load_relaxed64(&control->stamp) == stamp)"
MINE = "TT_LIKELY(stamp == rd->next << 1) ? 1"
WANTED = "n != 0 ? tt_load_acquire64(&control->tag) & rd->mask : 0;"
VOID = "tt_store_relaxed64(&r->control[index].stamp, 0);"
VOID_WIDE = "tt_store_relaxed64(&r->control[(index + 1) & r->mask].stamp, 0);"
FIRST = "        if (done == 0)\n            first_slots = n;\n        else\n"

# what, header, what to break and how, the mode to run
MUTATIONS = [
    ("no look after the copy", "bcast.h", AFTER, "TT_LIKELY(n != 0)", "one"),
    ("the stamp is not made void", "bcast.h", VOID, "(void)0;", "one"),
    ("the stamp of a second half is not made void", "bcast.h", VOID_WIDE, "(void)0;", "mixed"),
    ("the stamp comes before the words", "bcast.h",
     VOID, "tt_store_release64(&r->control[index].stamp, number << 1 | (n - 1));", "one"),
    ("any stamp will do", "bcast.h", MINE,
     MINE.replace("==", ">="), "one"),
    ("the first stamp of a batch comes first", "bcast.h", FIRST,
     "        first_slots = done == 0 ? n : first_slots;\n        if (n != 0)\n", "paced"),
    ("the intent comes late", "bcast.h", "tt_store_relaxed64(&r->page->intent_pos, end);",
     "(void)0;", "batch"),
    ("a gap is one short", "bcast.h", "const uint64_t last = (stamp >> 1) - 1;",
     "const uint64_t last = (stamp >> 1) - 1 - ((stamp >> 1) - 1 > rd->next);", "one"),
    ("a gap is not counted", "bcast.h", "rd->lost += last - rd->next + 1;", "", "one"),
    ("the mask is not looked at", "bcast.h", WANTED,
     WANTED.replace(" & rd->mask", ""), "paced"),
    ("the tag is not written", "bcast.h",
     "    tt_store_release64(&r->control[index].tag, tag);\n", "", "paced"),
    ("wide records count as one slot", "bcast.h", "rd->pos += 2;", "rd->pos += 1;", "paced"),
    ("a chunk larger than a quarter", "bcast.h",
     "const uint64_t quarter = (r->mask + 1) / 4;",
     "const uint64_t quarter = (r->mask + 1) * 2;", "batch"),
    ("one join counts from the wrong number", "bcast_join.h", "*number = (stamp >> 1) + 1;",
     "*number = stamp >> 1;", "paced"),
]  # fmt: skip


# Holds the writer inside a slot now and then. Nothing may come of it but for a planted fault.
TAG = "    tt_store_release64(&r->control[index].tag, tag);\n"
SLOWLY = {TAG: f"    if (number % 64 == 0)\n        usleep(20);\n{TAG}"}


@pytest.mark.parametrize("mode", ["one", "mixed", "paced"])
def test_a_writer_that_stops_inside_a_slot_shows_nothing_of_it(sanitized, mode):
    for capacity in ("8", "64"):
        args = (mode, "4", "30000", capacity, WRAP)
        done = sanitized("bcast_stress.c", "thread", args=args, header="bcast.h", edit=SLOWLY)
        assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.soak  # the explorer's faults (test_model.py) are the ones of every run
@pytest.mark.parametrize(
    ("header", "old", "new", "mode"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS]
)
def test_planted_fault_is_seen(sanitized, header, old, new, mode):
    """Some run of a few, under some sanitizer or none, ends with an error."""
    edit = {old: new}
    if header == "bcast.h" and TAG not in old:
        edit |= SLOWLY
    for sanitizer in ("", "address,undefined", "thread"):
        for capacity in ("64", "8"):
            args = (mode, "4", "50000", capacity, "0", "6")
            for _ in range(5):
                done = sanitized("bcast_stress.c", sanitizer, args=args, header=header, edit=edit)
                if done.returncode != 0:
                    return
    pytest.fail("nobody noticed")


@pytest.mark.parametrize("capacity", ["8", "64", "1024"])
def test_writers_that_are_killed_leave_nothing_half_done(sanitized, capacity):
    done = sanitized("bcast_kill.c", "", args=("200", capacity, capacity))
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_ten_thousand_writers_that_are_killed(sanitized):
    args = ("10000", "64", "3", "800")
    done = sanitized("bcast_kill.c", "", args=args, timeout_s=850)
    assert done.returncode == 0, done.stderr[-3000:]


KILL_MUTATIONS = [
    ("stamps of an unfinished batch stay", "bcast_page.h",
     "if (tt_load_acquire64(&r->control[i].stamp) >> 1 > number)", "if (0)"),
    ("a dead writer is taken for alive", "bcast_page.h",
     "return tt_pid_alive((uint32_t)(owner >> 32), (uint32_t)owner);", "return owner != 0;"),
]  # fmt: skip


@pytest.mark.soak  # the explorer's faults (test_model.py) are the ones of every run
@pytest.mark.parametrize(
    ("header", "old", "new"), [m[1:] for m in KILL_MUTATIONS], ids=[m[0] for m in KILL_MUTATIONS]
)
def test_planted_fault_in_the_takeover_is_seen(sanitized, header, old, new):
    for seed in range(4):
        args = ("200", "64", str(seed), "12")
        done = sanitized("bcast_kill.c", "", args=args, header=header, edit={old: new})
        if done.returncode != 0:
            return
    pytest.fail("nobody noticed")
