"""The ring of many in plain Python: a list of positions with their states, and who gave up what."""

from collections import Counter

FREE, CLAIMED, READY, READING, LOST, HELD, SKIP = range(7)


class MpmcModel:
    """Ring of `capacity` slots; handles are small numbers. What happens in a slot is a triple of
    state, holder and payload; `late` holds slots whose holder was given up and may still come back.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.write = self.read = 0
        self.slots: list[tuple[int, int | None, object]] = [(FREE, None, None)] * capacity
        self.count: Counter[str] = Counter()

    def at(self, pos: int) -> int:
        return pos % self.capacity

    @property
    def depth(self) -> int:
        return self.write - self.read

    def claim(self, who: int) -> int | None:
        """The position claimed, or None for full."""
        for _ in range(self.capacity + 1):
            state, holder, _payload = self.slots[self.at(self.write)]
            if state == HELD:  # in quarantine: this position goes unused
                self.slots[self.at(self.write)] = (LOST, holder, None)
                self.count["skipped"] += 1
                self.write += 1
                continue
            if state != FREE or self.write - self.read >= self.capacity:
                break
            self.slots[self.at(self.write)] = (CLAIMED, who, None)
            self.write += 1
            return self.write - 1
        self.count["full_count"] += 1
        return None

    def _leave(self, pos: int, who: int, state: int, then: tuple[int, int | None, object]) -> bool:
        """The holder is done: True unless it had been given up."""
        found, holder, _payload = self.slots[self.at(pos)]
        assert holder == who
        if found == state:
            self.slots[self.at(pos)] = then
            return True
        self.slots[self.at(pos)] = (SKIP if found == LOST else FREE, None, None)
        self.count["fenced"] += 1
        return False

    def commit(self, pos: int, who: int, payload: object) -> bool:
        ok = self._leave(pos, who, CLAIMED, (READY, None, payload))
        self.count["pushed"] += ok
        return ok

    def abort(self, pos: int, who: int) -> bool:
        ok = self._leave(pos, who, CLAIMED, (SKIP, None, None))
        self.count["aborted"] += ok
        return ok

    def peek(self, who: int) -> tuple[int, object] | None:
        """Position and payload of the next record, or None."""
        while self.read < self.write:
            state, holder, payload = self.slots[self.at(self.read)]
            if state == CLAIMED:
                return None
            self.read += 1
            if state == READY:
                self.slots[self.at(self.read - 1)] = (READING, who, payload)
                return self.read - 1, payload
            self.slots[self.at(self.read - 1)] = (
                (HELD, holder, None) if state == LOST else (FREE, None, None)
            )
        return None

    def release(self, pos: int, who: int) -> bool:
        ok = self._leave(pos, who, READING, (FREE, None, None))
        self.count["popped"] += ok
        return ok

    def give_up(self) -> bool:
        """Everyone has waited for long enough: what holds up readers or writers is given up."""
        done = 0
        if self.depth and self.slots[self.at(self.read)][0] == CLAIMED:
            for pos in range(self.read, self.write):
                state, holder, _payload = self.slots[self.at(pos)]
                if state == CLAIMED:
                    self.slots[self.at(pos)] = (LOST, holder, None)
                    self.count["abandoned"] += 1
                    done += 1
        if self.slots[self.at(self.write)][0] == READING:
            for pos in range(self.write, self.read + self.capacity):
                state, holder, _payload = self.slots[self.at(pos)]
                if state == READING:
                    self.slots[self.at(pos)] = (HELD, holder, None)
                    self.count["lost"] += 1
                    done += 1
        return done > 0
