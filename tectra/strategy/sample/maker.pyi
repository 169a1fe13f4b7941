from collections.abc import Mapping
from typing import Any

from tectra.strategy.compiled import CompiledStrategy

class Maker(CompiledStrategy):
    def wants(self) -> tuple[str, ...]: ...
    def configure(self, params: Mapping[str, Any]) -> None: ...
