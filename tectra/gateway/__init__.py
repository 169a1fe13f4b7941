"""How the engine reaches a venue: the Gateway protocol.

Owns: the protocol that live gateways and the simulated exchange both satisfy. Floor 4: core,
schema, refdata, journal, book, feed below it. Threads: a gateway is used by the one thread that
owns it.
"""

from tectra.gateway.protocol import Gateway, RecordLike

__all__ = ["Gateway", "RecordLike"]
