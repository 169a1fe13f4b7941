"""The C arithmetic of fixed.h, called as C would, against Python integers."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).resolve().parents[2]
LOW, HIGH = -(1 << 63), (1 << 63) - 1
OK, OVERFLOW, RANGE, CORRUPT, DIVISION = 0, -3, -4, -11, -19
int64s = st.integers(LOW, HIGH) | st.integers(-100, 100) | st.sampled_from([LOW, HIGH, 0, 1, -1])

SOURCE = """
#include <tectra/bytes.h>
#include <tectra/fixed.h>
int add64(int64_t a, int64_t b, int64_t *o) { return tt_add64(a, b, o); }
int sub64(int64_t a, int64_t b, int64_t *o) { return tt_sub64(a, b, o); }
int mul64(int64_t a, int64_t b, int64_t *o) { return tt_mul64(a, b, o); }
int notional(int64_t a, int64_t b, int64_t *o) { return tt_notional(a, b, o); }
int mul_div64(int64_t a, int64_t b, int64_t c, int64_t *o, int r)
{
    return tt_mul_div64(a, b, c, o, r);
}
int rescale(int64_t m, int f, int t, int r, int64_t *o) { return tt_rescale(m, f, t, r, o); }
int parse(const char *s, size_t n, int e, int64_t *o) { return tt_parse_decimal(s, n, e, o); }
void put_all(uint8_t *p, uint64_t v)
{
    tt_put_be16(p, (uint16_t)v);
    tt_put_be32(p + 2, (uint32_t)v);
    tt_put_be48(p + 6, v);
    tt_put_be64(p + 12, v);
}
uint64_t get(const uint8_t *p, int bits)
{
    return bits == 16 ? tt_be16(p) : bits == 32 ? tt_be32(p) : bits == 48 ? tt_be48(p) : tt_be64(p);
}
"""

pytestmark = pytest.mark.native


@pytest.fixture(scope="module")
def c(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    compiler = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: set CC, or install gcc")
    where = tmp_path_factory.mktemp("fixed")
    source, library = where / "fixed.c", where / "fixed.so"
    source.write_text(SOURCE)
    flags = ["-std=c11", "-O2", "-DTECTRA_DEBUG", "-shared", "-fPIC", f"-I{ROOT / 'ext'}"]
    subprocess.run([compiler, *flags, str(source), "-o", str(library)], check=True)
    return ctypes.CDLL(str(library))


def call(function: Callable[..., int], *args: int) -> tuple[int, int]:
    out = ctypes.c_int64(77)
    rc = function(*(ctypes.c_int64(a) for a in args), ctypes.byref(out))
    return rc, out.value


def rounded(exact: Fraction, rounding: int) -> int:
    down = int(exact)
    if exact == down:
        return down
    away = down + (1 if exact > 0 else -1)
    half = abs(exact - down) - Fraction(1, 2)
    floor, ceil = min(down, away), max(down, away)
    nearest_up = away if half >= 0 else down
    nearest_even = away if half > 0 or (half == 0 and down % 2) else down
    return (down, away, floor, ceil, nearest_even, nearest_up)[rounding]


def expected(exact: int) -> tuple[int, int]:
    return (OK, exact) if LOW <= exact <= HIGH else (OVERFLOW, 77)


@given(int64s, int64s)
def test_checked_sums_and_products(c, a, b):
    assert call(c.add64, a, b) == expected(a + b)
    assert call(c.sub64, a, b) == expected(a - b)
    assert call(c.mul64, a, b) == expected(a * b)
    assert call(c.notional, a, b) == expected(a * b)


@given(int64s, int64s, int64s, st.integers(0, 5))
def test_mul_div(c, a, b, d, rounding):
    out = ctypes.c_int64(77)
    args = (ctypes.c_int64(a), ctypes.c_int64(b), ctypes.c_int64(d), ctypes.byref(out), rounding)
    found = (c.mul_div64(*args), out.value)
    assert found == ((DIVISION, 77) if d == 0 else expected(rounded(Fraction(a * b, d), rounding)))


@given(st.integers(-1000, 1000), st.integers(1, 50), st.sampled_from([1, -1]), st.integers(0, 5))
def test_ties(c, n, half, sign, rounding):
    """n + 1/2, which random operands hardly ever give."""
    out = ctypes.c_int64(77)
    args = [ctypes.c_int64(v) for v in (2 * n + 1, half, sign * 2 * half)]
    assert c.mul_div64(*args, ctypes.byref(out), rounding) == OK
    assert out.value == rounded(sign * Fraction(2 * n + 1, 2), rounding)
    assert c.rescale(ctypes.c_int64(10 * n + 5), -1, 0, rounding, ctypes.byref(out)) == OK
    assert out.value == rounded(Fraction(10 * n + 5, 10), rounding)


def test_unknown_rounding_is_refused(c):
    out = ctypes.c_int64(77)
    one = ctypes.c_int64(1)
    assert c.mul_div64(one, one, one, ctypes.byref(out), 6) == RANGE
    assert c.rescale(one, 0, 1, -1, ctypes.byref(out)) == RANGE
    assert out.value == 77


@given(int64s, st.integers(-40, 40), st.integers(-40, 40), st.integers(0, 5))
def test_rescale(c, mantissa, have, want, rounding):
    out = ctypes.c_int64(77)
    rc = c.rescale(ctypes.c_int64(mantissa), have, want, rounding, ctypes.byref(out))
    exact = mantissa * Fraction(10) ** (have - want)
    assert (rc, out.value) == expected(rounded(exact, rounding))


@given(
    st.from_regex(r"[+-]?[0-9]{1,20}(\.[0-9]{0,20})?([eE]-?[0-9]{1,2})?", fullmatch=True),
    st.integers(-18, 3),
)
def test_parse_decimal(c, text, exponent):
    out = ctypes.c_int64(77)
    raw = text.encode()
    rc = c.parse(raw, ctypes.c_size_t(len(raw)), exponent, ctypes.byref(out))
    exact = Fraction(Decimal(text)) / Fraction(10) ** exponent
    if exact.denominator != 1:
        assert rc in (RANGE, OVERFLOW)
    else:
        assert (rc, out.value) == expected(int(exact))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        ".",
        "1.2.3",
        "1e",
        "1e+",
        "1e12345",
        "0x1",
        "1 ",
        " 1",
        "nan",
        "--1",
        "1" + "0" * 5000,
    ],
)
def test_parse_refuses(c, text):
    out = ctypes.c_int64(77)
    raw = text.encode()
    assert c.parse(raw, ctypes.c_size_t(len(raw)), -2, ctypes.byref(out)) == CORRUPT
    assert out.value == 77


@given(st.integers(0, (1 << 64) - 1))
def test_big_endian(c, v):
    out = (ctypes.c_uint8 * 20)()
    c.put_all(out, ctypes.c_uint64(v))
    raw = bytes(out)
    spans = {16: raw[:2], 32: raw[2:6], 48: raw[6:12], 64: raw[12:20]}
    c.get.restype = ctypes.c_uint64
    at = {16: 0, 32: 2, 48: 6, 64: 12}
    for bits, part in spans.items():
        assert int.from_bytes(part, "big") == v & ((1 << bits) - 1)
        base = ctypes.addressof(out) + at[bits]
        assert c.get(ctypes.c_void_p(base), bits) == v & ((1 << bits) - 1)
