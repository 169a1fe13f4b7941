"""Whatever a configuration says, it is taken or refused as one: no other exception, no half."""

from decimal import Decimal
from pathlib import Path

import pytest
from config_cases import Writer, document, keys
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.config.change import changes_between, read_changes, to_records
from tectra.core.config.document import FORMATS, Document, parse_document, read_document
from tectra.core.config.fault import Fault
from tectra.core.config.key import keys_of
from tectra.core.config.load import Loaded, flatten, load_document
from tectra.core.config.override import env_name, leaf_keys
from tectra.core.config.section import Config
from tectra.core.errors import ConfigError
from tectra.core.record import decode

pytest.importorskip("yaml")

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples" / "config").iterdir())
NAMES = sorted({str(p) for path, _ in leaf_keys() for p in path} | set(keys_of(Config)))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.decimals(allow_nan=True, allow_infinity=True)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["live", "paper", "binance", "historical", "BTCUSDT", "max", "A_KEY", "1ms"])
)
TREES = st.dictionaries(
    st.sampled_from(NAMES) | st.text(max_size=4),
    st.recursive(
        SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=4), inner, max_size=4)
        ),
        max_leaves=12,
    ),
    max_size=5,
)


def outcome(doc, **more) -> Loaded | None:
    """What was loaded, or None where it was refused with proper faults."""
    try:
        return load_document(doc, **{"environ": {}, **more})
    except ConfigError as error:
        faults = error.faults
    assert faults
    for fault in faults:
        assert isinstance(fault, Fault)
        assert fault.found and fault.allowed
    return None


@given(TREES)
def test_any_tree(values):
    outcome(Document(name="c", values=values))


@given(st.sampled_from(EXAMPLES), st.data())
def test_samples_with_a_line_changed(path, data):
    lines = path.read_text().split("\n")
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        kind = data.draw(st.sampled_from(["drop", "twice", "cut", "swap", "junk"]))
        if kind == "drop":
            del lines[at]
        elif kind == "twice":
            lines.insert(at, lines[at])
        elif kind == "cut":
            lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
        elif kind == "swap":
            other = data.draw(st.integers(0, len(lines) - 1))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            lines[at] += data.draw(st.text(max_size=5))
        lines = lines or [""]
    text = "\n".join(lines)
    found = outcome(parse_document(text, FORMATS[path.suffix], path.name))
    if found is not None:
        assert flatten(found.config)


@given(st.sampled_from(list(keys())), st.text(max_size=12), st.booleans())
def test_any_text_in_a_variable_or_setting(case, written, variable):
    path, key = case
    writer = Writer("toml", document(path, key))
    doc = parse_document(writer.text, "toml", "c")
    dotted = ".".join(map(str, path))
    more = {"environ": {env_name(path): written}} if variable else {
        "settings": [f"{dotted}={written}"]}  # fmt: skip
    found = outcome(doc, **more)
    if found is not None and key.kind not in ("table", "free"):
        origin = found.origin_of(path)
        assert origin.layer == ("environment" if variable else "command line")


VALUES = st.tuples(
    st.decimals(Decimal("0.0001"), Decimal(1000), places=4),
    st.integers(1, 60_000),
    st.sampled_from(["breaker", "reject"]),
)


@given(VALUES, VALUES)
def test_changes_tell_exactly_what_differs(before, after):
    def made(values) -> Config:
        qty, interval, breach = values
        text = (
            f"risk.max_order_qty = {qty}\nrecorder.flush_interval_ms = {interval}\n"
            f'risk.on_breach = "{breach}"\n'
        )
        return load_document(parse_document(text, "toml", "c"), environ={}).config

    old, new = made(before), made(after)
    changes = changes_between(old, new)
    wanted = sum(a != b for a, b in zip(before, after, strict=True))
    assert len(changes) == wanted
    records = to_records(changes, revision=1, ts_ns=1, operator="x")
    told = {c["path"]: c["new"] for c in read_changes(map(decode, records))}
    state = flatten(new)
    for change in changes:
        name = ".".join(map(str, change.path))
        assert str(told[name]) == str(state[change.path])
    assert all(flatten(old)[p] == v for p, v in state.items() if ".".join(map(str, p)) not in told)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_samples_are_untouched_by_the_way(path):
    assert outcome(read_document(path)) is not None
