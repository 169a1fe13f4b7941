"""Configuration of the simulated exchange."""

from decimal import Decimal

import msgspec
import pytest

from tectra.core.errors import InputError
from tectra.sim import FeeConfig, FilterConfig, LatencyConfig, SimConfig


def test_defaults_are_the_documented_ones():
    config = SimConfig()
    assert (config.fees.maker_rate_e7, config.fees.taker_rate_e7) == (-1000, 4000)
    assert (config.latency.entry_ns, config.latency.response_ns) == (100_000, 100_000)
    assert config.queue_model == "l3_fifo"


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        (LatencyConfig, {"entry_ns": -1}, "entry_ns: found -1, allowed 0"),
        (LatencyConfig, {"response_ns": 10**18}, "response_ns: found"),
        (LatencyConfig, {"jitter_ns": -1}, "jitter_ns: found -1"),
        (LatencyConfig, {"seed": -1}, "seed: found -1"),
        (FeeConfig, {"maker_rate": Decimal("0.00000001")}, "steps of 0.0000001"),
        (FeeConfig, {"taker_rate": Decimal("1.1")}, "allowed -1 to 1"),
        (FeeConfig, {"taker_rate": Decimal("NaN")}, "found NaN"),
        (FeeConfig, {"per_unit": 2**63}, "per_unit: found"),
        (FilterConfig, {"tick": 0}, "tick: found 0"),
        (FilterConfig, {"qty_min": 5, "qty_max": 4}, "allowed 0 or at least qty_min 5"),
        (SimConfig, {"queue_model": "guess"}, "found 'guess', allowed 'l3_fifo'"),
        (SimConfig, {"orders_max": 0}, "orders_max: found 0"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(kind, fields, text):
    with pytest.raises(InputError, match=text):
        kind(**fields)


def test_it_loads_from_plain_values_and_names_the_path_of_a_fault():
    plain = {"latency": {"entry_ns": 5}, "fees": {"maker_rate": "-0.0002", "taker_rate": "0.0005"}}
    config = msgspec.convert(plain, SimConfig)
    assert config.latency.entry_ns == 5
    assert config.fees.maker_rate_e7 == -2000
    with pytest.raises(msgspec.ValidationError, match=r"\$\.latency"):
        msgspec.convert({"latency": {"entry_ns": -5}}, SimConfig)
    with pytest.raises(msgspec.ValidationError, match="speed"):
        msgspec.convert({"latency": {"speed": 1}}, SimConfig)
