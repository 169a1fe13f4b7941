from typing import NoReturn, final

from typing_extensions import Buffer

from tectra.engine.state import EngineState

@final
class Pipeline(EngineState):
    def step_record(self, record: Buffer) -> None: ...
    def fail(self, error: BaseException) -> NoReturn: ...
    def fault(self, error: BaseException) -> BaseException: ...
