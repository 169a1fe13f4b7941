"""The contract: which records exist, their fields and versions, and the generator of the bindings.

Owns schema.xml and what is written from it. Floor 1; pure functions of the file.
"""

from tectra.schema.registry import CONTRACTS, PAYLOADS, REGISTRY, Contract, describe

__all__ = ["CONTRACTS", "PAYLOADS", "REGISTRY", "Contract", "describe"]
