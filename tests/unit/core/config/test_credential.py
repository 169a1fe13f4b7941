"""Secrets: from the environment or a closed file, never from a configuration, never shown."""

import os
import pickle
import traceback

import msgspec
import pytest

from tectra.core.config import load_config
from tectra.core.config.credential import read_credentials, read_secret
from tectra.core.config.document import parse_document
from tectra.core.config.load import load_document
from tectra.core.config.section import DataSourceConfig, ExchangeConfig
from tectra.core.config.source import (
    AlpacaSource,
    BinanceSource,
    BybitSource,
    CoinbaseSource,
    FileSource,
    KrakenSource,
    SimulatedSource,
    exchange_credentials,
    make_source,
)
from tectra.core.errors import ConfigError, CredentialError

CANARY = "c4nary-Zq81-kWv7-Tt02-uYx5"
OTHER = "0ther-hJ3k-9fLm-Qp4r-Nb6s"


def refused(environ, name="KEY"):
    with pytest.raises(CredentialError) as caught:
        read_secret(name, environ, path=("data_source", "alpaca", "api_key_env"))
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value.faults)
    assert CANARY not in text
    assert "data_source.alpaca.api_key_env" in str(caught.value)
    return str(caught.value)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "key"
    path.write_text(CANARY + "\n")
    path.chmod(0o600)
    return path


def test_from_the_environment():
    assert read_secret("KEY", {"KEY": CANARY}).reveal() == CANARY


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_from_a_file_without_its_last_newline(file, end):
    file.write_bytes((CANARY + end).encode())
    assert read_secret("KEY", {"KEY_FILE": str(file)}).reveal() == CANARY


def test_not_set_and_set_twice(file):
    assert "found KEY is not set" in refused({})
    assert "KEY_FILE" in refused({})
    assert "both KEY and KEY_FILE" in refused({"KEY": CANARY, "KEY_FILE": str(file)})


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_a_file_open_to_others(file, mode):
    file.chmod(mode)
    assert f"mode {mode:04o}" in refused({"KEY_FILE": str(file)})


def test_files_that_are_none(file, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(file)
    assert "a symbolic link" in refused({"KEY_FILE": str(link)})
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "not a regular file" in refused({"KEY_FILE": str(pipe)})
    assert "not a regular file" in refused({"KEY_FILE": str(tmp_path)})
    assert "no such file" in refused({"KEY_FILE": str(tmp_path / "no")})
    file.write_bytes(b"x" * 65_537)
    assert "65537 bytes" in refused({"KEY_FILE": str(file)})
    file.write_bytes(b"\xff" * 40)
    assert "no text" in refused({"KEY_FILE": str(file)})


SAMPLES = [
    "SuperSecret1!",
    "somethingrandom",
    "changeme",
    "password123456789",
    "your_api_key_goes_here",
    "YOUR-SECRET-KEY-HERE",
    "insert-your-key-here",
    "xxxxxxxxxxxxxxxxxxxx",
    "aaaaaaaaaaaaaaaaaaaaaa",
    "12345678901234567890",
    "abcdefghijklmnopqrst",
    "qwertyuiopasdfghjkl",
    "example-key-0123456",
    "sample_secret_value_1",
    "placeholder-for-a-key",
    "default-token-value-9",
    "testtesttesttest1",
    "0000000000000000",
    "abab1abab1abab1abab1",
    "letmein-letmein-let",
    "replace_me_before_use",
    "short",
    "",
    "                    ",
    " padded-kWv7-Tt02-uYx5 ",
    "tab\tkWv7-Tt02-uYx5-9q",
    "deadbeefdeadbeef01",
]


@pytest.mark.parametrize("text", SAMPLES)
def test_samples_and_short_ones(text):
    said = refused({"KEY": text})
    assert text.strip() == "" or text not in said


def test_pairs():
    config = ExchangeConfig(api_key_env="A_KEY", secret_key_env="B_KEY")
    found = exchange_credentials("binance", config, {"A_KEY": OTHER, "B_KEY": CANARY})
    assert found.secret_key.reveal() == CANARY
    assert CANARY not in repr(found) + str(found)
    for send in (pickle.dumps, msgspec.json.encode, msgspec.to_builtins):
        with pytest.raises(Exception, match=r"Secret|secret"):
            send(found)
    with pytest.raises(CredentialError, match="the same text in A_KEY and B_KEY"):
        read_credentials("A_KEY", "B_KEY", {"A_KEY": CANARY, "B_KEY": CANARY}, path=())


KEYS = {"APCA_API_KEY_ID": OTHER, "APCA_API_SECRET_KEY": CANARY}


@pytest.mark.parametrize(
    ("kind", "made", "environ"),
    [
        ("binance", BinanceSource, {}),
        ("bybit", BybitSource, {}),
        ("kraken", KrakenSource, {}),
        ("alpaca", AlpacaSource, KEYS),
        ("coinbase", CoinbaseSource, {"COINBASE_API_KEY": OTHER, "COINBASE_SECRET_KEY": CANARY}),
        ("simulated", SimulatedSource, {}),
    ],
)
def test_factory_gives_each_type(kind, made, environ):
    source = make_source(DataSourceConfig(type=kind), environ)
    assert type(source) is made
    if environ:
        assert source.credentials.secret_key.reveal() == CANARY
        assert CANARY not in repr(source)
    elif kind != "simulated":
        assert source.credentials is None


def test_factory_of_a_file():
    with pytest.raises(ConfigError, match=r"data_source\.file\.path: found nothing"):
        make_source(DataSourceConfig(type="file"), {})
    config = load_config(settings=["data_source.type=file", "data_source.file.path=d"], environ={})
    assert make_source(config.config.data_source, {}) == FileSource(
        path="d", format="auto", date=None, speed="max"
    )


@pytest.mark.parametrize(
    ("kind", "environ", "words"),
    [
        ("alpaca", {}, ["data_source.alpaca.api_key_env", "APCA_API_KEY_ID is not set"]),
        ("alpaca", {"APCA_API_KEY_ID": OTHER}, ["secret_key_env", "APCA_API_SECRET_KEY is not"]),
        ("coinbase", {}, ["COINBASE_API_KEY is not set"]),
        ("binance", {"BINANCE_API_KEY": OTHER}, ["BINANCE_SECRET_KEY is not set"]),
        ("kraken", {"KRAKEN_API_KEY": "short", "KRAKEN_SECRET_KEY": CANARY}, ["at least 16"]),
    ],
)
def test_factory_names_what_is_missing(kind, environ, words):
    with pytest.raises(CredentialError) as caught:
        make_source(DataSourceConfig(type=kind), environ)
    assert all(w in str(caught.value) for w in words), str(caught.value)


SECRET_KEYS = ["api_key", "secret", "secret_key", "password", "token", "key", "private_key",
               "api-key", "apikey", "passphrase", "access_key"]  # fmt: skip


@pytest.mark.parametrize("name", SECRET_KEYS)
@pytest.mark.parametrize("where", ["data_source.binance", "exchanges.binance", "engine"])
def test_a_secret_in_a_file_is_refused(name, where):
    text = f'[{where}]\n"{name}" = "{CANARY}"\n'
    if where.startswith("exchanges"):
        text += 'api_key_env = "A_KEY"\nsecret_key_env = "B_KEY"\n'
    with pytest.raises(CredentialError) as caught:
        load_document(parse_document(text, "toml", "c.toml"), environ={})
    said = str(caught.value)
    assert f"c.toml:2: {where}.{name}" in said and "environment" in said and CANARY not in said


@pytest.mark.parametrize(
    "value",
    [CANARY, "PKABCDEFGH1234567890", "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91d"],
)
def test_a_secret_where_the_name_of_a_variable_belongs(value):
    text = f'[data_source.alpaca]\napi_key_env = "{value}"\n'
    with pytest.raises(CredentialError) as caught:
        load_document(parse_document(text, "toml", "c.toml"), environ={})
    assert value not in str(caught.value) + repr(caught.value.faults)
    assert "c.toml:2" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'log.file = "-----BEGIN RSA PRIVATE KEY-----"',
        '[[strategies]]\nname = "a"\nscript = "x.py"\nparameters = {k = "AKIAIOSFODNN7EXAMPLE"}',
        '[[strategies]]\nname = "a"\nscript = "x.py"\nparameters = {api_key = "c4nary"}',
        '[data_source.binance]\nws_url = "wss://user:c4naryc4nary@host/"',
    ],
)
def test_texts_that_are_secrets_by_their_form(text):
    with pytest.raises(CredentialError) as caught:
        load_document(parse_document(text, "toml", "c.toml"), environ={})
    said = str(caught.value)
    assert "c4nary" not in said and "AKIA" not in said and "BEGIN" not in said


def test_secrets_are_not_set_by_the_configurations_own_variables():
    for environ, settings in (
        ({"TECTRA_DATA_SOURCE__BINANCE__API_KEY": CANARY}, []),
        ({}, [f"data_source.binance.secret_key={CANARY}"]),
    ):
        with pytest.raises(CredentialError) as caught:
            load_config(environ=environ, settings=settings)
        assert CANARY not in str(caught.value)
