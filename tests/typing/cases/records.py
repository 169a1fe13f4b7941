# What a user's type checker sees of the records: each comment is compared with mypy's answer.
from tectra.core import msg
from tectra.paths import get_include, sample_day
from tectra.schema import PAYLOADS, REGISTRY, describe

reveal_type(msg.Side.BUY)  # Literal[tectra.core.msg.Side.BUY]?
reveal_type(msg.DIRECTION[msg.Template.QUOTE])  # str
reveal_type(msg.SCHEMA_VERSION)  # int
reveal_type(get_include())  # str
reveal_type(sample_day())  # pathlib.Path
reveal_type(describe("quote"))  # dict[str, tuple[str, int, int]]
reveal_type(PAYLOADS)  # dict[str, tuple[str, ...]]
reveal_type(REGISTRY["quote"].size)  # int
msg.Side.BOTH  # error: attr-defined
describe(7)  # error: arg-type
