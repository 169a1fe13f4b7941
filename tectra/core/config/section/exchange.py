"""`[exchanges.NAME]`: where orders go."""

from typing import Annotated, ClassVar

from tectra.core.config.key import ENV_NAME, URL, flag, number, text
from tectra.core.config.section.base import Section
from tectra.core.config.section.limiter import VenueLimiterConfig

__all__ = ["ExchangeConfig"]


class ExchangeConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exchange account. Keys stay in the environment; here stand the variables' names."""

    LIVE: ClassVar[frozenset[str]] = frozenset({"reconcile_interval_ms"})

    api_key_env: Annotated[str, text("Variable that holds the API key.", ENV_NAME, longest=64)]
    secret_key_env: Annotated[
        str, text("Variable that holds the secret key.", ENV_NAME, longest=64)
    ]
    testnet: Annotated[bool, flag("Use the venue's test network.")] = True
    rest_url: Annotated[
        str | None, text("Address of the requests, where it is not the venue's own.", URL)
    ] = None
    ws_url: Annotated[
        str | None, text("Address of the stream, where it is not the venue's own.", URL)
    ] = None
    receive_window_ms: Annotated[
        int, number("ms", 1, 60_000, "How old a signed request may be at the venue.")
    ] = 5_000
    request_timeout_ms: Annotated[
        int, number("ms", 1, 120_000, "Longest wait for an answer; then the order is UNKNOWN.")
    ] = 10_000
    reconcile_interval_ms: Annotated[
        int, number("ms", 1_000, 3_600_000, "Time between two reconciliations.")
    ] = 30_000
    limiter: VenueLimiterConfig = VenueLimiterConfig()
