"""The ring in plain Python: a deque of records with the sizes of the real one."""

from collections import deque


class RingModel:
    """Lossless ring of `capacity` slots, of which one stays free."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.records: deque[tuple[int, int, int]] = deque()  # slots, number, payload
        self.pushed = self.popped = self.full_count = 0

    @property
    def depth(self) -> int:
        return sum(slots for slots, _, _ in self.records)

    def push(self, slots: int, payload: int) -> bool:
        if self.depth + slots > self.capacity - 1:
            self.full_count += 1
            return False
        self.pushed += 1
        self.records.append((slots, self.pushed, payload))
        return True

    def push_many(self, batch: list[tuple[int, int]]) -> int:
        """Slots taken. A batch of which nothing fits counts as one refusal."""
        done = 0
        for slots, payload in batch:
            if self.depth + slots > self.capacity - 1:
                self.full_count += done == 0
                break
            self.push(slots, payload)
            done += slots
        return done

    def pop(self) -> tuple[int, int, int] | None:
        if not self.records:
            return None
        self.popped += 1
        return self.records.popleft()

    def drain(self, max_slots: int) -> list[tuple[int, int, int]]:
        out: list[tuple[int, int, int]] = []
        while self.records and sum(r[0] for r in out) + self.records[0][0] <= max_slots:
            out.append(self.records.popleft())
        self.popped += len(out)
        return out
