"""From `[data_source]` to a checked description of the source: what an adapter needs to start."""

import os
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from tectra.core.config.credential import Credentials, read_credentials
from tectra.core.config.fault import Fault, error_of
from tectra.core.config.section.data_source import DataSourceConfig, VenueSourceConfig
from tectra.core.config.section.exchange import ExchangeConfig

__all__ = [
    "AlpacaSource",
    "BinanceSource",
    "BybitSource",
    "CoinbaseSource",
    "FileSource",
    "KrakenSource",
    "SimulatedSource",
    "Source",
    "VenueSource",
    "exchange_credentials",
    "make_source",
]


class VenueSource(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Market data of a venue; `credentials` is None where its public data needs none."""

    testnet: bool
    ws_url: str | None
    rest_url: str | None
    credentials: Credentials | None


class BinanceSource(VenueSource, frozen=True, kw_only=True, eq=False):
    """Binance. Public data; keys are taken where they are set."""


class BybitSource(VenueSource, frozen=True, kw_only=True, eq=False):
    """Bybit. Public data; keys are taken where they are set."""


class CoinbaseSource(VenueSource, frozen=True, kw_only=True, eq=False):
    """Coinbase. The level 2 channel asks for keys."""


class KrakenSource(VenueSource, frozen=True, kw_only=True, eq=False):
    """Kraken. Public data; keys are taken where they are set."""


class AlpacaSource(VenueSource, frozen=True, kw_only=True, eq=False):
    """Alpaca. Every channel asks for keys."""


class SimulatedSource(msgspec.Struct, frozen=True, kw_only=True):
    """A synthetic market."""

    seed: int
    messages: int


class FileSource(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded day."""

    path: str
    format: str
    date: str | None
    speed: float | Literal["max"]


Source = VenueSource | SimulatedSource | FileSource

_VENUES: Final[dict[str, type[VenueSource]]] = {
    "alpaca": AlpacaSource,
    "binance": BinanceSource,
    "bybit": BybitSource,
    "coinbase": CoinbaseSource,
    "kraken": KrakenSource,
}
_KEYS_REQUIRED: Final = frozenset({"alpaca", "coinbase"})


def _credentials(
    venue: str, config: VenueSourceConfig, environ: Mapping[str, str]
) -> Credentials | None:
    names = (config.api_key_env, config.secret_key_env)
    path = ("data_source", venue)
    for key, name in zip(("api_key_env", "secret_key_env"), names, strict=True):
        if name is None and venue in _KEYS_REQUIRED:
            fault = Fault(
                path=(*path, key), found="nothing", allowed="the name of a variable",
                fix=f"{venue} asks for keys: name the variable", kind="credential",
            )  # fmt: skip
            raise error_of([fault])
    api_key, secret_key = names
    if api_key is None or secret_key is None:
        return None
    set_any = any(n in environ or f"{n}_FILE" in environ for n in (api_key, secret_key))
    if venue not in _KEYS_REQUIRED and not set_any:
        return None
    return read_credentials(api_key, secret_key, environ, path=path)


def make_source(config: DataSourceConfig, environ: Mapping[str, str] | None = None) -> Source:
    """The chosen source, with its credentials read and checked.

    CredentialError names the key and the variable where a source that needs keys has none, or
    where only half of a pair is set. ConfigError where a file source names no file.
    """
    environ = os.environ if environ is None else environ
    if config.type == "simulated":
        return SimulatedSource(seed=config.simulated.seed, messages=config.simulated.messages)
    if config.type == "file":
        file = config.file
        if file.path is None:
            fault = Fault(
                path=("data_source", "file", "path"), found="nothing",
                allowed="a file, where type is file", fix="name the file",
            )  # fmt: skip
            raise error_of([fault])
        return FileSource(path=file.path, format=file.format, date=file.date, speed=file.speed)
    section: VenueSourceConfig = getattr(config, config.type)
    return _VENUES[config.type](
        testnet=section.testnet,
        ws_url=section.ws_url,
        rest_url=section.rest_url,
        credentials=_credentials(config.type, section, environ),
    )


def exchange_credentials(
    venue: str, config: ExchangeConfig, environ: Mapping[str, str] | None = None
) -> Credentials:
    """Keys of an exchange account; CredentialError where they are missing or weak."""
    path = ("exchanges", venue)
    return read_credentials(config.api_key_env, config.secret_key_env, environ, path=path)
