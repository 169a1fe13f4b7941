"""What a log line says, at which level, where it was said, and how the log ends."""

import io
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tectra.core.clock import FakeClock
from tectra.core.errors import ConfigError, InputError
from tectra.core.log import LogConfig, carry, init_logging, parse_levels, place, span
from tectra.core.secret import Secret

NOW_NS = 1_790_000_000_123_456_789
LOGGER = logging.getLogger("tectra.test")


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    text = stream.getvalue()
    assert text.endswith("\n") or not text
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_fields_of_a_line(stream: io.StringIO) -> None:
    with init_logging(stream=stream, clock=FakeClock(NOW_NS)):
        with span("run", trace_id=7), span("load", decision_id="d-1"):
            LOGGER.info("read %d files", 3, extra={"rows": 5, "names": ("a", "b")})
        LOGGER.warning("outside")
    first, second = lines(stream)
    assert first == {
        "timestamp": NOW_NS,
        "level": "info",
        "module": "tectra.test",
        "span": "run/load",
        "message": "read 3 files",
        "thread": "MainThread",
        "trace_id": 7,
        "decision_id": "d-1",
        "fields": {"rows": 5, "names": ["a", "b"]},
    }
    assert (second["span"], second["trace_id"], second["decision_id"]) == ("", None, None)
    assert list(first)[:5] == ["timestamp", "level", "module", "span", "message"]


def test_levels(stream: io.StringIO) -> None:
    config = LogConfig(level="warn", levels={"tectra.test": "debug", "tectra.quiet": "error"})
    with init_logging(config, stream=stream):
        for name in ("tectra.test", "tectra.other", "tectra.quiet"):
            logger = logging.getLogger(name)
            for say in (logger.debug, logger.info, logger.warning, logger.error, logger.critical):
                say("x")
    said = [(line["module"], line["level"]) for line in lines(stream)]
    assert [level for name, level in said if name == "tectra.test"] == [
        "debug", "info", "warn", "error", "critical",
    ]  # fmt: skip
    assert [level for name, level in said if name == "tectra.other"] == [
        "warn", "error", "critical",
    ]  # fmt: skip
    assert [level for name, level in said if name == "tectra.quiet"] == ["error", "critical"]


def test_others_say_no_debug_lines_unless_named(stream: io.StringIO) -> None:
    with init_logging(LogConfig(level="debug"), stream=stream):
        logging.getLogger("library").debug("chatter")
        logging.getLogger("library").info("word")
    assert [line["message"] for line in lines(stream)] == ["word"]


def test_everything_is_as_before_after_close(stream: io.StringIO) -> None:
    root, tectra = logging.getLogger(), logging.getLogger("tectra")
    hooks = (sys.excepthook, threading.excepthook)
    before = (list(root.handlers), root.level, tectra.level, hooks)
    log = init_logging(LogConfig(level="error", levels={"tectra.test": "debug"}), stream=stream)
    assert sys.excepthook is not hooks[0]
    log.close()
    log.close()
    hooks = (sys.excepthook, threading.excepthook)
    assert (list(root.handlers), root.level, tectra.level, hooks) == before
    assert LOGGER.level == logging.NOTSET
    assert not [t for t in threading.enumerate() if t.name == "tectra-log"]


def test_a_second_call_takes_the_place_of_the_first(stream: io.StringIO) -> None:
    other = io.StringIO()
    with init_logging(stream=stream), init_logging(stream=other):
        LOGGER.info("once")
    assert lines(stream) == []
    assert len(lines(other)) == 1


@pytest.mark.parametrize(
    "bad",
    [{"level": "loud"}, {"levels": {"tectra.risk": "none"}}, {"file_bytes_max": 1},
     {"file_keep": -1}, {"queue_lines": -1}],
    ids=str,
)  # fmt: skip
def test_a_wrong_configuration_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="allowed"):
        LogConfig(**bad)  # type: ignore[arg-type]


def test_levels_as_one_text() -> None:
    config = parse_levels("Warn, tectra.risk=debug,,tectra.oms = error")
    assert (config.level, config.levels) == (
        "warn",
        {"tectra.risk": "debug", "tectra.oms": "error"},
    )
    assert parse_levels("", config) == config
    assert parse_levels("tectra.risk=info", config).levels["tectra.risk"] == "info"
    for bad in ("loud", "info,tectra.risk=", "=", "a=b=c"):
        with pytest.raises(ConfigError, match="allowed: debug, info, warn"):
            parse_levels(bad)


def test_spans_nest_and_end() -> None:
    with span("a", trace_id=1):
        with span("b"):
            assert place() == ("a/b", 1, None)
        with pytest.raises(ZeroDivisionError), span("b"):
            _ = 1 // 0
        assert place() == ("a", 1, None)
    assert place() == ("", None, None)
    for bad in ("", "x" * 65):
        with pytest.raises(InputError, match="trace_id"), span("a", trace_id=bad):
            pass
    with pytest.raises(InputError, match="empty"), span(""):
        pass


def test_a_thread_has_the_ids_that_are_carried_to_it(stream: io.StringIO) -> None:
    with init_logging(stream=stream):
        with span("work", trace_id=9):
            threads = [
                threading.Thread(target=carry(LOGGER.info), args=("with",)),
                threading.Thread(target=LOGGER.info, args=("without",)),
            ]
        for thread in threads:
            thread.start()
            thread.join()
    found = {line["message"]: (line["span"], line["trace_id"]) for line in lines(stream)}
    assert found == {"with": ("work", 9), "without": ("", None)}


HOSTILE = 'a\r\n{"level":"error"}\x1b[2J\x9b31m\x7f\x00\u2028\u2029\u202ex\ufeff\ud800'


def test_a_hostile_text_stays_one_encoded_line() -> None:
    for form in ("json", "pretty"):
        stream = io.StringIO()
        log = init_logging(LogConfig(format=form), stream=stream)  # type: ignore[arg-type]
        with log, span(HOSTILE, trace_id=HOSTILE):
            logging.getLogger(f"tectra.{HOSTILE}").info(HOSTILE, extra={HOSTILE: [HOSTILE]})
        text = stream.getvalue()
        assert text.count("\n") == 1 and len(text.splitlines()) == 1
        assert all(c.isprintable() for c in text[:-1])
        if form == "json":
            (line,) = lines(stream)
            kept = HOSTILE.replace("\ud800", "\\ud800")
            assert line["message"] == kept and line["fields"] == {kept: [kept]}


def test_a_traceback_cannot_begin_a_line_of_its_own() -> None:
    stream = io.StringIO()
    with init_logging(LogConfig(format="pretty"), stream=stream):
        try:
            raise ValueError("x\n12:00:00.000000 INFO     tectra: all is well\x1b[1A")
        except ValueError:
            LOGGER.exception("failed")
    first, *rest = stream.getvalue().splitlines()
    assert "ERROR" in first and rest and all(line.startswith("    | ") for line in rest)
    assert "\x1b" not in stream.getvalue()


def test_an_exception_is_a_field(stream: io.StringIO) -> None:
    with init_logging(stream=stream):
        try:
            raise KeyError("k") from ValueError("cause")
        except KeyError:
            LOGGER.exception("failed")
    (line,) = lines(stream)
    assert line["exception"] == "KeyError"
    assert "ValueError: cause" in str(line["traceback"]) and "\n" in str(line["traceback"])


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_nothing_that_is_said_raises(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without pytest's own handlers, which raise for what ours tells.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    loop: list[object] = []
    loop.append(loop)
    with init_logging(stream=stream):
        LOGGER.info("%d", "x")
        LOGGER.info("%s", Hostile())
        LOGGER.info("x", extra={"field": Hostile()})
        LOGGER.info("x", extra={"loop": loop, "big": 2**99, "nan": float("nan"), "b": b"\xff"})
        LOGGER.info("long %s", "y" * 100_000)
    said = lines(stream)
    assert len(said) == 5
    assert "do not fit" in str(said[0]["message"]) and "cannot be told" in str(said[2]["message"])
    fields = said[3]["fields"]
    assert isinstance(fields, dict) and (fields["big"], fields["nan"]) == (str(2**99), "nan")
    assert len(str(said[4]["message"])) < 70_000


def test_a_field_is_copied_when_it_is_said(stream: io.StringIO) -> None:
    rows = {"a": [1]}
    with init_logging(stream=stream):
        LOGGER.info("x", extra={"rows": rows})
        rows["a"].append(2)
    assert lines(stream)[0]["fields"] == {"rows": {"a": [1]}}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_color_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for stream, color, want in (
        (io.StringIO(), "auto", False), (Terminal(), "auto", True), (Terminal(), "never", False),
        (io.StringIO(), "always", True),
    ):  # fmt: skip
        config = LogConfig(format="pretty", color=color)  # type: ignore[arg-type]
        with init_logging(config, stream=stream):
            LOGGER.error("x")
        assert ("\x1b[31m" in stream.getvalue()) is want
    monkeypatch.setenv("NO_COLOR", "1")
    with init_logging(LogConfig(format="pretty"), stream=(stream := Terminal())):
        LOGGER.error("x")
    assert "\x1b" not in stream.getvalue()


def test_a_secret_is_masked_by_its_type(stream: io.StringIO) -> None:
    key = Secret("not-registered-anywhere")
    with init_logging(stream=stream):
        LOGGER.info("%s %r", key, [key], extra={"key": key, "deep": {"list": [key]}})
    assert "not-registered" not in stream.getvalue() and stream.getvalue().count("***") == 4


def test_an_error_in_a_thread_is_said(stream: io.StringIO) -> None:
    def fails() -> None:
        raise ValueError("in a thread")

    with init_logging(stream=stream):
        thread = threading.Thread(target=fails)
        thread.start()
        thread.join()
    (line,) = lines(stream)
    assert (line["level"], line["exception"]) == ("critical", "ValueError")


DIES = """
import logging, sys
from pathlib import Path
from tectra.core.log import LogConfig, init_logging
log = init_logging(LogConfig(file=Path(sys.argv[1])), secrets=["hunter2hunter2"])
for i in range(3000):
    logging.getLogger("tectra.test").info("line %d", i)
raise RuntimeError("the end of hunter2hunter2")
"""


@pytest.mark.e2e
@pytest.mark.timeout(30)
def test_the_end_of_a_process_by_an_error(tmp_path: Path, fresh_env: dict[str, str]) -> None:
    """Everything said before is written, the error too, and neither shows the secret."""
    path = tmp_path / "logs" / "tectra.log"
    done = subprocess.run(
        [sys.executable, "-c", DIES, str(path)], env=fresh_env, capture_output=True, text=True
    )
    assert done.returncode == 1
    said = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["message"] for line in said[:-1]] == [f"line {i}" for i in range(3000)]
    assert said[-1]["exception"] == "RuntimeError" and "the end of ***" in said[-1]["traceback"]
    assert "the end of ***" in done.stderr and "hunter2" not in done.stderr + path.read_text()
