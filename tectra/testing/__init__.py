"""What users test their own strategies with: the whole platform simulated from a seed, with faults.
Floor 11; one thread a simulation.

`simulation` is the world and its time, `market` and `venue` the outside, `fault` what goes wrong,
`trader` the platform under test, `crash` what a crash leaves, `oracle` and `proof` what must hold.
"""

from tectra.testing.fault import Fault, FaultCounts, Faults
from tectra.testing.simulation import STRATEGIES, SimulationReport, simulate
from tectra.testing.strategy import Restless

__all__ = [
    "STRATEGIES",
    "Fault",
    "FaultCounts",
    "Faults",
    "Restless",
    "SimulationReport",
    "simulate",
]
