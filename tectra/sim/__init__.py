"""The simulated exchange: fills that can be believed, over the replayed order-by-order book.

Owns: matching of own orders against recorded flow, queue positions, order latency, fees. The rules
are the fill model card at the top of ext/tectra/fill.h. Floor 5: knows book and the Gateway
protocol, no venue and no engine. Threads: an exchange belongs to the thread that applies its book.
"""

from tectra.sim.config import FeeConfig, FilterConfig, LatencyConfig, SimConfig
from tectra.sim.exchange import OpenOrder, SimExchange

__all__ = ["FeeConfig", "FilterConfig", "LatencyConfig", "OpenOrder", "SimConfig", "SimExchange"]
