"""Every key of a generated document is found on its line, and every line has its key."""

import json
import tomllib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tectra.core.config.document import parse_document
from tectra.core.config.json_lines import json_lines
from tectra.core.config.toml_lines import toml_lines

yaml = pytest.importorskip("yaml")

KEYS = st.text("abz09_-", min_size=1, max_size=4) | st.sampled_from(
    ["a.b", "a b", 'q"q', "#", "[x]", "ключ", "=", "'", "{", "\\", "true", ""]
)
TEXTS = st.text(max_size=8) | st.sampled_from(['"""', "'''", "[a]", "x = 1 # y", "a\nb\n\nc", "}"])
SCALARS = (
    st.integers(-(10**9), 10**9)
    | st.booleans()
    | st.floats(-1e6, 1e6).map(lambda f: round(f, 3))
    | TEXTS
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=6)


def paths(values, at=()):
    if isinstance(values, dict):
        for name, value in values.items():
            yield (*at, name)
            yield from paths(value, (*at, name))
    elif isinstance(values, list):
        for i, value in enumerate(values):
            yield (*at, i)
            yield from paths(value, (*at, i))


def text_of(draw, value: str) -> str:
    """A TOML text in one of its four forms, where the form can hold it."""
    plain = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    forms = [plain]
    clean = all(c == "\n" or (c >= " " and c != "\x7f") for c in value)
    if clean and "'" not in value and "\n" not in value:
        forms.append(f"'{value}'")
    if clean and "'''" not in value and not value.endswith("'"):
        forms += [f"'''{value}'''", f"'''\n{value}'''"]
    if clean and '"' not in value and "\\" not in value:
        forms += [f'"""{value}"""', f'"""\n{value}"""', f'"""{value}\\\n  \n  """']
    return draw(st.sampled_from(forms))


class TomlWriter:
    """Writes TOML in many of its forms and keeps the line of each key as it goes."""

    def __init__(self, draw) -> None:
        self.draw, self.out, self.line, self.lines = draw, [], 1, {}

    def put(self, text: str) -> None:
        self.out.append(text)
        self.line += text.count("\n")

    def key(self, name: str) -> str:
        bare = name and all(c.isascii() and (c.isalnum() or c in "_-") for c in name)
        if bare and self.draw(st.booleans()):
            return name
        return json.dumps(name)

    def value(self, value, path) -> None:
        if isinstance(value, dict):
            self.put("{")
            for i, (name, inner) in enumerate(value.items()):
                self.put(", " if i else " ")
                self.lines[*path, name] = self.line
                self.put(f"{self.key(name)} = ")
                self.value(inner, (*path, name))
            self.put("}")
        elif isinstance(value, list):
            self.put("[")
            for i, inner in enumerate(value):
                self.put(self.draw(st.sampled_from([" ", "\n", " # a, [b] = {\n  ", "\n\n"])))
                self.lines[*path, i] = self.line
                self.value(inner, (*path, i))
                self.put(",")
            self.put(self.draw(st.sampled_from(["", "\n", " # no ]\n"])) + "]")
        elif isinstance(value, str):
            self.put(text_of(self.draw, value))
        else:
            self.put(json.dumps(value))

    def noise(self) -> None:
        self.put(self.draw(st.sampled_from(["", "\n", "# [no] = 1\n", "  \t\n# '''\n", "\r\n"])))

    def table(self, values: dict, path) -> None:
        """Keys with plain values first, then tables with headers, then arrays of tables."""
        later = []
        for name, value in values.items():
            header = isinstance(value, dict) and self.draw(st.booleans())
            rows = isinstance(value, list) and value and all(isinstance(v, dict) for v in value)
            if header or (rows and self.draw(st.booleans())):
                later.append((name, value))
                continue
            self.noise()
            at, dotted = (*path, name), [self.key(name)]
            self.lines[at] = self.line
            while isinstance(value, dict) and len(value) == 1 and self.draw(st.booleans()):
                ((inner, value),) = value.items()
                at = (*at, inner)
                self.lines[at] = self.line
                dotted.append(self.key(inner))
            self.put(self.draw(st.sampled_from([".", " . "])).join(dotted) + " = ")
            self.value(value, at)
            self.put(self.draw(st.sampled_from(["\n", "  # done\n"])))
        for name, value in later:
            for i, row in enumerate(value if isinstance(value, list) else [value]):
                self.noise()
                at = (*path, name)
                self.lines.setdefault(at, self.line)
                left, right = ("[[", "]]") if isinstance(value, list) else ("[", "]")
                if isinstance(value, list):
                    at = (*at, i)
                    self.lines[at] = self.line
                shown = ".".join(self.key(p) for p in at if isinstance(p, str))
                self.put(f"{left}{shown}{right}\n")
                self.table(row, at)


@st.composite
def toml_documents(draw):
    values = draw(DOCUMENTS)
    writer = TomlWriter(draw)
    writer.table(values, ())
    return values, "".join(writer.out), writer.lines


@given(toml_documents())
def test_toml(made):
    values, text, want = made
    parsed = tomllib.loads(text)
    assert set(paths(parsed)) == set(want)
    lines, twice = toml_lines(text)
    assert not twice
    assert lines == want


@given(DOCUMENTS, st.sampled_from([None, 0, 2]))
def test_json(values, indent):
    text = json.dumps(values, indent=indent)
    lines, twice = json_lines(text)
    assert not twice
    assert set(lines) == set(paths(values))
    rows = text.split("\n")
    for path, line in lines.items():
        if isinstance(path[-1], str):
            assert json.dumps(path[-1]) + ":" in rows[line - 1]
    if indent is not None:
        # One key or entry a line: in the order of the document the lines only grow.
        ordered = [lines[p] for p in paths(values)]
        assert ordered == sorted(set(ordered))


@given(DOCUMENTS)
def test_yaml(values):
    text = yaml.safe_dump(values, allow_unicode=True, default_flow_style=False)
    document = parse_document(text, "yaml", "x.yaml")
    if document.faults:
        # PyYAML writes some texts only with a tag or not at all readable again.
        assert "tag" in str(document.faults[0]) or not values
        return
    assert set(document.lines) == set(paths(document.values))
    node = yaml.compose(text, Loader=yaml.SafeLoader)

    def check(node, at):
        if node is not None and node.id == "mapping":
            for key, value in node.value:
                assert document.lines[*at, key.value] == key.start_mark.line + 1
                check(value, (*at, key.value))

    check(node, ())


@given(DOCUMENTS, st.sampled_from(["toml", "json", "yaml"]), st.text(max_size=20), st.integers(0))
def test_nothing_that_is_written_escapes_as_another_exception(values, form, junk, where):
    text = json.dumps(values, indent=1)
    where %= len(text) + 1
    document = parse_document(text[:where] + junk + text[where:], form, "x")
    assert document.faults or isinstance(document.values, dict)


@given(toml_documents(), st.data())
def test_a_key_that_stands_twice_in_toml(made, data):
    values, text, lines = made
    tops = [n for n, v in values.items() if not isinstance(v, dict | list)]
    if not tops:
        return
    name = data.draw(st.sampled_from(tops))
    # In front of everything, where no header holds yet.
    document = parse_document(f"{json.dumps(name)} = 1\n{text}", "toml", "x.toml")
    assert [(f.path, f.line) for f in document.faults] == [((name,), lines[name,] + 1)]
    assert "first in line 1" in document.faults[0].found


@given(DOCUMENTS.filter(bool), st.data())
def test_a_key_that_stands_twice_in_json_and_yaml(values, data):
    name = data.draw(st.sampled_from(sorted(values)))
    again = f"{json.dumps(name)}: 1,\n"
    text = "{\n" + again + json.dumps(values, indent=1)[1:].lstrip("\n")
    line = json_lines(json.dumps(values, indent=1))[0][name,] + 1
    document = parse_document(text, "json", "x.json")
    assert [(f.path, f.line) for f in document.faults] == [((name,), line)]
    document = parse_document(text, "yaml", "x.yaml")
    assert document.faults


@pytest.mark.parametrize(
    "text",
    ["x = {a = 1, b = 2}\nx.a = 3\n", "[a]\nb = 1\n[a]\nc = 2\n", "a = 1\na = 2\n",
     "[a]\nb = 1\nb = 2\n", "a.b = 1\na.b = 2\n", "[[r]]\nx = 1\nx = 2\n"],
)  # fmt: skip
def test_toml_forms_of_twice(text):
    (fault,) = parse_document(text, "toml", "x.toml").faults
    assert fault.line == len(text.splitlines()) - (text.startswith("[a]\nb = 1\n[a]"))


def test_numbers_are_exact():
    for form, text in (("toml", "a = 0.1\nb = nan"), ("json", '{"a": 0.1, "b": NaN}'),
                       ("yaml", "a: 0.1\nb: .nan")):  # fmt: skip
        values = parse_document(text, form, "x").values
        assert values["a"] == Decimal("0.1") and values["b"].is_nan()
