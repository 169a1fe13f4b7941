"""Return codes and the exception tree."""

import inspect
import re
from pathlib import Path

import pytest

from tectra.core import errors
from tectra.core.rc import CODES, check

BASE_H = Path(__file__).resolve().parents[3] / "ext" / "tectra" / "base.h"
IN_HEADER = {
    name: int(code) for name, code in re.findall(r"TT_E_(\w+) = (-\d+)", BASE_H.read_text())
}


def test_every_code_of_the_header_has_its_exception():
    assert {name: code for code, (name, _, _) in CODES.items()} == IN_HEADER


@pytest.mark.parametrize(("name", "code"), IN_HEADER.items())
def test_code_raises(name, code):
    with pytest.raises(errors.TectraError) as caught:
        check(code, "reading x")
    assert type(caught.value) is CODES[code][1]
    assert str(caught.value).startswith("reading x: ")
    assert str(caught.value).endswith(f"(TT_E_{name})")
    with pytest.raises(errors.TectraError, match=f"TT_E_{name}"):
        check(code)


def test_counts_pass_and_unlisted_codes_raise():
    assert [check(n) for n in (0, 1, 77)] == [0, 1, 77]
    with pytest.raises(errors.TectraError, match="unlisted"):
        check(-999)


def test_the_tree_is_drawn_as_it_is():
    """Each line of the drawing is a class, and hangs below the class that the drawing says."""
    drawn, stack = {}, []
    for line in errors.__doc__.splitlines():
        match = re.match(r"([│├└─ ]*)(\w+)", line)
        if not match or not hasattr(errors, match[2]):
            continue
        depth = len(match[1]) // 4
        del stack[depth:]
        drawn[match[2]] = stack[-1] if stack else None
        stack.append(match[2])
    classes = {
        n: c for n, c in vars(errors).items() if inspect.isclass(c) and issubclass(c, Exception)
    }
    assert set(drawn) == set(classes) == set(errors.__all__)
    for name, parent in drawn.items():
        if parent:
            assert classes[parent] in classes[name].__bases__
    builtins = re.findall(r"(\w+) \((\w+)\)", errors.__doc__)
    assert builtins
    for name, base in builtins:
        assert issubclass(classes[name], getattr(__import__("builtins"), base))
