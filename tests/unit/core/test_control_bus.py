"""The control bus: every subscriber gets the command and answers; who does not is named."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tectra.core.clock import FakeClock
from tectra.core.control_bus import Answer, Answers, ControlBus, ControlSubscriber
from tectra.core.errors import DuplicateError, GapError, InputError, RingEmptyError, StateError
from tectra.core.msg import AckStatus, KillAction, Template
from tectra.core.record import decode, encode

Name = Callable[..., str]
WAIT_NS = 30_000_000_000
CLOCK = FakeClock(123_456)


def kill(operator: int = 7) -> bytes:
    return encode(
        Template.CONTROL_KILL, action=KillAction.KILL, strategy_id=3, operator_id=operator
    )


def limit(value: int = 10) -> bytes:
    return encode(Template.CONTROL_LIMIT, new_value=value, operator_id=9, ts_event_ns=55)


@contextmanager
def polling(
    subscriber: ControlSubscriber, handler: Callable[[bytes], Answer | None]
) -> Iterator[list[bytes]]:
    """The subscriber in a thread of its own; the commands that it handled."""
    stop, seen = threading.Event(), list[bytes]()

    def handle(command: bytes) -> Answer | None:
        seen.append(command)
        return handler(command)

    def run() -> None:
        while not stop.is_set():
            if subscriber.poll(handle, CLOCK) == 0:
                stop.wait(0.0005)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()


def done(_: bytes) -> None:
    return None


def test_a_command_reaches_every_subscriber_and_each_answer_returns() -> None:
    bus = ControlBus.private()
    risk, oms = bus.subscribe("risk"), bus.subscribe("oms")
    refuse = Answer(AckStatus.REFUSED, -15, "not now: " + "x" * 60)
    with polling(risk, done) as at_risk, polling(oms, lambda _: refuse) as at_oms:
        answers = bus.send(limit(), WAIT_NS)
        assert [c[16:] for c in at_risk + at_oms] == [limit()[16:]] * 2
        assert answers.seq == 1 and answers.missing == () and not answers.complete
        by_name = {ack.subscriber: ack for ack in answers.acks}
        assert by_name["risk"][1:5] == (AckStatus.DONE, 0, "", 123_456)
        assert by_name["oms"][1:4] == (AckStatus.REFUSED, -15, ("not now: " + "x" * 60)[:40])
        ack = decode(by_name["risk"].record)
        assert ack.template is Template.CONTROL_ACK
        found = [ack.get_int(n) for n in ("command", "command_seq", "operator_id", "ts_event_ns")]
        assert found == [Template.CONTROL_LIMIT, 1, 9, 55]
    assert bus.subscribers() == ["risk", "oms"]


def test_a_subscriber_that_never_answers_is_named() -> None:
    bus = ControlBus.private()
    good, silent = bus.subscribe("good"), bus.subscribe("silent")
    with polling(good, done):
        answers = bus.send(kill(), 100_000_000)
    assert [a.subscriber for a in answers.acks] == ["good"]
    assert answers.missing == ("silent",) and not answers.complete
    assert silent.poll(done, CLOCK) == 1, "it has the command all the same"
    with polling(good, done), polling(silent, done):
        answers = bus.send(kill(), WAIT_NS)
    assert answers.complete and len(answers.acks) == 2 and bus.late == 1


def test_only_those_who_want_the_template_are_asked() -> None:
    bus = ControlBus.private()
    kills = bus.subscribe("kills", [Template.CONTROL_KILL])
    both = bus.subscribe("both", [Template.CONTROL_KILL, Template.CONTROL_LIMIT])
    with polling(kills, done) as at_kills, polling(both, done) as at_both:
        assert [a.subscriber for a in bus.send(limit(), WAIT_NS).acks] == ["both"]
        assert len(bus.send(kill(), WAIT_NS).acks) == 2
    assert (len(at_kills), len(at_both)) == (1, 2)
    assert bus.send(encode(Template.CONTROL_PARAM), 1000) == Answers(3, (), ())
    for command in (encode(Template.GAP), encode(Template.CONTROL_ACK)):
        with pytest.raises(InputError, match="any record but a gap"):
            bus.send(command)


def test_a_handler_that_raises_has_answered_failed() -> None:
    bus = ControlBus.private()
    subscriber = bus.subscribe("clumsy")
    raised: list[Exception] = []

    def run() -> None:
        command = subscriber.read(WAIT_NS)
        again = bus.subscribe("again")
        assert again.poll(done, CLOCK) == 0, "it joined behind the command"
        try:
            subscriber.answer(command, lambda _: Answer(code=1 // 0), CLOCK)
        except ZeroDivisionError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    (ack,) = bus.send(kill(), WAIT_NS).acks
    thread.join()
    assert len(raised) == 1
    assert (ack.status, ack.code) == (AckStatus.FAILED, -21)
    assert ack.text.startswith("ZeroDivisionError")


def test_senders_take_turns_and_every_command_is_answered_once() -> None:
    bus = ControlBus.private()
    one, two, three = [bus.subscribe(f"s{i}") for i in range(3)]
    results: list[Answers] = []

    def send() -> None:
        results.extend(bus.send(limit(), WAIT_NS) for _ in range(20))

    threads = [threading.Thread(target=send) for _ in range(3)]
    with polling(one, done), polling(two, done), polling(three, done):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(r.seq for r in results) == list(range(1, 61))
    assert all(r.complete and len(r.acks) == 3 for r in results) and bus.late == 0


def test_a_busy_sender_holds_the_next_one_up_only_so_long() -> None:
    bus = ControlBus.private()
    silent = bus.subscribe("silent")
    first = threading.Thread(target=bus.send, args=[kill(), 500_000_000])
    first.start()
    silent.read(WAIT_NS)
    with pytest.raises(StateError, match="another sender"):
        bus.send(kill(), 1_000_000)
    first.join()


def test_a_subscriber_that_does_not_poll_is_told_what_it_lost() -> None:
    bus = ControlBus.private(capacity=8)
    lazy = bus.subscribe("lazy", capacity=8)
    for _ in range(20):
        assert bus.send(kill(), 0).missing == ("lazy",)
    with pytest.raises(GapError, match="commands 1 to 16"):
        lazy.try_read()
    assert lazy.lost == 16 and lazy.poll(done, CLOCK) == 4 and lazy.unsent == 1
    with pytest.raises(RingEmptyError):
        lazy.read(timeout_ns=1000)


def test_names_and_leaving() -> None:
    bus = ControlBus.private()
    with bus.subscribe("a") as one, pytest.raises(DuplicateError, match="'a' exists"):
        bus.subscribe("a")
    one.close()
    assert bus.subscribers() == [] and bus.send(kill(), 0) == Answers(1, (), ())
    bus.subscribe("a").close()
    with pytest.raises(InputError, match="name of a reader"):
        bus.subscribe("x" * 40)
    assert bus.subscribers() == []
    bus.close()
    bus.close()


CHILD = """
import os, signal, sys
from tectra.core.clock import LiveClock
from tectra.core.control_bus import Answer, ControlBus
bus = ControlBus.attach(sys.argv[1])
subscriber = bus.subscribe(sys.argv[2])
clock, left = LiveClock(), [int(sys.argv[3])]
print("ready", flush=True)
def handle(command):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return Answer(text=sys.argv[2])
while left[0] or len(sys.argv) > 4:
    subscriber.poll(handle, clock)
subscriber.close()
bus.close()
"""


@contextmanager
def child(env: dict[str, str], *args: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CHILD, *args]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@pytest.mark.timeout(60)
def test_between_processes(shm_name: Name, fresh_env: dict[str, str]) -> None:
    with ControlBus.create(shm_name()) as bus, bus.subscribe("here") as here:
        with child(fresh_env, shm_name(), "there", "3") as process:
            with pytest.raises(DuplicateError, match="a live subscriber has the name 'there'"):
                bus.subscribe("there")
            with polling(here, done), ControlBus.attach(shm_name()) as sender:
                for seq in (1, 2, 3):
                    answers = (sender if seq == 2 else bus).send(limit(), WAIT_NS)
                    assert answers.seq == seq and answers.complete
                    texts = {a.subscriber: a.text for a in answers.acks}
                    assert texts == {"here": "", "there": "there"}
            assert process.wait(30) == 0
        assert bus.subscribers() == ["here"]


@pytest.mark.timeout(60)
def test_a_subscriber_that_dies_over_a_command_is_missing_at_once_and_can_come_back(
    shm_name: Name, fresh_env: dict[str, str]
) -> None:
    with ControlBus.create(shm_name()) as bus:
        with child(fresh_env, shm_name(), "frail", "0", "die") as process:
            # The waiting parent reaps it, else it stays there as a zombie.
            reaper = threading.Thread(target=process.wait)
            reaper.start()
            answers = bus.send(kill(), WAIT_NS)
            assert answers.missing == ("frail",) and answers.acks == ()
            reaper.join()
            assert process.returncode == -signal.SIGKILL
        assert bus.subscribers() == [] and bus.send(kill(), 0).missing == ("frail",)
        with child(fresh_env, shm_name(), "frail", "1"):
            answers = bus.send(kill(), WAIT_NS)
            assert answers.complete and [a.text for a in answers.acks] == ["frail"]


@pytest.mark.timeout(60)
def test_senders_on_two_handles_take_turns(shm_name: Name) -> None:
    """Two handles of a bus in shared memory stand for two processes."""
    with (
        ControlBus.create(shm_name()) as bus,
        ControlBus.attach(shm_name()) as other,
        bus.subscribe("a") as subscriber,
    ):
        results: list[Answers] = []

        def send(which: ControlBus) -> None:
            results.extend(which.send(limit(), WAIT_NS) for _ in range(20))

        threads = [threading.Thread(target=send, args=[b]) for b in (bus, other)]
        with polling(subscriber, done):
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert sorted(r.seq for r in results) == list(range(1, 41))
        assert all(r.complete and len(r.acks) == 1 for r in results)
        threads = [threading.Thread(target=bus.send, args=[kill(), 300_000_000])]
        threads[0].start()
        subscriber.read(WAIT_NS)
        with pytest.raises(StateError, match="has one writer"):
            other.send(kill(), 1_000_000)
        threads[0].join()
