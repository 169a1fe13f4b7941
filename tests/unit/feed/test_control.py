"""Commands to a feed, as structs and over the control bus, on a real feed."""

import threading

import pytest
from line_scene import SECOND, Books, Glimpse, messages_of, packets_of

from tectra.core.clock import FakeClock, LiveClock
from tectra.core.control_bus import ControlBus
from tectra.core.errors import InputError, StateError
from tectra.core.msg import AckStatus, Template
from tectra.core.record import encode
from tectra.feed.control import FeedControl, feed_records
from tectra.feed.itch_line import ItchLineFeed
from tectra.feed.line_config import LineConfig
from tectra.feed.synthetic import generate_day
from tectra.schema.command import (
    FeedCadence,
    FeedHealthQuery,
    FeedHealthReport,
    FeedRecover,
    FeedSelect,
    PositionsQuery,
)


@pytest.fixture(scope="module")
def day(tmp_path_factory) -> list[bytes]:
    path = tmp_path_factory.mktemp("control") / "day.itch.gz"
    generate_day(path, seed=7, symbols=("AAPL", "MSFT"), messages=2_000)
    return messages_of(path)[:800]


class Scene:
    def __init__(self, day, *, glimpse: bool = True) -> None:
        self.glimpse = Glimpse(day)
        self.glimpse.position = len(day)
        self.clock = FakeClock(SECOND)
        self.feed = ItchLineFeed(
            config=LineConfig(), clock=self.clock, snapshots=self.glimpse if glimpse else None
        )
        self.control = FeedControl("itch", self.feed)
        self.books = Books()
        for data in packets_of(day):
            self.feed.on_packet(0, data, SECOND)
        self.take()

    def take(self) -> None:
        while len(batch := self.feed.next_batch()):
            self.books.apply(batch)


def test_commands_as_structs(day):
    scene = Scene(day)
    scene.control.apply(FeedSelect(command_id="a", feed="itch", symbols=("MSFT",)))
    assert scene.feed.instruments == {2: "MSFT"}
    scene.control.apply(FeedSelect(command_id="a", feed="itch", symbols=None))
    scene.take()
    scene.control.apply(FeedCadence(command_id="b", feed="itch", snapshot_ms=1500))
    assert scene.feed.recovery.refresh_ns == 1_500_000_000
    before = scene.glimpse.requests
    scene.clock.advance(100 * SECOND)
    scene.control.apply(FeedRecover(command_id="c", feed="itch", symbols=("AAPL",), reconnect=True))
    scene.take()
    assert scene.glimpse.requests > before
    report = scene.control.apply(FeedHealthQuery(command_id="d", feed="itch", symbols_max=1))
    assert isinstance(report, FeedHealthReport)
    assert report.command_id == "d"
    assert {"lag_ms", "seq_state", "lines", "symbols"} <= set(report.health)
    assert scene.control.applied == 5


def test_what_cannot_be_is_refused(day):
    scene = Scene(day, glimpse=False)
    for command, error in [
        (FeedCadence(command_id="a", feed="other", snapshot_ms=0), InputError),
        (PositionsQuery(command_id="a"), InputError),
        (FeedHealthReport(command_id="a", feed="itch", health={}), InputError),
        (FeedSelect(command_id="a", feed="itch", symbols=("NONE",)), InputError),
        (FeedRecover(command_id="a", feed="itch", symbols=("NONE",)), InputError),
        (FeedRecover(command_id="a", feed="itch"), StateError),
    ]:
        with pytest.raises(error):
            scene.control.apply(command)
    assert scene.control.applied == 0
    with pytest.raises(InputError, match="no command of a feed"):
        feed_records(PositionsQuery(command_id="a"))
    with pytest.raises(InputError, match="AAPL"):
        feed_records(FeedRecover(command_id="a", feed="itch", symbols=("AAPL",)))


def test_commands_over_the_bus(day):
    """The sender is another thread, as in a running system."""
    scene = Scene(day)
    many = ("AAPL", "MSFT", *(f"X{i}" for i in range(30)))
    select = feed_records(FeedSelect(command_id="a", feed="itch", symbols=many))
    assert len(select) == 3
    commands = [
        *feed_records(FeedSelect(command_id="a", feed="itch", symbols=("AAPL",))),
        *select,
        *feed_records(FeedCadence(command_id="b", feed="itch", snapshot_ms=20)),
        *feed_records(FeedRecover(command_id="c", feed="itch", symbols=("AAPL",)), ids={"AAPL": 1}),
        *feed_records(FeedRecover(command_id="c", feed="itch", reconnect=True, snapshot=False)),
        *feed_records(FeedHealthQuery(command_id="d", feed="itch")),
        *feed_records(FeedCadence(command_id="e", feed="other", snapshot_ms=20)),
        encode(Template.CONTROL_PARAM, name=b"itch:undo"),
        encode(Template.CONTROL_KILL),
    ]
    answers = []
    with ControlBus.private() as bus:
        subscriber = bus.subscribe("feed.itch")
        sender = threading.Thread(
            target=lambda: answers.extend(bus.send(c, 4_000_000_000) for c in commands)
        )
        sender.start()
        while sender.is_alive():
            subscriber.poll(scene.control.on_record, LiveClock())
        sender.join()
        subscriber.close()
    assert [len(a.acks) for a in answers] == [1] * len(commands)
    said = [a.acks[0] for a in answers]
    assert [a.status for a in said] == [
        AckStatus.DONE,
        AckStatus.ACCEPTED,
        AckStatus.ACCEPTED,
        AckStatus.REFUSED,
        *[AckStatus.DONE] * 4,
        AckStatus.ACCEPTED,
        AckStatus.REFUSED,
        AckStatus.ACCEPTED,
    ]
    assert "X0" in said[3].text
    assert said[7].text.split()[1] in ("SYNCED", "WAIT", "SNAPSHOT", "LOAD")
    assert scene.feed.recovery.refresh_ns == 20_000_000
    assert scene.feed.instruments == {1: "AAPL"}
    assert (scene.control.applied, scene.control.refused) == (5, 2)
