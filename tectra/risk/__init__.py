"""Pre-trade risk: the rule chain, limits and their presets, the audit trail.

Floor 6. The engine's thread owns a chain; limits and verdicts are values. Nothing reaches a gateway
without the pass that the chain makes (ext/tectra/limits.h, gate.h).
"""

from tectra.risk.audit import AuditTrail, explain
from tectra.risk.chain import (
    LIMIT_UNSET,
    RULE_OFF,
    RULE_ON,
    RiskChain,
    RiskCheck,
    RiskReject,
    Verdict,
    rate_limit,
)
from tectra.risk.context import OrderIntent, RiskContext
from tectra.risk.limits import PRESETS, LimitScope, RiskLimits, apply_limits, unused_names
from tectra.risk.ruleset import LimitsUpdate, RiskProfile, RuleSet, RuleSetManager

__all__ = [
    "LIMIT_UNSET",
    "PRESETS",
    "RULE_OFF",
    "RULE_ON",
    "AuditTrail",
    "LimitScope",
    "LimitsUpdate",
    "OrderIntent",
    "RiskChain",
    "RiskCheck",
    "RiskContext",
    "RiskLimits",
    "RiskProfile",
    "RiskReject",
    "RuleSet",
    "RuleSetManager",
    "Verdict",
    "apply_limits",
    "explain",
    "rate_limit",
    "unused_names",
]
