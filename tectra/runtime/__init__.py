"""The running engine: which classes a configuration stands for. Floor 10."""

from tectra.runtime.adapter import Adapter, adapter_of, adapters

__all__ = ["Adapter", "adapter_of", "adapters"]
