"""The ring of many in C: all numbers of threads under the sanitizers, killed and stopped processes,
and planted faults: one that nobody reports would mean that nobody looks.
"""

import json

import pytest
from planted import assert_seen

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

WRAP = str(2**64 - 500)
# The positions in the control words have 53 bits.
WRAP53 = str(2**53 - 500)
SANITIZERS = ["thread", "address,undefined"]


@pytest.mark.parametrize("start", [WRAP, WRAP53], ids=["64", "53"])
@pytest.mark.parametrize("capacity", ["4", "16"])
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_one_to_four_producers_and_consumers(sanitized, sanitizer, capacity, start):
    done = sanitized("mpmc_stress.c", sanitizer, args=("matrix", "0", "0", "600", capacity, start))
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("shape", [("2", "2"), ("4", "3")], ids="x".join)
@pytest.mark.parametrize("mode", ["plain", "fenced", "place", "late"])
@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_more_of_a_few(sanitized, sanitizer, mode, shape):
    done = sanitized("mpmc_stress.c", sanitizer, args=(mode, *shape, "4000", "8", WRAP))
    assert done.returncode == 0, done.stderr[-3000:]


def crash(sanitized, kind, cycles, sanitizer="", timeout_s=100):
    done = sanitized("mpmc_crash.c", sanitizer, args=(kind, str(cycles)), timeout_s=timeout_s)
    if done.returncode == 77:
        pytest.skip("no process may trace another here")
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["kill", "stop", "reader"])
@pytest.mark.parametrize("sanitizer", ["", "address,undefined"], ids=["bare", "address,undefined"])
def test_the_others_go_on(sanitized, sanitizer, kind):
    """200 processes killed, 200 stopped for longer than the bound: the driver checks that what went
    in is what came out and what was given up.
    """
    figures = crash(sanitized, kind, 200, sanitizer)
    if kind == "kill":
        assert figures["abandoned"] >= 400 and figures["fenced"] == 0
    elif kind == "stop":
        assert figures["abandoned"] >= 200 and figures["fenced"] >= 200
    else:
        assert figures["lost"] == 200 and figures["fenced"] >= 200
    assert figures["over_10x"] <= 20, figures


def test_killed_after_so_many_instructions(sanitized):
    figures = crash(sanitized, "step", 13)
    assert figures["cycles"] > 30 and figures["abandoned"] > 2 and figures["lost"] > 0


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_after_each_instruction(sanitized):
    assert crash(sanitized, "step", 1, timeout_s=380)["cycles"] > 400


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", ["kill", "stop", "reader"])
def test_ten_thousand_times(sanitized, kind):
    figures = crash(sanitized, kind, 10_000, timeout_s=1100)
    assert figures["over_10x"] <= 100, figures


COUNT = "return tt_mpmc_fenced_(r, item->slot);\n        tt_bump64(counter, 1);"

# what, header, what to break and how, the mode to run
# Races between two instructions are the explorer's (test_model.py): no number of runs is sure to
# meet one.
MUTATIONS = [
    ("plain commit is not a release", "mpmc.h", "tt_store_release64(&item->slot->word, next);",
     "tt_store_relaxed64(&item->slot->word, next);", "plain"),
    ("plain claim is not an acquire", "mpmc_slot.h",
     ("const uint64_t word = tt_load_acquire64(&slot->word);\n        const int64_t ahead = "
     "(int64_t)(word - tt_mpmc_word(pos, 0, TT_MPMC_FREE))"),
     ("const uint64_t word = tt_load_relaxed64(&slot->word);\n        const int64_t ahead = "
     "(int64_t)(word - tt_mpmc_word(pos, 0, TT_MPMC_FREE))"), "plain"),
    ("plain peek is not an acquire", "mpmc_slot.h",
     "tt_load_acquire64(&slot->word); /* pairs with the store in commit */",
     "tt_load_relaxed64(&slot->word); /* pairs with the store in commit */", "plain"),
    ("a slot is freed for the wrong position", "mpmc.h", "item->pos + r->mask + 1, 0",
     "item->pos + r->mask, 0", "fenced"),
    ("a full ring takes more", "mpmc_slot.h", "if (ahead < 0)\n            return TT_E_FULL;",
     "if (ahead < 0)\n            word = tt_mpmc_word(pos, 0, TT_MPMC_FREE);", "fenced"),
    ("an aborted claim is delivered", "mpmc.h", "tt_mpmc_word(item->pos, 0, TT_MPMC_SKIP)",
     "tt_mpmc_word(item->pos, 0, TT_MPMC_READY)", "place"),
    ("a late commit goes through", "mpmc.h", "!tt_cas64(&item->slot->word, &word, next)",
     "(tt_store_release64(&item->slot->word, next), word == 0)", "late"),
    ("no quarantine behind a claim", "mpmc_slot.h",
     "tt_mpmc_reword_(word, r->mask + 1, tt_mpmc_owner(word), TT_MPMC_HELD)",
     "tt_mpmc_word(pos + r->mask + 1, 0, TT_MPMC_FREE)", "late"),
    ("no quarantine behind a reader", "mpmc_owner.h",
     "tt_mpmc_reword_(word, r->mask + 1, owner, TT_MPMC_HELD)",
     "tt_mpmc_reword_(word, r->mask + 1, 0, TT_MPMC_FREE)", "late"),
    ("the living are taken for dead", "mpmc_owner.h", "if (token & TT_MPMC_DEAD)", "if (1)",
     "late"),
    ("a refused commit is counted", "mpmc.h", COUNT,
     ("return tt_bump64(counter, 1), tt_mpmc_fenced_(r, item->slot);\n"
     "        tt_bump64(counter, 1);"), "late"),
    ("what is given up is not counted", "mpmc_owner.h",
     "tt_bump64(reading ? &r->mine->lost : &r->mine->abandoned, 1);",
     "(void)reading;", "late"),
]  # fmt: skip


@pytest.mark.soak  # the explorer's faults (test_model.py) are the ones of every run
@pytest.mark.parametrize(
    ("header", "old", "new", "mode"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS]
)
def test_planted_fault_is_seen(sanitized, header, old, new, mode):
    shape = ("3", "2") if mode == "late" else ("2", "2")
    args = (mode, *shape, "4000" if mode == "late" else "40000", "8", "0")
    assert_seen(sanitized, "mpmc_stress.c", header, {old: new}, args)


CRASH_MUTATIONS = [
    ("the position moves before the slot is taken", "mpmc_slot.h",
     "if (TT_LIKELY(word == tt_mpmc_word(pos, 0, TT_MPMC_FREE))) {",
     ("if (TT_LIKELY(word == tt_mpmc_word(pos, 0, TT_MPMC_FREE))) {\n"
     "            tt_mpmc_help_(&page->write_pos, pos);"), "step"),
    ("nobody moves a lagging position", "mpmc_slot.h",
     "        else\n            tt_mpmc_help_(&page->write_pos, pos);",
     "        else\n            return TT_E_FULL;", "step"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("header", "old", "new", "kind"),
    [m[1:] for m in CRASH_MUTATIONS],
    ids=[m[0] for m in CRASH_MUTATIONS],
)
def test_planted_fault_is_seen_when_somebody_dies(sanitized, header, old, new, kind):
    args = (kind, "3")
    done = sanitized("mpmc_crash.c", args=args, header=header, edit={old: new}, timeout_s=100)
    if done.returncode == 77:
        pytest.skip("no process may trace another here")
    assert done.returncode != 0, done.stdout
