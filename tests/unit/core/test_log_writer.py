"""The queue is bounded and never waits; what it drops is counted and said."""

import io
import json
import logging
import os
import sys
import threading

import pytest

from tectra.core.log import LogConfig, init_logging

LOGGER = logging.getLogger("tectra.test")


class Gate(io.StringIO):
    """A stream whose writes wait until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open = threading.Event()
        self.reached = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.open.wait(10)
        return super().write(text)


def test_a_full_queue_drops_counts_and_says_so() -> None:
    gate = Gate()
    log = init_logging(LogConfig(queue_lines=16), stream=gate)
    LOGGER.info("held")
    assert gate.reached.wait(10)  # one line is with the writer, the queue is empty
    for i in range(50):
        LOGGER.info("line %d", i)
    for i in range(5):
        LOGGER.error("error %d", i)
    assert log.dropped == 50 - 16 + 5 - 3
    gate.open.set()
    log.flush()
    LOGGER.info("after")
    log.close()
    said = [json.loads(line) for line in gate.getvalue().splitlines()]
    told = [line for line in said if line["module"] == "tectra.core.log"]
    messages = [line["message"] for line in said if line not in told]
    assert messages == [
        "held", *(f"line {i}" for i in range(16)), *(f"error {i}" for i in range(3)), "after",
    ]  # fmt: skip
    assert [line["fields"]["dropped_total"] for line in told] == [36]
    assert sum(line["fields"]["dropped"] for line in told) == log.dropped == 36


def test_losses_at_the_very_end_are_said() -> None:
    gate = Gate()
    log = init_logging(LogConfig(queue_lines=1), stream=gate)
    LOGGER.info("held")
    assert gate.reached.wait(10)
    LOGGER.info("kept")
    LOGGER.info("lost")
    gate.open.set()
    log.close()
    assert [json.loads(line)["message"] for line in gate.getvalue().splitlines()].count(
        "log lines were dropped"
    ) == 1
    assert log.dropped == 1


@pytest.mark.parametrize("queue_lines", [0, 100_000])
def test_many_threads_lose_nothing(queue_lines: int) -> None:
    stream = io.StringIO()
    with init_logging(LogConfig(queue_lines=queue_lines), stream=stream):

        def say(thread: int) -> None:
            for i in range(300):
                LOGGER.info("%d", i, extra={"thread_no": thread})

        threads = [threading.Thread(target=say, args=(t,)) for t in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    said = [json.loads(line) for line in stream.getvalue().splitlines()]
    for t in range(6):
        mine = [line["message"] for line in said if line["fields"]["thread_no"] == t]
        assert mine == [str(i) for i in range(300)]
    stamps = [line["timestamp"] for line in said]
    assert stamps == sorted(stamps)


def test_a_stream_that_is_closed_takes_nothing_and_harms_nobody() -> None:
    stream = io.StringIO()
    log = init_logging(LogConfig(queue_lines=0), stream=stream)
    stream.close()
    LOGGER.error("x")
    assert log.dropped == 1
    log.close()


def test_a_terminal_that_is_not_utf8() -> None:
    raw = io.BytesIO()
    with init_logging(LogConfig(queue_lines=0), stream=io.TextIOWrapper(raw, "ascii")):
        LOGGER.info("caf\u00e9 \u20ac \U0001f680")
    assert raw.getvalue().isascii()
    assert json.loads(raw.getvalue())["message"] == "caf\u00e9 \u20ac \U0001f680"


@pytest.mark.e2e
def test_a_forked_child_leaves_the_file_alone(
    tmp_path: pytest.TempPathFactory, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.log"  # type: ignore[operator]
    with init_logging(LogConfig(file=path)):
        LOGGER.info("parent")
        child = os.fork()
        if child == 0:
            try:
                LOGGER.info("child")
                sys.stderr.flush()
            finally:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        LOGGER.info("parent again")
    messages = [json.loads(line)["message"] for line in path.read_text().splitlines()]
    assert messages == ["parent", "parent again"]
    assert '"message":"child"' in capfd.readouterr().err
