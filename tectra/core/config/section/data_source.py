"""`[data_source]`: where market data comes from."""

from typing import Annotated, Literal

from tectra.core.config.key import DATE, ENV_NAME, URL, flag, number, text
from tectra.core.config.section.base import Section

__all__ = [
    "DataSourceConfig",
    "FileSourceConfig",
    "SimulatedSourceConfig",
    "SourceType",
    "Venue",
    "VenueSourceConfig",
]

Venue = Literal["binance", "bybit", "coinbase", "kraken", "alpaca"]
SourceType = Literal["binance", "bybit", "coinbase", "kraken", "alpaca", "simulated", "file"]


class VenueSourceConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Market data of a venue. Keys stay in the environment; here stand the variables' names."""

    api_key_env: Annotated[
        str | None, text("Variable that holds the API key.", ENV_NAME, longest=64)
    ] = None
    secret_key_env: Annotated[
        str | None, text("Variable that holds the secret key.", ENV_NAME, longest=64)
    ] = None
    testnet: Annotated[bool, flag("Use the venue's test network.")] = False
    ws_url: Annotated[
        str | None, text("Address of the stream, where it is not the venue's own.", URL)
    ] = None
    rest_url: Annotated[
        str | None, text("Address of the requests, where it is not the venue's own.", URL)
    ] = None


class SimulatedSourceConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A synthetic market, the same bits for the same seed."""

    seed: Annotated[int, number("seed", 0, (1 << 62) - 1, "Seed of the market.")] = 7
    messages: Annotated[int, number("messages", 1, 1_000_000_000, "Messages of the whole day.")] = (
        1_000_000
    )


class FileSourceConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recorded day."""

    path: Annotated[str | None, text("File to read, relative to directories.root.")] = None
    format: Annotated[
        Literal["auto", "itch", "parquet", "csv", "journal"], flag("Form of the file.")
    ] = "auto"
    date: Annotated[
        str | None, text("Trade date, where the file's name has none.", DATE, longest=10)
    ] = None
    speed: Annotated[
        float | Literal["max"],
        number("times real time", 0, 1_000_000, "Pace of the file; max does not wait.", above=0),
    ] = "max"


class DataSourceConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The source of market data, and one section for each source that can be chosen."""

    type: Annotated[SourceType, flag("The source that is used.")] = "simulated"
    binance: VenueSourceConfig = VenueSourceConfig(
        api_key_env="BINANCE_API_KEY", secret_key_env="BINANCE_SECRET_KEY"
    )
    bybit: VenueSourceConfig = VenueSourceConfig(
        api_key_env="BYBIT_API_KEY", secret_key_env="BYBIT_SECRET_KEY"
    )
    coinbase: VenueSourceConfig = VenueSourceConfig(
        api_key_env="COINBASE_API_KEY", secret_key_env="COINBASE_SECRET_KEY"
    )
    kraken: VenueSourceConfig = VenueSourceConfig(
        api_key_env="KRAKEN_API_KEY", secret_key_env="KRAKEN_SECRET_KEY"
    )
    alpaca: VenueSourceConfig = VenueSourceConfig(
        api_key_env="APCA_API_KEY_ID", secret_key_env="APCA_API_SECRET_KEY"
    )
    simulated: SimulatedSourceConfig = SimulatedSourceConfig()
    file: FileSourceConfig = FileSourceConfig()
