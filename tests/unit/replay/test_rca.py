"""Incident reports: the window that is meant, the state at its ends, and the reasons."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from journal_edit import crashed, edited, nth, records_of, rewritten
from sim_scene import record
from trading import write_strategy

import tectra as tt
from tectra.core.config.change import Change, to_records
from tectra.core.errors import InputError, JournalError
from tectra.core.kill_frame import KillTrigger, StrategyKillTrigger
from tectra.core.msg import DIRECTION, KillAction, RiskRule, StrategyPhase, Template
from tectra.core.row import row_of
from tectra.core.types import Timestamp
from tectra.journal.reader import JournalReader
from tectra.ops.incident_page import render_incident
from tectra.replay.points import Point, parse_point
from tectra.replay.rca import incident_report
from tectra.research.whatif import what_if

CONFIG = tt.BacktestConfig(
    sample_ns=60_000_000_000,
    sim=tt.SimConfig(latency=tt.LatencyConfig(entry_ns=30_000, response_ns=70_000)),
)


@pytest.fixture(scope="module")
def day(make_day) -> Path:
    return make_day(4_000)


@pytest.fixture(scope="module")
def run(day, tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("rca")
    text = "ctx.signal('imbalance', book.imbalance, book.instrument)\n        "
    text += "ctx.decide('take it', side=side, confidence=0.5)\n        ctx.submit_order"
    file = write_strategy(base / "mine.py", instead="ctx.submit_order", by=text)
    file.write_text(file.read_text().replace('tif="IOC"', 'tif="DAY"'))
    tt.run_backtest(strategy=str(file), data=day, config=CONFIG, out=base / "o")
    return base / "o"


@pytest.fixture(scope="module")
def killed(run, tmp_path_factory) -> Path:
    """A run in which operators stopped the strategy, changed a limit and the configuration, killed
    everything and cleared it.
    """
    base = tmp_path_factory.mktemp("killed")

    def insert(rows: list[Any]) -> list[Any]:
        market = [i for i, r in enumerate(rows) if r["template_id"] < Template.ORDER_ACK]
        out = list(rows)
        for part, make in ((4, _clear), (3, _kill_all), (2, _change), (1, _kill_one)):
            at = market[len(market) * part // 5]
            out[at:at] = make(int(rows[at]["ts_recv_ns"]))
        for number, row in enumerate(out, start=1):
            if row["ring_seq"] != number:
                out[number - 1] = edited(row, ring_seq=number)
        return out

    what_if(rewritten(run, base / "in", insert), out=base / "o")
    return base / "o"


def _rows(*records: bytes) -> list[np.void]:
    return [row_of(r) for r in records]


def _kill_one(ns: int) -> list[np.void]:
    kill = StrategyKillTrigger(1, "runaway", StrategyPhase.STARTED, Timestamp(ns), operator_id=42)
    clear = StrategyKillTrigger(1, "checked", None, Timestamp(ns), 43, action=KillAction.CLEAR)
    return _rows(kill.to_record(), clear.to_record())


def _change(ns: int) -> list[np.void]:
    limit = record(Template.CONTROL_LIMIT, ts_event_ns=ns, ts_recv_ns=ns, rule=RiskRule.MAX_QTY,
                   instrument_id=1, old_value=10_000, new_value=60, operator_id=7)  # fmt: skip
    return _rows(limit.tobytes())


def _kill_all(ns: int) -> list[np.void]:
    return _rows(KillTrigger(Timestamp(ns), "market halted", 44).to_record())


def _clear(ns: int) -> list[np.void]:
    return _rows(KillTrigger(Timestamp(ns), "over", 45, action=KillAction.CLEAR).to_record())


def of_kind(report: Any, kind: str) -> list[Any]:
    return [e for e in report.timeline if e.kind == kind]


def net_before(run: Path, ring_seq: int) -> dict[str, int]:
    """Positions by the records alone."""
    rows = JournalReader(run / "journal").column_view(Template.POSITION_UPDATE, None, ring_seq)
    names = {1: "AAPL", 2: "MSFT"}
    return {names[int(r["instrument_id"])]: int(r["net_qty"]) for r in rows}


def test_the_state_before_and_after_is_what_the_records_say(run):
    rows = records_of(run)
    fills = [int(r["ring_seq"]) for r in rows if r["template_id"] == Template.ORDER_FILL]
    first, last = fills[len(fills) // 3], fills[len(fills) // 2]
    report = incident_report(run, start=Point(seq=first), end=Point(seq=last))
    assert report.replayed and report.first_seq == first and report.last_seq > last
    for state, seq in ((report.before, first), (report.after, report.last_seq + 1)):
        held = {p["symbol"]: int(p["net"]) for p in state["positions"] if p["net"] != "0"}
        assert held == {k: v for k, v in net_before(run, seq).items() if v}
    assert report.before["ring_seq"] == first - 1
    assert len(of_kind(report, "order_fill")) == fills.index(last) - fills.index(first) + 1
    assert report.before["books"][0]["bid"] is not None


def test_the_whole_run(run):
    report = incident_report(run)
    rows = records_of(run)
    assert (report.first_seq, report.last_seq) == (1, len(rows))
    assert report.before["positions"] == [] and report.before["ring_seq"] == 0
    told = sum(report.market_records.values()) + len(report.timeline)
    twice = sum(len(of_kind(report, k)) for k in ("status", "gap", "book_status", "book_clear"))
    assert told - twice == len(rows)
    total = JournalReader(run / "journal").column_view(Template.PNL_UPDATE)
    own = total[total["strategy_id"] == 1]
    assert report.after["pnl"] == f"{sum(own['total'].tolist()) / 10_000:.4f}"


def test_a_record_widens_to_its_step(run):
    rows = records_of(run)
    at = nth(rows, Template.ORDER_VERDICT, 3)
    cause = int(rows[at]["cause_seq"])
    report = incident_report(run, start=Point(seq=at + 1), end=Point(seq=at + 1))
    assert report.first_seq == cause <= at + 1 <= report.last_seq
    assert DIRECTION[Template(int(rows[report.last_seq]["template_id"]))] == "input"
    kinds = [e.kind for e in report.timeline]
    assert kinds[:4] == ["strategy_signal", "strategy_decision", "order_intent", "order_event"]
    words = {e.kind: e.what for e in report.timeline}
    assert words["strategy_decision"].startswith("decides: take it (")
    assert "accepts the SUBMIT of order" in words["order_verdict"]


def test_time_and_number_are_the_same_window(run):
    rows = records_of(run)
    inputs = [r for r in rows if DIRECTION[Template(int(r["template_id"]))] == "input"]
    a, b = inputs[1_000], inputs[1_500]
    by_seq = incident_report(run, start=Point(seq=int(a["ring_seq"])),
                             end=Point(seq=int(b["ring_seq"])))  # fmt: skip
    by_time = incident_report(run, start=Point(ns=int(a["ts_recv_ns"])),
                              end=Point(ns=int(b["ts_recv_ns"])))  # fmt: skip
    assert by_time == by_seq
    assert by_seq.first_ns == int(a["ts_recv_ns"]) and by_seq.last_ns == int(b["ts_recv_ns"])


def test_latencies_are_those_of_the_records(run):
    found = {one.name: one for one in incident_report(run).latencies}
    ack = found["send to ack"]
    assert ack.count > 20 and ack.p50_ns == ack.p99_ns == ack.max_ns == 100_000
    assert found["receipt to send"].max_ns == 0, "engine time is the time of its records"
    market = found["event to receipt"]
    assert market.count == sum(incident_report(run).market_records.values())


def test_kills_name_who_why_and_what_was_held(killed):
    report = incident_report(killed)
    assert report.replayed
    told = [(k.action, k.operator_id, k.reason, k.strategy, k.state) for k in report.kills]
    assert told == [
        ("KILL", 42, "runaway", "Momentum", "STARTED"),
        ("CLEAR", 43, "checked", "Momentum", ""),
        ("KILL", 44, "market halted", "", ""),
        ("CLEAR", 45, "over", "", ""),
    ]
    stop, clear = report.kills[2], report.kills[3]
    assert not stop.before["killed"] and stop.after["killed"] and stop.after == clear.before
    assert not clear.after["killed"] and clear.after == report.after
    for kill in report.kills:
        held = {p["symbol"]: int(p["net"]) for p in kill.before["positions"] if p["net"] != "0"}
        assert held == {k: v for k, v in net_before(killed, kill.ring_seq).items() if v}
    refused = [e.what for e in of_kind(report, "order_verdict") if "by KILL" in e.what]
    assert refused and refused[0].endswith("by KILL: everything")
    text = "\n".join(report.lines())
    assert "KILL of everything at record" in text and "operator 44, market halted" in text


def test_limits_and_refusals_are_in_words(killed):
    report = incident_report(killed)
    changes = [e.what for e in of_kind(report, "control_limit") if "operator 7" in e.what]
    assert changes == ["limit MAX_QTY: 10000 -> 60, by operator 7"]
    refused = [e.what for e in of_kind(report, "order_verdict") if "MAX_QTY" in e.what]
    assert refused and "by MAX_QTY: limit 60, found 100; position" in refused[0]


def test_a_change_of_the_configuration_is_in_words(run, tmp_path):
    def insert(rows: list[Any]) -> list[Any]:
        ns = int(rows[-1]["ts_recv_ns"])
        changes = [Change(("risk", "seed"), 1, 2)]
        news = to_records(changes, revision=9, ts_ns=ns, operator="ann", operator_id=5)
        for number, one in enumerate(news, start=len(rows) + 1):
            rows.append(edited(_rows(one)[0], ring_seq=number))
        return rows

    report = incident_report(rewritten(run, tmp_path / "o", insert))
    (entry,) = of_kind(report, "config_change")[:1]
    assert entry.what.startswith("configuration 9 by operator 5, part 1 of")


def test_a_run_whose_strategy_raised(day, tmp_path):
    late = "self.updates += 1\n        if self.updates > 700: 1 / self.zero"
    file = write_strategy(tmp_path / "raises.py", instead="self.updates += 1", by=late)
    file.write_text(file.read_text().replace("self.updates = 0", "self.updates = self.zero = 0"))
    with pytest.raises(tt.TectraError):
        tt.run_backtest(strategy=str(file), data=day, out=tmp_path / "o")
    report = incident_report(tmp_path / "o")
    assert report.replayed and "ZeroDivisionError" in report.notes[0]
    (fault,) = of_kind(report, "strategy_state")
    assert fault.what.startswith("is FAULTED in ON_BOOK_UPDATE: ZeroDivisionError")


@pytest.mark.parametrize("keep", [0.3, 0.7])
def test_a_run_that_crashed(run, tmp_path, keep):
    count = int(len(records_of(run)) * keep)
    report = incident_report(crashed(run, tmp_path / "o", count))
    assert report.last_seq == count - 1 and report.after is not None and report.replayed
    assert "the run crashed, its journal is cut" in report.notes[0]
    assert report.after["ring_seq"] >= count - 1


def test_a_journal_that_does_not_replay_is_told(run, tmp_path):
    def change(rows: list[Any]) -> list[Any]:
        at = nth(rows, Template.POSITION_UPDATE, 3)
        rows[at] = edited(rows[at], net_qty=rows[at]["net_qty"] + 1)
        change.seq = int(rows[at]["ring_seq"])
        return rows

    bad = rewritten(run, tmp_path / "o", change)
    later = incident_report(bad, start=Point(seq=change.seq + 100))
    assert not later.replayed and later.before is None and later.after is None
    assert f"record {change.seq}, portfolio" in later.difference
    earlier = incident_report(bad, end=Point(seq=change.seq - 50))
    assert earlier.replayed and earlier.after is not None
    text = "\n".join(later.lines())
    assert "the replay left the journal" in text and "not known" in text


@pytest.mark.parametrize(
    "window",
    [
        {"start": Point(seq=10**9)},
        {"start": Point(seq=900), "end": Point(seq=500)},
        {"start": Point(ns=2**62)},
        {"end": Point(ns=1)},
    ],
)
def test_a_window_without_records(run, window):
    with pytest.raises(InputError, match="the journal has the records 1 to"):
        incident_report(run, **window)


def test_what_is_no_journal(tmp_path):
    with pytest.raises(JournalError, match="no journal at"):
        incident_report(tmp_path)


def test_html_and_json(killed):
    report = incident_report(killed)
    page = render_incident(report)
    for text in ("KILL of everything", "operator 44", "market halted", "Timeline", "Before"):
        assert text in page, text
    assert "<script" not in page and "http" not in page
    back = json.loads(orjson.dumps(report.as_dict(), default=str))
    assert back["replayed"] and len(back["timeline"]) == len(report.timeline)
    assert back["kills"][0]["before"]["positions"] == report.kills[0].before["positions"]


@pytest.mark.parametrize(
    ("text", "point"),
    [
        ("12", Point(seq=12)),
        ("1767621600000000000", Point(ns=1767621600000000000)),
        ("15:30", Point(ns=1767627000000000000)),
        ("15:30:00.5", Point(ns=1767627000500000000)),
        ("2026-01-05T15:30:00Z", Point(ns=1767627000000000000)),
    ],
)
def test_places_as_people_write_them(text, point):
    first = 1767632400000000000  # 17:00 UTC of that day
    assert parse_point("--at", text, first_ns=first) == point


@pytest.mark.parametrize("text", ["", "noon", "25:00", "10:61", "-5", "10:30:00.0000000001"])
def test_what_is_no_place(text):
    with pytest.raises(InputError, match="--at: found"):
        parse_point("--at", text, first_ns=0)
