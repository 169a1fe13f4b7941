"""A/B arbitration in plain Python: dictionaries and sets in place of a window and pointers."""

from dataclasses import dataclass

REPLY = 4


@dataclass
class Line:
    last_ns: int
    next: int = 0
    packets: int = 0
    messages: int = 0
    heartbeats: int = 0
    duplicates: int = 0
    first: int = 0
    ahead: int = 0
    lost: int = 0
    late: int = 0


class ArbiterModel:
    """`settle_ns` is 0 here: the simulation in C has packets out of order."""

    def __init__(
        self, *, lines: int, window: int, longest: int, hold_ns: int, dead_ns: int
    ) -> None:
        self.window, self.longest = window, longest
        self.hold_ns, self.dead_ns = hold_ns, dead_ns
        self.lines = {i: Line(0) for i in [*range(lines), REPLY]}
        self.feeding = list(range(lines))
        self.due = 1
        self.top = 0
        self.held: dict[int, tuple[bytes, int]] = {}
        self.out: list[tuple[int, bytes]] = []
        self.counts = {"taken": 0, "lost": 0, "recovered": 0, "overflow": 0}
        self.noticed: tuple[int, int] = (0, 0)

    def offer(self, which: int, sequence: int, messages: list[bytes], now: int) -> None:
        line = self.lines[which]
        line.last_ns = now
        line.packets += 1
        behind = sequence + len(messages)
        if which != REPLY:
            if line.next and sequence > line.next:
                line.lost += sequence - line.next
            if line.next and sequence < line.next:
                line.late += 1
            line.next = max(line.next, behind)
        if not messages:
            line.heartbeats += 1
            self.top = max(self.top, sequence - 1)
            return
        line.messages += len(messages)
        due, continues = self.due, sequence <= self.due
        new = ignored = 0
        top = self.top
        for number, message in enumerate(messages, sequence):
            if number < self.due or (not continues and number in self.held):
                continue
            if not continues and (number - self.due >= self.window or len(message) > self.longest):
                self.counts["overflow"] += 1
                ignored += 1
                if ignored == 1:
                    self.top = max(self.top, number - 1)
                continue
            if number not in self.held:
                new += 1
                line.first += 1
                self.counts["recovered"] += number <= top
            if continues:
                self.held.pop(number, None)
                self.take(number, message)
            else:
                self.held[number] = (message, now)
                line.ahead += 1
                self.top = max(self.top, number)
        line.duplicates += behind <= due if continues else not new and not ignored
        if continues:
            self.top = max(self.top, behind - 1)
        self.drain()

    def take(self, number: int, message: bytes) -> None:
        assert number == self.due
        self.out.append((number, message))
        self.due += 1
        self.counts["taken"] += 1

    def drain(self) -> None:
        while self.due in self.held:
            self.take(self.due, self.held.pop(self.due)[0])

    def gap(self, now: int) -> tuple[int, int] | None:
        if self.top < self.due:
            return None
        last = min(self.held) - 1 if self.held else self.top
        if self.noticed[0] != self.due:
            self.noticed = (self.due, now)
        since = self.held[last + 1][1] if self.held else self.noticed[1]
        live = [self.lines[i] for i in self.feeding if now - self.lines[i].last_ns <= self.dead_ns]
        if now - since >= self.hold_ns or all(line.next > last for line in live):
            return self.due, last
        return None

    def lose(self, last: int) -> None:
        self.counts["lost"] += last - self.due + 1
        self.due = last + 1
        self.drain()
