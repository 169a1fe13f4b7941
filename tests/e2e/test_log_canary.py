"""Keys planted wherever a program may say them are in none of its outputs: log files, what people
see, tracebacks, reprs, pickles, journal.
"""

import base64
import json
import subprocess
import sys
import urllib.parse
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(90)]

CANARIES = ('cnry-9fQ/2+Lm=x"8\\Zw', "0123456789876543", "p\u00e4sswort w\u00f6rtlich-77")

PROGRAM = """
import base64, io, json, logging, pickle, sys, threading, traceback, urllib.parse
from pathlib import Path

import tectra as tt
from tectra.core.log import LogConfig, carry, init_logging, span
from tectra.core.log_redact import Redactor
from tectra.core.secret import Secret

out, form, *keys = Path(sys.argv[1]), *sys.argv[2:]
secrets = [Secret(key) for key in keys]
config = LogConfig(
    format=form, level="debug", levels={"strategy": "debug"}, file=out / f"{form}.log",
)
log = init_logging(config, secrets=secrets)
logger = logging.getLogger("tectra.canary")


class Chatty(tt.Strategy):
    def on_start(self, ctx):
        self.key = secrets[0]

    def on_book_update(self, ctx, book):
        logging.getLogger("strategy").debug("holding %s and %s", self.key, keys)

    def on_trade(self, ctx, trade): pass
    def on_fill(self, ctx, fill): pass
    def on_timer(self, ctx, timestamp): pass
    def on_params_update(self, params): pass


def raises(key):
    inside = {"api_key": key}
    try:
        raise KeyError(f"no {key}")
    except KeyError as error:
        error.add_note(f"note {key}")
        raise RuntimeError(key, inside) from error


for key, secret in zip(keys, secrets):
    raw = key.encode()
    for text in (key, repr(key), str(raw), json.dumps(key), json.dumps(json.dumps(key)),
                 urllib.parse.quote(key), urllib.parse.quote_plus(key), raw.hex(), raw.hex(":"),
                 base64.b64encode(raw).decode(), base64.urlsafe_b64encode(b"me:" + raw).decode(),
                 f"https://me:{urllib.parse.quote(key, safe='')}@host/?signature={key}",
                 f"Authorization: Bearer {key}"):
        logger.info(text)
        logger.info("%s", text)
        logger.info("x", extra={"said": text, "deep": {"list": [text, {text: text}]}})
        logger.info("x", extra={text: 1})
        logging.getLogger(f"tectra.{text}").warning("x")
        with span(text[:60] if len(text) > 60 else text, trace_id=key, decision_id=key):
            logger.info("x")
    logger.info("%s %r", secret, {"token": secret})
    logger.info("x", extra={"number": int(key) if key.isdigit() else key, "bytes": raw})
    logger.info("x", stack_info=True)
    try:
        raises(key)
    except RuntimeError:
        logger.exception("failed with %s", key)
    thread = threading.Thread(target=carry(raises), args=(key,), name=key)
    thread.start()
    thread.join()

(out / "repr.txt").write_text(repr([secrets, log, Redactor(keys), log._handler.redactor]))
(out / "redactor.pickle").write_bytes(pickle.dumps(Redactor(keys)))
for secret in secrets:
    try:
        pickle.dumps(secret)
    except Exception as error:
        (out / "refusal.txt").write_text("".join(traceback.format_exception(error)))
tt.run_backtest(strategy=Chatty, data=sys.argv[1] + "/../day.gz", symbols=["AAPL"],
                out=out / "run")
raises(keys[0])
"""


def forms(key: str) -> set[bytes]:
    raw = key.encode()
    texts = {key, repr(key)[1:-1], json.dumps(key)[1:-1], json.dumps(json.dumps(key))[3:-3]}
    texts |= {urllib.parse.quote(key), urllib.parse.quote_plus(key), urllib.parse.quote(key, "")}
    texts |= {raw.hex(), raw.hex(":"), str(raw)[2:-1], base64.b64encode(raw).decode().rstrip("=")}
    texts |= {base64.b64encode(b"me:" + raw).decode()[4:].rstrip("=")[:-1]}
    texts |= {t.replace("+", "-").replace("/", "_") for t in list(texts)}
    return {t.encode() for t in texts} | {key.encode("utf-16-le")}


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_no_output_shows_a_key(
    tmp_path: Path, fresh_env: dict[str, str], small_day: Path, form: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "day.gz").symlink_to(small_day)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(out), form, *CANARIES],
        env=fresh_env, capture_output=True, timeout=80,
    )  # fmt: skip
    assert done.returncode == 1 and b"RuntimeError" in done.stderr, done.stderr.decode()[-3000:]
    outputs = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    outputs |= {Path("stdout"): done.stdout, Path("stderr"): done.stderr}
    assert len([p for p in outputs if "journal" in p.parts]) >= 1
    assert outputs[out / f"{form}.log"].count(b"***") > 100
    assert outputs[out / f"{form}.log"].count(b"holding") > 100
    found = [
        f"{path.name}: {form_of!r}"
        for path, data in outputs.items()
        for key in CANARIES
        for form_of in forms(key)
        if form_of in data
    ]
    assert not found, "\n".join(found)


def test_the_search_itself_finds_keys(tmp_path: Path, fresh_env: dict[str, str]) -> None:
    """Without registration the same words do reach a log, so an empty search means something."""
    program = """
import logging, sys
from tectra.core.log import init_logging
with init_logging():
    for key in sys.argv[1:]:
        logging.getLogger("tectra.canary").info("%s", key)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *CANARIES], env=fresh_env, capture_output=True
    )
    assert done.returncode == 0
    for key in CANARIES:
        assert any(form in done.stderr for form in forms(key)), key
