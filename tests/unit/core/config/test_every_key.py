"""Every key of every section with everything that can be wrong with it: refused, with the path,
what was found, what is allowed, and the line.
"""

from collections import Counter

import pytest
from config_cases import Case, Writer, cases, document, keys

from tectra.core.config.document import parse_document
from tectra.core.config.fault import Fault, path_text
from tectra.core.config.load import load_document
from tectra.core.errors import ConfigError

KEYS = list(keys())
IDS = [path_text(path) for path, _ in KEYS]
FORMS = ("toml", "json", "yaml")


def load(form: str, writer: Writer, environ: dict[str, str]) -> None:
    load_document(parse_document(writer.text, form, f"c.{form}"), environ=environ)


def in_form(case: Case, form: str) -> Writer:
    """The document; JSON has its own words for what is no number."""
    writer = Writer(form, case.values, case.twice)
    if form == "json":
        words = {"NaN": ("nan", "NaN"), "infinity": ("inf", "Infinity")}
        if case.what in words:
            writer.text = writer.text.replace(
                f": {words[case.what][0]}", f": {words[case.what][1]}"
            )
    return writer


@pytest.mark.parametrize(("path", "key"), KEYS, ids=IDS)
def test_a_right_value_is_taken(path, key):
    for form in FORMS:
        writer = Writer(form, document(path, key))
        found = parse_document(writer.text, form, "x")
        assert found.lines[path] == writer.lines[path]
        load(form, writer, {})


@pytest.mark.parametrize(("path", "key"), KEYS, ids=IDS)
def test_every_fault_is_refused(path, key):
    for case in cases(path, key):
        for form in case.forms:
            writer = in_form(case, form)
            with pytest.raises(ConfigError) as caught:
                load(form, writer, case.environ)
            where = f"{case.what} in {form}: {caught.value}"
            (fault,) = caught.value.faults
            assert isinstance(fault, Fault)
            assert fault.path == case.path, where
            assert fault.found.startswith(case.found), where
            assert fault.allowed == case.allowed, where
            assert case.says in fault.fix, where
            if case.source:
                assert fault.source == case.source, where
                continue
            assert fault.source == f"c.{form}", where
            want = writer.lines[case.at] if case.at in writer.lines else writer.lines[path]
            assert fault.line == want + bool(case.twice), f"line {want}; {where}"
            said = str(caught.value)
            assert f"{fault.source}:{fault.line}: {path_text(case.path)}: found " in said


def test_how_many_there_are(capsys):
    """The matrix is as large as it says: no kind of fault and no key is left out unseen."""
    count = Counter(case.what for path, key in KEYS for case in cases(path, key))
    with capsys.disabled():
        print(f"\nconfiguration: {len(KEYS)} keys, {sum(count.values())} faults: {dict(count)}")
    assert len(KEYS) >= 220
    assert sum(count.values()) >= 2_000
    every = len(KEYS)
    for what in ("null", "NaN", "unknown key", "duplicate", "environment typo"):
        assert count[what] == every, what
    numbers = sum(key.kind in ("int", "float", "decimal") for _, key in KEYS)
    assert numbers >= 115
    assert count["bool for a number"] == numbers
    assert count["wrong type"] >= every
    assert count["negative"] >= numbers
    assert count["huge"] >= 2 * numbers
    assert count["missing"] == sum(key.required for _, key in KEYS) >= 8
    assert count["wrong unit"] >= 100
