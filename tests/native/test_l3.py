"""The order-by-order book in C under the address and undefined-behavior sanitizers, beside a plain
list.
"""

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

# header, what to break, and how: a fuzz driver that passes these would see nothing
MUTATIONS = [
    ("l3_order.h", "    level->qty -= order->qty;\n", "", "sum"),
    (
        "l3_order.h",
        "    *behind = order->prev;\n",
        "    (void)behind;\n",
        "link",
    ),
    ("ladder.h", "        tt_top_clear(book, side);", "        (void)side;", "empty top"),
    ("l3_apply.h", "    if (r->qty > order->qty) {\n", "    if (0) {\n", "underflow"),
    (
        "window.h",
        "    w->used[place / 64] |= (uint64_t)1 << place % 64;\n",
        "    (void)place;\n",
        "no bit",
    ),
    ("window.h", "tick * (uint64_t)w->unit != (uint64_t)key", "0", "between two ticks"),
    (
        "ladder.h",
        "        b->orders[i].level = index;\n",
        "        (void)index;\n",
        "moved in silence",
    ),
    ("ladder.h", "        memset(level, 0, sizeof *level);\n", "", "left behind"),
    ("far.h", "            b->far_hash[hole] = e;\n", "            (void)e;\n", "far shift back"),
    ("table.h", "            t->entries[hole] = *e;\n", "            (void)e;\n", "shift back"),
]


@pytest.mark.parametrize("seed", range(4))
def test_fuzz_beside_a_list(sanitized, seed):
    done = sanitized("l3_fuzz.c", "address,undefined", args=[str(seed), "6000"])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("header", "old", "new", "what"), MUTATIONS, ids=[m[3] for m in MUTATIONS])
def test_planted_fault_is_seen(sanitized, header, old, new, what):
    codes = [
        sanitized(
            "l3_fuzz.c",
            "address,undefined",
            args=[str(seed), "20000"],
            header=header,
            edit={old: new},
        ).returncode
        for seed in range(4)
    ]
    assert any(codes), f"nobody noticed: {what}"
