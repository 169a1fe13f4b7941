"""A secret shows itself to nobody but who asks by name."""

import copy
import json
import logging
import pickle
import traceback
from pprint import pformat

import msgspec
import orjson
import pytest

from tectra.core.errors import InputError, StateError
from tectra.core.secret import HIDDEN, Secret

CANARY = "canary-7f3a9c-Zq81"


class Holder(msgspec.Struct, frozen=True):
    key: Secret
    name: str = "binance"


def test_reveal():
    assert Secret(CANARY).reveal() == CANARY
    assert not Secret("") and Secret("x")


@pytest.mark.parametrize(
    "show",
    [
        repr, str, pformat, ascii, "{}".format, "{:>40}".format, "{!r}".format, "{!s:.9}".format,
        lambda s: f"{s}", "%r".__mod__, lambda s: str([s]), lambda s: str({"k": s}),
        lambda s: repr(Holder(s)), lambda s: json.dumps({"k": s}, default=str),
        lambda s: orjson.dumps({"k": s}, default=str).decode(), lambda s: str(dir(s)),
    ],
)  # fmt: skip
def test_no_text_shows_it(show):
    assert CANARY not in show(Secret(CANARY))


@pytest.mark.parametrize(
    "send",
    [json.dumps, orjson.dumps, msgspec.json.encode, msgspec.msgpack.encode, msgspec.to_builtins,
     lambda h: pickle.dumps(h, 0), lambda h: pickle.dumps(h, 5), lambda h: pickle.dumps(h, 2)],
)  # fmt: skip
def test_no_encoder_takes_it(send):
    for what in (Secret(CANARY), Holder(Secret(CANARY))):
        with pytest.raises((TypeError, StateError, ValueError)) as caught:
            send(what)
        assert CANARY not in str(caught.value)


def test_no_dictionary_no_state_no_change():
    secret = Secret(CANARY)
    with pytest.raises(TypeError):
        vars(secret)
    with pytest.raises(StateError):
        secret.__getstate__()
    with pytest.raises(StateError):
        secret.text = "other"
    with pytest.raises(StateError):
        del secret.text
    with pytest.raises(TypeError):
        hash(secret)
    with pytest.raises(InputError):
        type("Loud", (Secret,), {})
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"k": secret})["k"] is secret


def test_equality():
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret(CANARY) != CANARY
    assert Secret("ключ") == Secret("ключ")


def test_logs_and_tracebacks(caplog):
    secret = Secret(CANARY)
    with caplog.at_level(logging.INFO):
        logging.getLogger("x").info("key %s, holder %r", secret, Holder(secret))
    assert CANARY not in caplog.text and HIDDEN in caplog.text
    try:
        raise InputError(f"refused {secret!r}")
    except InputError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        assert CANARY not in "".join(shown.format())


def test_only_text():
    with pytest.raises(InputError, match="found bytes; allowed: str"):
        Secret(b"x")
