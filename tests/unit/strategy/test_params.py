"""Parameters: every bound, every type, and what is said about a value that is not allowed."""

import numpy as np
import pytest
from engine_scene import Quiet

from tectra.core.errors import ParameterError
from tectra.strategy.compiled import CompiledStrategy
from tectra.strategy.params import Param, check_params, param, parse_params
from tectra.strategy.sample.maker import Maker


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        (param(5, ge=5), (5, 6), (4,)),
        (param(6, gt=5), (6,), (5, 4)),
        (param(5, le=5), (5, -(2**63)), (6,)),
        (param(4, lt=5), (4,), (5,)),
        (param(0.5, ge=0, lt=1), (0.0, 0, 0.999), (1.0, 1, -0.1, 2)),
        (param("a", choices=("a", "b")), ("a", "b"), ("c", "", "A")),
        (param(3, choices=(1, 3)), (1, 3), (2,)),
        (param(True), (True, False), (1, 0, "true")),
    ],
)
def test_bounds(declared: Param, good: tuple, bad: tuple):
    for value in good:
        assert declared.check("x", value) == value
    for value in bad:
        with pytest.raises(ParameterError, match="parameter x: found"):
            declared.check("x", value)


@pytest.mark.parametrize(
    ("default", "value"),
    [
        (1, 1.0),
        (1, "1"),
        (1, True),
        (1, None),
        (1, np.float64(1.0)),
        (1.0, "1"),
        (1.0, True),
        (1.0, None),
        ("a", b"a"),
        ("a", 1),
        (True, 1),
    ],
)
def test_a_value_of_another_type_is_refused(default: object, value: object):
    with pytest.raises(ParameterError, match=r"found .*; allowed: "):
        Param(default).check("x", value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_float_is_finite(value: float):
    with pytest.raises(ParameterError, match="found"):
        param(1.0).check("x", value)
    with pytest.raises(ParameterError, match="found"):
        param(1.0).parse("x", str(value))


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**400])
def test_an_integer_fits_a_record(value: int):
    with pytest.raises(ParameterError, match="64 bits"):
        param(1).check("x", value)
    with pytest.raises(ParameterError, match="found"):
        param(1.0).check("x", value)


def test_an_int_is_taken_for_a_float_and_becomes_one():
    assert type(param(1.0).check("x", 3)) is float


def test_the_default_is_checked_where_it_is_declared():
    with pytest.raises(ParameterError, match="found 1"):
        param(1, ge=2)
    for default in (None, [], b"", 1 + 2j):
        with pytest.raises(ParameterError, match="allowed: int, float, bool or str"):
            param(default)


def test_messages_say_what_is_allowed():
    with pytest.raises(
        ParameterError, match=r"parameter fast: found 0; allowed: int >= 2 and <= 9"
    ):
        param(3, ge=2, le=9).check("fast", 0)
    with pytest.raises(ParameterError, match="one of 'a', 'b'"):
        param("a", choices="ab").check("x", "c")


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        (1, "7", 7),
        (1, "-7", -7),
        (1.0, "2.5", 2.5),
        (1.0, "2", 2.0),
        (True, "no", False),
        (False, "TRUE", True),
        ("a", "x=y", "x=y"),
        ("a", "", ""),
    ],
)
def test_text_from_the_command_line(default: object, text: str, value: object):
    found = parse_params({"p": Param(default)}, [f"p={text}"], "S")
    assert found == {"p": value} and type(found["p"]) is type(value)


@pytest.mark.parametrize("text", ["", "1.5", "x", "0x10", "9" * 5000])
def test_text_that_is_no_integer(text: str):
    with pytest.raises(ParameterError, match="parameter p: found"):
        parse_params({"p": param(1)}, [f"p={text}"], "S")


def test_unknown_names_and_pairs_without_a_value():
    with pytest.raises(ParameterError, match="S: unknown parameter 'b'; allowed: a"):
        check_params({"a": param(1)}, {"b": 1}, "S")
    with pytest.raises(ParameterError, match="declares no parameters"):
        check_params({}, {"b": 1}, "S")
    with pytest.raises(ParameterError, match="name=value"):
        parse_params({"a": param(1)}, ["a"], "S")
    with pytest.raises(ParameterError, match="unknown parameter 'b'"):
        parse_params({"a": param(1)}, ["b=1"], "S")


class Base(Quiet):
    fast: int = param(10, ge=2)


class Derived(Base):
    slow: float = param(30.0)


class Stricter(Derived):
    fast: int = param(20, ge=15)


def test_they_are_attributes_of_the_instance_and_are_inherited():
    made = Derived(fast=3, slow=4)
    assert (made.fast, made.slow) == (3, 4.0)
    assert set(Derived.PARAMS) == {"fast", "slow"} and set(Base.PARAMS) == {"fast"}
    assert Stricter().fast == 20 and Derived().fast == 10
    with pytest.raises(ParameterError, match=r"Stricter|fast"):
        Stricter(fast=3)


def test_a_compiled_strategy_declares_them_the_same_way():
    assert Maker(size=3).params["size"] == 3
    with pytest.raises(ParameterError, match="Maker: unknown parameter 'sise'"):
        Maker(sise=3)
    with pytest.raises(ParameterError, match="found 0"):
        Maker(size=0)
    assert CompiledStrategy().params == {}
