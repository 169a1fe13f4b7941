"""Commands of a replay: every one as JSON and as a value, and what they do to a session."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from replay_scene import record_session

from tectra.core.clock import FakeClock
from tectra.core.errors import InputError
from tectra.feed.synthetic import generate_day
from tectra.replay import EventFilter, Pacer, ReplaySession, control
from tectra.replay.control import ReplayControl, parse_command

pytestmark = pytest.mark.timeout(20)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    base = tmp_path_factory.mktemp("control")
    generate_day(
        base / "01052026.NASDAQ_ITCH50.gz", seed=7, messages=3_000, symbols=("AAPL", "MSFT")
    )
    return record_session(base / "run", base / "01052026.NASDAQ_ITCH50.gz")


class Driven:
    """A control, and what it told."""

    def __init__(self, run: Path, **more: Any) -> None:
        self.told: list[dict[str, Any]] = []
        self.heard = threading.Event()
        self.session = ReplaySession(run)
        self.control = ReplayControl(self.session, self.hear, **more)

    def hear(self, answer: dict[str, Any]) -> None:
        json.dumps(answer)
        self.told.append(answer)
        self.heard.set()

    def __call__(self, **fields: Any) -> dict[str, Any]:
        answer = self.control.handle(parse_command(json.dumps(fields)))
        assert json.loads(json.dumps(answer)) == answer and answer["answer"] == fields["command"]
        return answer


@pytest.fixture
def drive(run) -> Driven:
    return Driven(run)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('{"command":"play"}', control.Play()),
        ('{"command":"play","speed":"10x","until":7}', control.Play(speed="10x", until=7)),
        ('{"command":"pause"}', control.Pause()),
        ('{"command":"resume"}', control.Resume()),
        ('{"command":"step","n":3}', control.Step(n=3)),
        ('{"command":"step_back"}', control.StepBack()),
        ('{"command":"seek","ring_seq":9}', control.Seek(ring_seq=9)),
        ('{"command":"seek_time","ts_ns":5}', control.SeekTime(ts_ns=5)),
        ('{"command":"set_speed","speed":"max"}', control.SetSpeed(speed="max")),
        (
            '{"command":"set_filter","filter":{"symbol":"AAPL"}}',
            control.SetFilter(filter=EventFilter(symbol="AAPL")),
        ),
        ('{"command":"stop"}', control.Stop()),
        ('{"command":"status"}', control.Status()),
        ('{"command":"state"}', control.State()),
    ],
)
def test_each_command_as_json(line, value):
    assert parse_command(line) == value


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "{}", '{"command":"fly"}', '{"command":"seek"}', '{"command":"step","n":"x"}',
     '{"command":"pause","more":1}', b"\xff"],
)  # fmt: skip
def test_what_is_no_command(line):
    with pytest.raises(InputError, match=r"^command: .*allowed: one JSON object a line"):
        parse_command(line)


def test_moving(drive):
    assert drive(command="seek", ring_seq=500)["position"] == 500
    assert drive(command="step", n=7)["position"] == 507
    assert drive(command="step_back", n=2)["position"] == 505
    ts_ns = drive.session.event(900).ts_ns
    found = drive(command="seek_time", ts_ns=ts_ns)
    assert found["now_ns"] == ts_ns and found["position"] >= 900
    assert drive(command="status") == {**found, "answer": "status"}
    assert drive(command="state")["state"] == drive.session.state()


def test_what_cannot_be_done_is_answered(drive, tmp_path):
    for fields, words in [
        ({"command": "seek", "ring_seq": -1}, "seek: found record -1"),
        ({"command": "step", "n": -1}, "step: found -1"),
        ({"command": "pause"}, "nothing runs"),
        ({"command": "resume"}, "nothing is paused"),
        ({"command": "set_speed", "speed": "2x"}, "nothing runs"),
        ({"command": "play", "speed": "soon"}, "speed: found 'soon'"),
        ({"command": "play", "until": -2}, "until: found -2"),
        ({"command": "set_filter", "filter": {"symbol": "ZZZ"}}, "symbol: found 'ZZZ'"),
        ({"command": "set_filter", "filter": {"templates": ["x"]}}, "template: found 'x'"),
        ({"command": "state", "path": str(tmp_path)}, "no plain file"),
    ]:
        answer = drive(**fields)
        assert answer["ok"] is False and words in answer["error"]
    assert drive(command="stop")["ok"] and drive.session.position == 0


def test_a_play_tells_of_what_passes_and_of_its_end(drive):
    assert drive(command="set_filter", filter={"templates": ["order_send"]})["ok"]
    assert drive(command="play")["ok"]
    drive.control.wait()
    events = [t["event"]["ring_seq"] for t in drive.told[:-1]]
    assert events == [e.ring_seq for e in drive.session.events(templates=("order_send",))]
    assert drive.told[-1] == {"ended": "end", "position": drive.session.last_seq}
    assert drive(command="status")["at_end"]


def test_a_play_is_paused_moved_resumed_and_stopped(run):
    clock = FakeClock()
    turn = threading.Event()

    def wait(ns: int) -> None:
        # Time goes on only while the test lets it.
        turn.wait(0.01)
        clock.advance(ns if turn.is_set() else 0)

    drive = Driven(run, pacer=Pacer("1x", clock=clock, wait=wait))
    drive(command="seek", ring_seq=300)
    assert drive(command="play", speed="1000x")["playing"]
    assert drive.heard.wait(10)
    assert drive(command="seek", ring_seq=5)["error"].startswith("the session is played by another")
    assert "plays already" in drive(command="play")["error"]
    assert drive(command="pause")["paused"]
    assert drive(command="seek", ring_seq=1_000)["position"] == 1_000
    assert drive(command="step_back", n=100)["position"] == 900
    assert drive(command="set_speed", speed="500x")["speed"] == "500x"
    drive.told.clear()
    drive.heard.clear()
    assert drive(command="resume")["ok"]
    turn.set()
    assert drive.heard.wait(10)
    assert drive.told[0]["event"]["ring_seq"] == 901
    assert drive(command="stop")["ok"]
    assert drive.told[-1]["ended"] == "stopped" and not drive.session.running


def test_a_state_goes_to_a_file(drive, tmp_path):
    drive(command="seek", ring_seq=400)
    assert drive(command="state", path=str(tmp_path / "s.json"))["path"].endswith("s.json")
    assert json.loads((tmp_path / "s.json").read_text()) == drive.session.state()
