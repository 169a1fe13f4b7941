"""Every form of a registered value is found, and every value under a telling name masked."""

import base64
import binascii
import html
import json
import pickle
import time
import urllib.parse

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.errors import InputError
from tectra.core.log_redact import Redactor, is_sensitive
from tectra.core.secret import HIDDEN, Secret

KEY = 'kR9+/"x\\é=&4 vN2mQ'


def forms(key: str) -> dict[str, str]:
    """Made by other means than the redactor's, one for each way in which text carries a key."""
    raw = key.encode()
    return {
        "plain": key,
        "json": json.dumps(key)[1:-1],
        "json, utf-8": orjson.dumps(key).decode()[1:-1],
        "repr": repr({key})[2:-2],
        "bytes repr": str(raw)[2:-1],
        "query": urllib.parse.urlencode({"k": key})[2:],
        "path": urllib.parse.quote(key),
        "path, small": "".join(f"%{b:02x}" for b in raw),
        "hex": binascii.hexlify(raw).decode(),
        "HEX": raw.hex().upper(),
        "hex dump": raw.hex(" "),
        "base64": base64.b64encode(raw).decode().rstrip("="),
        "base64, URL": base64.urlsafe_b64encode(raw).decode().rstrip("="),
    }


@pytest.mark.parametrize("form", forms(KEY), ids=str)
def test_each_form_is_masked(form: str) -> None:
    text = forms(KEY)[form]
    said = Redactor([Secret(KEY)]).text(f"before {text} behind")
    assert text not in said and HIDDEN in said
    assert said.startswith("before ") and said.endswith(" behind")


@pytest.mark.parametrize("before", ["", "a", "ab", "user:", "GET /x"])
def test_inside_of_base64_at_each_alignment(before: str) -> None:
    text = base64.b64encode(f"{before}{KEY}:rest".encode()).decode()
    said = Redactor([KEY]).text(f"x {text}")
    core = text[len(base64.b64encode(before.encode())) : -8]
    assert HIDDEN in said and core not in said


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=30))
def test_no_value_is_left(value: str) -> None:
    redactor = Redactor([value])
    for text in forms(value).values():
        said = redactor.text(f"<{text}>")
        assert not redactor.has_secret(said) or value in HIDDEN


def test_lines_of_a_long_key_count_for_themselves() -> None:
    pem = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\nEFAASCBKcwggSjAgEAAoIBAQ\n"
    assert Redactor([pem]).text("| EFAASCBKcwggSjAgEAAoIBAQ") == f"| {HIDDEN}"


def test_the_longer_value_wins() -> None:
    assert Redactor(["abcd", "abcdefgh"]).text("abcdefgh abcd") == f"{HIDDEN} {HIDDEN}"


def test_a_short_value_is_refused_without_being_shown() -> None:
    with pytest.raises(InputError, match="found 3 characters") as caught:
        Redactor(["xyz"])
    assert "xyz" not in str(caught.value)


def test_the_redactor_itself_tells_nothing() -> None:
    redactor = Redactor([KEY])
    assert KEY not in repr(redactor) and KEY.encode() not in pickle.dumps(redactor)


@pytest.mark.parametrize(
    "name",
    ["api_key", "apiKey", "API_SECRET", "X-MBX-APIKEY", "secret", "token", "accessToken",
     "password", "db.password", "Authorization", "Proxy-Authorization", "private_key",
     "passphrase", "KC-API-KEY", "OK-ACCESS-KEY", "signature"],
)  # fmt: skip
def test_telling_names(name: str) -> None:
    assert is_sensitive(name)
    value = "dGVzdA-value-of-it"
    for text in (
        f"{name}={value}", f"{name}: {value}",
        f'{{"{name}": "{value}"}}', f"{{'{name}': '{value}'}}",
        f"x?{name}={value}&y=1", f"{name}=b'{value}'", json.dumps(json.dumps({name: value})),
        f"{name}: Bearer {value}",
    ):  # fmt: skip
        said = Redactor().text(text)
        assert value not in said and HIDDEN in said, text
        assert Redactor().text(said) == said, "masking twice is masking once"


@pytest.mark.parametrize("name", ["key", "keys", "order_id", "tokens", "monkey", "secretary", "px"])
def test_other_names(name: str) -> None:
    assert not is_sensitive(name)
    assert Redactor().text(f"{name}=17, next") == f"{name}=17, next"


def test_what_follows_is_kept() -> None:
    assert Redactor().text("api_key=abc&qty=5 side=buy") == f"api_key={HIDDEN}&qty=5 side=buy"
    assert Redactor().text('{"token":"a\\"b","n":1}') == f'{{"token":"{HIDDEN}","n":1}}'
    assert Redactor().text("wss://me:pw@host/x") == f"wss://me:{HIDDEN}@host/x"
    assert Redactor().text("send Bearer abcdefgh.ij") == f"send Bearer {HIDDEN}"
    assert Redactor().text(html.escape("a=1 & b=2")) == html.escape("a=1 & b=2")


@pytest.mark.parametrize("unit", ["a=", "a", "token=", '"', "://a:", "Bearer ", "token='", "\\"])
def test_cost_is_linear_in_the_text(unit: str) -> None:
    """No text makes the patterns go back and forth: 16 times the text within 64 times the time."""

    def cost(n: int) -> float:
        text = ":=" + unit * n
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            redactor.text(text)
            best = min(best, time.perf_counter() - start)
        return best

    redactor = Redactor([KEY])
    assert cost(32_000) < 64 * cost(2_000) + 0.02
