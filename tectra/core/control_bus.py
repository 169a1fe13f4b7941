"""The control bus: a command goes to every subscriber, each answers, the sender learns who did not.

Commands and answers are records: control_kill, control_limit, control_param, config_change, ... and
control_ack. Commands travel on a broadcast ring, in whose list of readers the sender sees who must
answer; each subscriber answers on a ring of its own. In one process the rings are private; between
processes they are shared memory, `NAME` for the commands and `NAME.SUBSCRIBER` for the answers.
"""

import threading
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

from tectra.core.bcast import EVERYONE, BroadcastRing
from tectra.core.bcast_reader import BroadcastReader
from tectra.core.clock import Clock, ClockDomain, LiveClock
from tectra.core.closing import Closing
from tectra.core.errors import (
    DuplicateError,
    FileFormatError,
    GapError,
    InputError,
    StateError,
    SystemCallError,
)
from tectra.core.msg import AckStatus, Template
from tectra.core.record import decode, encode
from tectra.core.ring import SpscRing
from tectra.core.shm import reclaim

__all__ = ["Answer", "Answers", "ControlAck", "ControlBus", "ControlSubscriber"]

CAPACITY = 1024
ACK_CAPACITY = 64
TIMEOUT_NS = 1_000_000_000
CALLBACK_RAISED = -21
_PAUSE_S = 100e-6
_LOOK_NS = 20_000_000
_TEXT_BYTES = 40
_MONO = LiveClock(ClockDomain.MONOTONIC)


class Answer(NamedTuple):
    """What a subscriber's handler says about a command."""

    status: AckStatus = AckStatus.DONE
    code: int = 0
    text: str = ""


class ControlAck(NamedTuple):
    """An answer as the sender gets it; `record` is the control_ack itself."""

    subscriber: str
    status: AckStatus
    code: int
    text: str
    ts_done_ns: int
    record: bytes


class Answers(NamedTuple):
    """What became of a command: its number on the bus, who answered, and who did not in time."""

    seq: int
    acks: tuple[ControlAck, ...]
    missing: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Everyone answered, and nobody refused or failed."""
        good = (AckStatus.ACCEPTED, AckStatus.DONE)
        return not self.missing and all(ack.status in good for ack in self.acks)


def _tag_of(template: int) -> int:
    return 1 << template % 64


def _template_of(record: bytes) -> int:
    return int.from_bytes(record[2:4], "little")


def _seq_of(record: bytes) -> int:
    return int.from_bytes(record[8:16], "little")


def _cut(text: str) -> bytes:
    """As much of the text as fits the record, without half a character."""
    return text.encode()[:_TEXT_BYTES].decode(errors="ignore").encode()


def _parse(name: str, raw: bytes) -> ControlAck:
    ack = decode(raw)
    return ControlAck(
        name,
        AckStatus(ack.get_int("status")),
        ack.get_int("code"),
        ack.get_text("text"),
        ack.get_int("ts_done_ns"),
        raw,
    )


class ControlSubscriber(Closing):
    """One subscriber's end of the control bus. Owner thread: one, that polls."""

    def __init__(
        self, name: str, reader: BroadcastReader, acks: SpscRing, leave: Callable[[], None]
    ) -> None:
        self.name = name
        self._reader, self._acks, self._leave = reader, acks, leave
        self._lost = self._unsent = 0

    @property
    def lost(self) -> int:
        """Commands overwritten before this subscriber read them."""
        return self._lost

    @property
    def unsent(self) -> int:
        """Answers that found no room, because nobody collected the ones before."""
        return self._unsent

    def try_read(self) -> bytes | None:
        """The next command, or None. GapError, once, where commands were lost."""
        return self._check(self._reader.try_read())

    def read(self, timeout_ns: int = TIMEOUT_NS) -> bytes:
        """The next command, waiting for it; then RingEmptyError."""
        raw = self._check(self._reader.read(timeout_ns))
        assert raw is not None
        return raw

    def _check(self, raw: bytes | None) -> bytes | None:
        if raw is None or _template_of(raw) != Template.GAP:
            return raw
        gap = decode(raw)
        first, last = gap.get_int("first_seq"), gap.get_int("last_seq")
        self._lost += last - first + 1
        raise GapError(
            f"control bus, subscriber {self.name!r}: commands {first} to {last} were overwritten "
            "before they were read; poll more often, or make the bus larger"
        )

    def acknowledge(self, command: bytes, answer: Answer, ts_done_ns: int) -> bool:
        """Answer a command. False when there was no room for the answer, which is counted."""
        fields = decode(command)
        names = fields.keys()
        ack = encode(
            Template.CONTROL_ACK,
            ts_event_ns=fields.get_int("ts_event_ns"),
            ts_recv_ns=fields.get_int("ts_recv_ns"),
            instrument_id=fields.get_int("instrument_id"),
            status=answer.status,
            command=fields.template,
            command_seq=_seq_of(command),
            operator_id=fields.get_int("operator_id") if "operator_id" in names else 0,
            ts_done_ns=ts_done_ns,
            code=answer.code,
            text=_cut(answer.text),
        )
        done = self._acks.try_push(ack)
        self._unsent += not done
        return done

    def answer(
        self, command: bytes, handler: Callable[[bytes], Answer | None], clock: Clock
    ) -> None:
        """Hand a command to `handler` and answer with what it returns, DONE for None. An exception
        is answered with FAILED and raised again.
        """
        try:
            answer = handler(command) or Answer()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            failed = Answer(AckStatus.FAILED, CALLBACK_RAISED, text)
            self.acknowledge(command, failed, clock.now_ns())
            raise
        self.acknowledge(command, answer, clock.now_ns())

    def poll(self, handler: Callable[[bytes], Answer | None], clock: Clock) -> int:
        """Answer every waiting command; how many there were."""
        done = 0
        while (command := self.try_read()) is not None:
            self.answer(command, handler, clock)
            done += 1
        return done

    def close(self) -> None:
        """Leave the bus. Idempotent."""
        if not self._reader.closed:
            self._reader.close()
            self._leave()


class ControlBus(Closing):
    """Commands to everyone who subscribed, and their answers.

    Owner thread: any; senders of one process take turns, and so do those of several processes. A
    sender waits, so a kill belongs into the kill word first. `capacity`: slots of 64 bytes for
    commands, a power of two from 8 to 2**32: a subscriber that does not poll loses the oldest and
    is told which.
    """

    def __init__(self, ring: BroadcastRing, *, shared: bool) -> None:
        self._ring, self._shared = ring, shared
        self._lock = threading.Lock()  # held by a sender until it has its answers
        self._lock_names = threading.Lock()
        self._acks: dict[str, SpscRing] = {}
        self._late = 0

    @classmethod
    def private(cls, *, capacity: int = CAPACITY) -> Self:
        """A bus of this process alone."""
        return cls(BroadcastRing.private(capacity), shared=False)

    @classmethod
    def create(cls, name: str, *, capacity: int = CAPACITY) -> Self:
        """A bus in shared memory; close() removes the name. DuplicateError: taken."""
        return cls(BroadcastRing.create(name, capacity), shared=True)

    @classmethod
    def attach(cls, name: str) -> Self:
        """Use a bus that another process made; both may send and subscribe."""
        return cls(BroadcastRing.attach(name), shared=True)

    @property
    def late(self) -> int:
        """Answers to commands whose sender had given up; seen and dropped by a later one."""
        return self._late

    def subscribe(
        self,
        name: str,
        commands: Iterable[Template] | None = None,
        *,
        capacity: int = ACK_CAPACITY,
    ) -> ControlSubscriber:
        """Get the commands of these templates, or all. `capacity`: slots for answers that nobody
        has collected yet, two for each, a power of two from 8. DuplicateError: a live subscriber
        has the name; a dead one is followed.
        """
        mask = EVERYONE if commands is None else sum({_tag_of(t) for t in commands})
        with self._lock_names:
            if name in self._acks:
                raise DuplicateError(f"control bus: subscriber {name!r} exists; close it first")
            acks = self._make_acks(name, capacity)
            try:
                reader = BroadcastReader.join(self._ring, name, mask=mask)
            except BaseException:
                acks.close()
                raise
            self._acks[name] = acks
        return ControlSubscriber(name, reader, acks, lambda: self._forget(name, acks))

    def _make_acks(self, name: str, capacity: int) -> SpscRing:
        if not self._shared:
            return SpscRing.private(capacity)
        path = f"{self._ring.name}.{name}"
        try:
            return SpscRing.create(path, capacity)
        except DuplicateError:
            pass
        try:
            reclaim(path)
        except StateError as error:
            raise DuplicateError(
                f"control bus: a live subscriber has the name {name!r}; choose another"
            ) from error
        self._ring.reclaim_readers()
        return SpscRing.create(path, capacity)

    def _forget(self, name: str, acks: SpscRing) -> None:
        with self._lock_names:
            self._acks.pop(name, None)
            if self._shared:  # else a sender may be about to read the last answer
                acks.close()

    def subscribers(self) -> list[str]:
        """The names of the live subscribers."""
        return [reader.name for reader in self._ring.readers() if reader.alive]

    def send(self, command: bytes, timeout_ns: int = TIMEOUT_NS) -> Answers:
        """Send a command record to every subscriber that wants its template and wait for their
        answers. Who is dead, leaves, or is silent until the time is over is `missing`. StateError:
        another sender was busy all that time, and nothing was sent.
        """
        end = _MONO.now_ns() + timeout_ns
        if not self._lock.acquire(timeout=max(timeout_ns, 0) / 1e9):
            raise StateError("control bus: another sender waits for its answers; nothing was sent")
        rings: dict[str, SpscRing] = {}
        try:
            tag = _tag_of(_template_of(command))
            asked = self._open(rings, tag)  # before: one may answer and leave at once
            seq = self._publish(command, tag, end)
            try:
                # After: one may have joined just before the command.
                asked |= self._open(rings, tag, joined_max=seq)
                acks = self._collect(rings, seq, end)
            finally:
                self._close(rings)  # the next sender reads the answers from here on
                self._ring.release_writer()
        finally:
            self._close(rings)
            self._lock.release()
        answered = {ack.subscriber for ack in acks}
        return Answers(seq, tuple(acks), tuple(sorted(asked - answered)))

    def _close(self, rings: dict[str, SpscRing]) -> None:
        if self._shared:
            for ring in rings.values():
                ring.close()

    def _publish(self, command: bytes, tag: int, end: int) -> int:
        if _template_of(command) in (Template.GAP, Template.CONTROL_ACK):
            raise InputError(
                f"command: found template {_template_of(command)}; allowed: any record but a gap "
                "and an answer"
            )
        pause = threading.Event()
        while True:
            try:
                self._ring.publish(command, tag)
                return self._ring.published
            except StateError:  # a sender in another process
                if _MONO.now_ns() >= end:
                    raise
            pause.wait(_PAUSE_S)

    def _open(
        self, rings: dict[str, SpscRing], tag: int, *, joined_max: int = EVERYONE
    ) -> set[str]:
        """The names of those who want the tag, and the answer rings of those who live."""
        readers = [r for r in self._ring.readers() if r.mask & tag and r.joined <= joined_max]
        for reader in readers:
            if reader.alive and reader.name not in rings:
                ring = self._open_acks(reader.name)
                if ring is not None:
                    rings[reader.name] = ring
        return {reader.name for reader in readers}

    def _open_acks(self, name: str) -> SpscRing | None:
        if not self._shared:
            return self._acks.get(name)
        try:
            return SpscRing.attach(f"{self._ring.name}.{name}")
        except (FileFormatError, InputError, SystemCallError):
            return None  # it is leaving, or died while joining

    def _collect(self, rings: dict[str, SpscRing], seq: int, end: int) -> list[ControlAck]:
        acks: list[ControlAck] = []
        pending, pause = dict(rings), threading.Event()
        look = _MONO.now_ns() + _LOOK_NS
        while True:
            now = _MONO.now_ns()
            live = set(pending) if now < look else set(self.subscribers())
            look = look if now < look else now + _LOOK_NS
            # In this order: who is gone may have answered before.
            for name in list(pending):
                if self._answer(name, pending[name], seq, acks) or name not in live:
                    del pending[name]
            if not pending or now >= end:
                return acks
            pause.wait(_PAUSE_S)

    def _answer(self, name: str, ring: SpscRing, seq: int, acks: list[ControlAck]) -> bool:
        """Take what has come; was the answer to `seq` among it?"""
        while (raw := ring.try_pop()) is not None:
            ack = _parse(name, raw)
            if decode(raw).get_int("command_seq") == seq:
                acks.append(ack)
                return True
            self._late += 1
        return False

    def close(self) -> None:
        """Unmap; the maker also removes the name. Close the subscribers first. Idempotent."""
        self._ring.close()
