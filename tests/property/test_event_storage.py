"""Full states and deltas lead to the same states, bit for bit, for any nested plain values."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tectra.replay.capture.delta import NOTHING, apply_delta, delta_of, differences
from tectra.replay.capture.event import StateMachineEvent
from tectra.replay.capture.plain import same, share
from tectra.replay.capture.storage import EventStorageMode, pack_events, unpack_events

encode, decode = msgspec.msgpack.encode, msgspec.msgpack.decode

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.integers(-2, 2)
    | st.floats()
    | st.sampled_from([0.0, -0.0, 1.0])
    | st.text(max_size=3)
    | st.binary(max_size=3)
)
plain = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=5)
    ),
    max_leaves=20,
)
states = st.dictionaries(st.sampled_from("abcdef"), plain, max_size=5)


@st.composite
def edited(draw):
    """A value, and one made from it by an edit somewhere inside: what sessions are full of."""
    old = draw(states)
    new = decode(encode(old))
    place = new
    while True:
        inner = [v for v in (place.values() if isinstance(place, dict) else place)
                 if isinstance(v, dict | list)]  # fmt: skip
        if not inner or draw(st.booleans()):
            break
        place = draw(st.sampled_from(inner))
    if isinstance(place, dict):
        key = draw(st.sampled_from("abcdef"))
        if draw(st.booleans()):
            place.pop(key, None)
        else:
            place[key] = draw(plain)
    else:
        del place[: draw(st.integers(0, 2))]
        place.extend(draw(st.lists(plain, max_size=3)))
        if place and draw(st.booleans()):
            place[draw(st.integers(0, len(place) - 1))] = draw(plain)
    return old, new


@given(st.one_of(edited(), st.tuples(plain, plain)))
def test_a_delta_leads_to_the_value_it_was_made_for(pair):
    old, new = pair
    delta = decode(encode(delta_of(old, new)))
    assert encode(apply_delta(old, delta)) == encode(new)
    assert (delta == NOTHING) is (encode(old) == encode(new))
    assert encode(old) == encode(pair[0]), "the value before is not changed"


@given(edited())
def test_sharing_keeps_the_value_and_what_did_not_change(pair):
    old, new = pair
    shared = share(old, new)
    assert encode(shared) == encode(new)
    assert (shared is old) is (encode(old) == encode(new))
    for key, value in shared.items():
        if key in old and encode(old[key]) == encode(value):
            assert value is old[key]


@given(edited())
def test_differences_are_empty_only_between_equal_values(pair):
    old, new = pair
    found = differences(old, new)
    assert bool(found) is not same(old, new)
    assert all(encode(a) != encode(b) or (a is None and b is None) for _, a, b in found) or any(
        path == "" or isinstance(a, dict) for path, a, b in found
    )


@given(st.lists(states, min_size=2, max_size=8), st.sampled_from([1, 2, 3, 100]))
def test_both_modes_reconstruct_the_states(path, interval):
    events = [
        StateMachineEvent(
            sequence=n,
            timestamp=n,
            market_data={"n": n},
            state_before=before,
            transition=[],
            action=[{"x": None}],
            state_after=after,
        )
        for n, (before, after) in enumerate(pairwise(path), start=1)
    ]
    for mode in (EventStorageMode.full(), EventStorageMode.delta(snapshot_interval=interval)):
        blocks = [events[i : i + interval] for i in range(0, len(events), interval)]
        back = [e for block in blocks for e in unpack_events(pack_events(block, mode), mode)]
        assert [encode(e) for e in back] == [encode(e) for e in events], mode
