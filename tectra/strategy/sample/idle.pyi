from tectra.strategy.compiled import CompiledStrategy

class Idle(CompiledStrategy):
    total: int
    def wants(self) -> tuple[str, ...]: ...
