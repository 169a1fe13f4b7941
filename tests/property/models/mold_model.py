"""MoldUDP64 in plain Python, from the layout: what the compiled parser is compared with."""

import struct


class Bad(Exception):
    """`kind` is cut or corrupt."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def parse(data: bytes) -> tuple[str, int, tuple[bytes, ...], bool, bool]:
    """Session, sequence, messages, heartbeat, end; or Bad."""
    if len(data) < 20:
        raise Bad("cut")
    session, sequence, count = struct.unpack(">10sQH", data[:20])
    end = count == 65535
    count = 0 if end else count
    if sequence + count >= 1 << 64:
        raise Bad("corrupt")
    left, messages = data[20:], []
    for _ in range(count):
        if len(left) < 2 or len(left) < 2 + struct.unpack(">H", left[:2])[0]:
            raise Bad("cut")
        size = struct.unpack(">H", left[:2])[0]
        messages.append(left[2 : 2 + size])
        left = left[2 + size :]
    if left:
        raise Bad("corrupt")
    heartbeat = not end and count == 0
    return session.decode("latin-1").rstrip(" "), sequence, tuple(messages), heartbeat, end
