"""A/B arbitration in C: millions of messages over lossy lines, the exact union every time."""

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]
SANITIZERS = "address,undefined"

# header, what to break, how
MUTATIONS = [
    ("arbiter.h", "        if (seq >= due && slot->seq != seq) {", "        if (seq >= due) {"),
    ("arbiter.h", "            slot->seq = 0;\n            a->held--;\n", ""),
    ("arbiter.h", "        span->blocks += at;\n", ""),
    ("arbiter.h", "    int passed = 1;\n", "    int passed = 1;\n    return TT_ARB_GAP;\n"),
    ("arbiter.h", "a->seq.recovered += seq <= before;", "a->seq.recovered += before != 0;"),
    ("arbiter.h", "seq - due >= a->set.slots ||", "seq - due >= 2 * a->set.slots ||"),
    ("arbiter.h", "bytes > a->set.slot_bytes", "bytes > a->set.slot_bytes + 9"),
    ("arbiter.h", "        tt_arbiter_raise_(a, top);\n", "        (void)top;\n"),
    ("arbiter.h", "!tt_arbiter_is_live(a, i, now_ns)", "1"),
]


@pytest.mark.parametrize("seed", range(6))
def test_the_union_in_order(sanitized, seed: int) -> None:
    done = sanitized("arbiter_sim.c", SANITIZERS, args=(str(seed), "40000", "65536"))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("seed", range(4))
def test_a_window_that_overflows_loses_nothing_in_silence(sanitized, seed: int) -> None:
    done = sanitized("arbiter_sim.c", SANITIZERS, args=(str(seed), "40000", "256"))
    assert done.returncode == 0, done.stderr
    assert " 0 overflow" not in done.stdout


def test_numbers_up_to_the_end_of_64_bits(sanitized) -> None:
    start = str(2**64 - 40002)
    done = sanitized("arbiter_sim.c", SANITIZERS, args=("4", "40000", "65536", start))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_ten_million_messages(sanitized, seed: int) -> None:
    done = sanitized("arbiter_sim.c", args=(str(seed), "10000000", "65536"), timeout_s=280)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("header", "old", "new"), MUTATIONS, ids=range(len(MUTATIONS)))
def test_planted_faults_are_found(sanitized, header: str, old: str, new: str) -> None:
    edit = {old: new}
    runs = [("1", "65536"), ("2", "65536"), ("3", "65536"), ("2", "256")]
    codes = [
        sanitized(
            "arbiter_sim.c", SANITIZERS, args=(seed, "20000", slots), header=header, edit=edit
        ).returncode
        for seed, slots in runs
    ]
    assert any(codes), "the fault went unseen"
