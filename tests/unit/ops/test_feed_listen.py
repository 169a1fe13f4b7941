"""`tectra feed listen`, stopped at the worst moment."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from tectra.core.errors import StoppedError
from tectra.core.msg import Template
from tectra.core.stop import clear_stop, request_stop
from tectra.feed.itch_encode import encode
from tectra.feed.live_book import LiveBooks
from tectra.feed.protocol import Slots
from tectra.journal import JournalReader
from tectra.ops.cli import feed_listen
from tectra.protocol.mold import build_packet

FIXED = ("Q", "N", 100, "N", "C", "Z", "P", "N", "N", "1", "N", 0, "N")
MESSAGES = [
    encode("R", 1, 1, "AAPL", *FIXED),
    encode("A", 1, 2, 7, "B", 100, "AAPL", 10_000),
]


class StoppedInside(LiveBooks):
    """Ctrl-C while the books take a batch."""

    def apply(self, batch: Slots) -> None:
        request_stop()
        super().apply(batch)


@contextmanager
def sending(port: int) -> Iterator[None]:
    """One packet again and again, until somebody has heard it."""
    packet = build_packet("SESSION000", 1, MESSAGES)
    heard = Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while not heard.wait(0.01):
                out.sendto(packet, ("127.0.0.1", port))

    thread = Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        heard.set()
        thread.join()


def test_a_batch_that_a_stop_comes_into_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the books, in the journal and in the summary."""
    monkeypatch.setattr(feed_listen, "LiveBooks", StoppedInside)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    args = ["--a", f"127.0.0.1:{port}", "--journal", str(tmp_path / "j"), "--date", "2026-01-05"]
    try:
        with sending(port), pytest.raises(StoppedError, match="before number 3"):
            feed_listen.command.main([*args, "--json"], standalone_mode=False)
    finally:
        clear_stop()
    found = json.loads(capsys.readouterr().out)
    assert (found["expected"], found["orders"]) == (3, 1)
    counts = JournalReader(tmp_path / "j").count_by_template()
    assert (counts[Template.INSTRUMENT], counts[Template.BOOK_ADD]) == (1, 1)
