"""The journal against a list: any mix of sizes, ways to write, rotations and looks in between."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from journal_records import as_slots, digest_model, read_model, record

from tectra.core.msg import DIRECTION, Template
from tectra.journal import JournalReader, JournalWriter, digest_inputs_outputs, verify

TEMPLATES = st.sampled_from(
    [Template.BOOK_ADD, Template.ORDER_EVENT, Template.TRADE, Template.QUOTE, Template.RUN_RESULT]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("one"), TEMPLATES),
        st.tuples(st.just("many"), st.lists(TEMPLATES, max_size=12)),
        st.tuples(st.sampled_from(["rotate", "prepare", "look", "flush"]), st.none()),
    ),
    max_size=25,
)


def look(path: Path, model: list[bytes]) -> None:
    """A reader that opens now sees exactly the model."""
    reader = JournalReader(path)
    assert [bytes(view) for _, view in reader.records()] == model
    assert b"".join(s.tobytes() for s in reader.slots()) == b"".join(model)
    assert reader.record_count == len(model)
    report = verify(path)
    assert report.ok, list(report.lines())
    assert report.records == len(model)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, slots=st.integers(2, 20), first=st.integers(1, 2**40))
def test_writer_and_readers_follow_a_list(
    steps: list[tuple[str, object]], slots: int, first: int
) -> None:
    model: list[bytes] = []
    with tempfile.TemporaryDirectory() as where:
        path = Path(where) / "j"
        with JournalWriter(path, session={"slots": slots}, segment_slots=slots) as writer:
            for step, what in steps:
                if step == "one":
                    model.append(record(first + len(model), what))
                    assert writer.append(model[-1]) == first + len(model) - 1
                elif step == "many":
                    fresh = [record(first + len(model) + i, t) for i, t in enumerate(what)]
                    assert writer.append_many(as_slots(fresh) if fresh else b"") == len(fresh)
                    model += fresh
                elif step == "look":
                    look(path, model)
                else:
                    getattr(writer, step)()
            assert writer.records == len(model)
        look(path, model)
        files = sorted(path.glob("segment-*.ttj"))
        parts = [read_model(p) for p in files]
        assert [r for part, _ in parts for r in part] == model
        assert all(closed for _, closed in parts)
        found = digest_inputs_outputs(JournalReader(path))
        outputs = [r for r in model if DIRECTION[Template(r[2])] == "output"]
        assert found.outputs == digest_model(b"".join(outputs))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_damage_is_found_and_nothing_wrong_is_read(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(TEMPLATES, min_size=1, max_size=40))
    model = [record(i, t) for i, t in enumerate(kinds, 1)]
    with tempfile.TemporaryDirectory() as where:
        path = Path(where) / "j"
        with JournalWriter(path, session={}, segment_slots=16) as writer:
            writer.append_many(as_slots(model))
        victim = data.draw(st.sampled_from(sorted(path.glob("*.ttj"))))
        body = bytearray(victim.read_bytes())
        start = data.draw(st.integers(0, len(body) - 1))
        length = data.draw(st.integers(1, 200))
        fresh = data.draw(st.binary(min_size=length, max_size=length))
        before = bytes(body)
        body[start : start + length] = fresh
        if bytes(body) == before:
            return
        victim.write_bytes(body)
        assert not verify(path).ok
        reader = JournalReader(path, strict=False)
        got = [bytes(view) for _, view in reader.records()]
        assert got == model[: len(got)]
