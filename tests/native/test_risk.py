"""Gate, risk chain and order table in C under the sanitizers, and with planted faults: one that
nobody reports would mean that the driver sees nothing.
"""

import pytest

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]
SANITIZER = "address,undefined"


@pytest.mark.parametrize(
    ("source", "args"),
    [
        ("gate_check.c", ()),
        ("orders_fuzz.c", ("200000", "1")),
        ("orders_fuzz.c", ("200000", "2")),
        ("risk_fuzz.c", ("1000000", "1")),
        ("risk_fuzz.c", ("300000", "2")),
    ],
)
def test_driver(sanitized, source, args):
    done = sanitized(source, SANITIZER, args=args)
    assert done.returncode == 0, done.stderr[-3000:]


GATE, RISK, ORDERS = "gate_check.c", "risk_fuzz.c", "orders_fuzz.c"
SEAL = "pass->seal == tt_pass_seal_(r, (const tt_order_intent *)send, pass->serial)"
MUTATIONS = [
    ("no seal", GATE, "limits.h", SEAL, "1"),
    ("any serial", GATE, "limits.h", "pass->serial == r->pass_live &&", ""),
    ("seal without the price", GATE, "limits.h", "(uint64_t)it->px ^ k[2]", "k[2]"),
    ("seal without the type", GATE, "limits.h", "(uint32_t)it->order_type << 8 | it->tif", "0"),
    ("pass is not spent", GATE, "gate.h", "tt_pass_spend(r);", ""),
    ("kill word is not read", GATE, "gate.h", "tt_kill_is_set(kill)", "0"),
    ("kill stops cancels", GATE, "gate.h", " && !cancel", " + 0 * cancel"),
    ("a refusal leaves the old pass", GATE, "limits.h", "r->pass_live = 0;", ""),
    ("a limit leaves the pass", GATE, "limit_table.h", "r->pass_live = 0;", ""),
    ("qty at the limit", RISK, "limits.h", "leaves <= row->qty_max", "leaves < row->qty_max"),
    ("band at the limit", RISK, "limits.h", "found <= (unsigned __int128)",
     "found < (unsigned __int128)"),
    ("position at the limit", RISK, "limits.h", "worst >= -limit", "worst > -limit"),
    ("account is not checked", RISK, "limits.h", "cx->account, it->side, extra",
     "cx->position, it->side, extra"),
    ("loosest scope", RISK, "limit_table.h", "b == TT_LIMIT_UNSET || a < b ? a : b",
     "b == TT_LIMIT_UNSET || a > b ? a : b"),
    ("market without a mid", RISK, "limits.h", "tt_risk_market_(it) && cx->mid_px2 <= 0", "0"),
    ("bucket over its brim", RISK, "limit_table.h",
     "level = level < rate->cap ? level : rate->cap;", ""),
    ("time runs back", RISK, "limit_table.h", "if (now_ns > rate->last_ns)\n        rate->last_ns",
     "rate->last_ns"),
    ("duplicates are booked", ORDERS, "order_event.h", "if (seen == TT_EXEC_NEW)", "if (1)"),
    ("unknown reserves nothing", ORDERS, "order_state.h",
     "state > TT_ORDER_STATE_NEW && !tt_order_is_done(state)",
     "state > TT_ORDER_STATE_NEW && state < TT_ORDER_STATE_FILLED"),
    ("ended orders stay listed", ORDERS, "order_event.h", "if (done != was_done)", "if (0)"),
    ("late fills are dropped", ORDERS, "order_event.h", "o->cum_qty += qty;",
     "o->cum_qty += tt_order_is_done(o->state) ? 0 : qty;"),
    ("index keeps a hole", ORDERS, "orders.h", "t->index[hole] = t->index[next];", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "header", "old", "new"), [m[1:] for m in MUTATIONS], ids=[m[0] for m in MUTATIONS]
)
def test_planted_fault_is_seen(sanitized, source, header, old, new):
    done = sanitized(source, "", header=header, edit={old: new})
    assert done.returncode != 0, f"{source} did not notice: {old!r} -> {new!r}"
