"""The simulated exchange in C under the sanitizers, checked against the book at every step."""

import re

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

# header, what to break, and how: a fuzz driver that passes these would see nothing
MUTATIONS = [
    ("fill.h", "            o->ahead_qty -= fx->qty;\n", "", "queue"),
    ("fill.h", "            left -= got;\n", "", "volume used twice"),
    ("sim_arrive.h", " - tt_sim_taken_qty(s, inst, other, px)", "", "taken twice"),
    ("sim_state.h", "    tt_sim_taken_move(&s->taken, &old.taken);\n", "", "growth"),
    ("sim_state.h", "        s->unslotted--;\n", "", "late slot"),
    (
        "fill.h",
        "!inst->halted &&\n                        !inst->rebuilding;",
        "!inst->halted;",
        "trades while rebuilt",
    ),
    (
        "sim_rebuild.h",
        "            s->orders.at[i].ahead_qty = 0;\n",
        "",
        "queue of a cleared book",
    ),
]


@pytest.mark.parametrize("seed", range(4))
def test_fuzz_with_the_check_at_every_step(sanitized, seed):
    done = sanitized("sim_fuzz.c", "address,undefined", args=(str(seed), "12000"))
    assert done.returncode == 0, done.stderr
    counts = {k: int(v) for k, v in re.findall(r"(\w+) (\d+)", done.stdout)}
    assert min(counts.values()) > 50, "the flow leaves something out"


@pytest.mark.parametrize(("header", "old", "new", "what"), MUTATIONS, ids=[m[3] for m in MUTATIONS])
def test_planted_fault_is_seen(sanitized, header, old, new, what):
    codes = [
        sanitized(
            "sim_fuzz.c",
            "address,undefined",
            args=(str(seed), "12000"),
            header=header,
            edit={old: new},
        ).returncode
        for seed in range(3)
    ]
    assert any(codes), f"nobody noticed: {what}"
