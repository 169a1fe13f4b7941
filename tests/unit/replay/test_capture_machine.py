"""Standing anywhere in a session: seeking equals walking; steps, filters, finding, differences."""

import csv
import io
import json
import random

import msgspec
import pytest
from session_scene import Session

from tectra.core.errors import DuplicateError, GapError, InputError, StateError
from tectra.replay.capture import (
    CRITERIA,
    CaptureOptions,
    EventLogReader,
    EventStorageMode,
    EventStream,
    ReplayStateMachine,
    csv_lines,
    event_json,
    export_session,
    timeline,
)

encode = msgspec.msgpack.encode


@pytest.fixture(scope="module")
def exported(small_day, tmp_path_factory):
    """A run, and its events in both modes of storage."""
    base = tmp_path_factory.mktemp("machine")
    session = Session(small_day, base / "run")
    session.run(600)
    session.close()
    logs = {}
    for mode in (EventStorageMode.full(events_per_block=50), EventStorageMode.delta()):
        options = CaptureOptions(
            mode=mode, indicators="cache" if mode.name == "full" else "recompute"
        )
        log = export_session(session.out, root=base, session_id=mode.name, options=options)
        logs[mode.name] = log.path
    return session, logs


@pytest.fixture
def machine(exported):
    with EventLogReader(exported[1]["full"]) as reader:
        yield ReplayStateMachine(EventStream(reader.info, reader), journal=exported[0].out)


def test_seeking_equals_walking(exported):
    for path in exported[1].values():
        with EventLogReader(path) as reader:
            walking = ReplayStateMachine(EventStream(reader.info, reader))
            states = [encode(walking.current_state)]
            states += [encode(walking.apply_event(e)) for e in walking.stream]
            targets = random.Random(5).choices(range(len(states)), k=60)
            jumping = ReplayStateMachine(EventStream(reader.info, reader))
            for target in [0, *targets, len(states) - 1]:
                assert encode(jumping.seek(target)) == states[target]
                assert jumping.sequence == target
                assert encode(jumping.current_state) == states[target]


def test_both_modes_of_storage_lead_to_the_same_states(exported):
    with EventLogReader(exported[1]["full"]) as a, EventLogReader(exported[1]["delta"]) as b:
        assert len(a) == len(b) > 300
        for one, two in zip(a, b, strict=True):
            state = ReplayStateMachine(EventStream(a.info, a))
            state._stand(one)
            assert encode(state.context) == encode(two.state_after)
            assert encode(one.market_data) == encode(two.market_data)


def test_by_time(machine):
    events = list(machine.stream)
    times = [e.timestamp for e in events]
    for ts in [times[0] - 1, *random.Random(1).choices(times, k=30), times[-1] + 10**9]:
        machine.at_time(ts)
        assert machine.sequence == sum(t <= ts for t in times)
        assert machine.timestamp is None or machine.timestamp <= ts


def test_apply_takes_the_next_event_only(machine):
    stream = machine.stream
    machine.apply_event(stream.event(1))
    with pytest.raises(GapError, match="event 3 follows event 1"):
        machine.apply_event(stream.event(3))
    with pytest.raises(DuplicateError):
        machine.apply_event(stream.event(1))
    foreign = msgspec.structs.replace(stream.event(2), state_before={})
    with pytest.raises(StateError, match="another session"):
        machine.apply_event(foreign)
    assert machine.sequence == 1 and machine.event is not None
    with pytest.raises(InputError, match="allowed: 1 to"):
        machine.seek(len(stream) + 1)


def test_steps_and_filters(machine):
    assert machine.step_backward() is None and machine.sequence == 0
    first = machine.step_forward()
    assert first.sequence == machine.sequence == 1
    action = machine.step_forward(only=["action"])
    assert action.action and machine.sequence == action.sequence > 1
    between = machine.events(only=["action"], stop=action.sequence)
    assert list(between) == []
    change = machine.step_forward(only=["state"])
    assert change.transition
    back = machine.step_backward(only=["action"])
    assert back.action and machine.sequence == back.sequence - 1
    assert encode(machine.current_state) == encode(back.state_before)
    machine.seek(len(machine.stream))
    assert machine.step_forward() is None and machine.sequence == len(machine.stream)
    with pytest.raises(InputError, match="found 'trades'; allowed: market"):
        machine.step_forward(only=["trades"])
    only = list(machine.events(only=["state", "action"]))
    assert all(e.transition or e.action for e in only)
    assert len(only) == sum(bool(e.transition or e.action) for e in machine.stream)


def test_find(machine):
    fills = list(machine.find("fills"))
    assert fills and all(e.market_data["template"] == "order_fill" for e in fills)
    entered = list(machine.find("entries"))
    for event in entered:
        net = [
            (event.state_before["positions"].get(k, {"net_qty": 0})["net_qty"], row["net_qty"])
            for k, row in event.state_after["positions"].items()
        ]
        assert any(now and (not before or before * now < 0) for before, now in net)
    assert {e.sequence for e in entered} <= {e.sequence for e in machine.find("trades")}
    assert [e.sequence for e in machine.find("trades")] == [e.sequence for e in fills]
    mine = list(machine.find("strategy_id=1,action=SUBMIT,kind=send"))
    assert mine and all(any(a.get("strategy_id") == 1 for a in e.action) for e in mine)
    late = list(machine.find(lambda e: e.sequence > 10, start=5, stop=20))
    assert [e.sequence for e in late] == list(range(11, 20))
    for name in CRITERIA:
        list(machine.find(name))
    with pytest.raises(InputError, match="found 'winners'; allowed: entries"):
        machine.find("winners")


def test_differences_between_events(machine):
    fill = next(machine.find("fills"))
    found = {path: (a, b) for path, a, b in machine.diff(fill.sequence - 1, fill.sequence)}
    key = next(p for p in found if p.startswith("positions.all/"))
    assert found[key][0] != found[key][1]
    assert machine.diff(7, 7) == [] and machine.diff(0, 1)
    with pytest.raises(InputError, match="found sequence -1"):
        machine.diff(-1, 1)


def test_indicators_stored_and_recomputed(exported):
    session, logs = exported
    with EventLogReader(logs["full"]) as a, EventLogReader(logs["delta"]) as b:
        stored = ReplayStateMachine(EventStream(a.info, a))
        bare = ReplayStateMachine(EventStream(b.info, b))
        at = len(a) // 2
        stored.seek(at)
        bare.seek(at)
        assert "indicators" not in bare.current_state
        with pytest.raises(StateError, match="give its journal"):
            bare.indicators()
        bare.journal = session.out
        assert encode(bare.indicators()) == encode(stored.indicators())
        assert stored.indicators()["1"]["emas['fast']"]["value"] > 0


def test_rows(machine):
    machine.seek(40)
    assert machine.snapshot.sequence == 40 and machine.snapshot.state is machine.current_state
    events = list(machine.events(stop=200))
    rows = list(timeline(events))
    read = list(csv.DictReader(io.StringIO("".join(csv_lines(events)))))
    assert [int(r["sequence"]) for r in read] == [r["sequence"] for r in rows]
    assert read[5]["time"].startswith("2026-01-05T") and rows[5]["changes"] >= 0
    fill = next(machine.find("fills"))
    document = json.loads(event_json(fill))
    assert document["sequence"] == fill.sequence and document["state_after"]["positions"]
    text = next(iter(timeline([fill])))["transition"]
    assert "FILL" in text and f"(order_fill {fill.ring_seq})" in text
