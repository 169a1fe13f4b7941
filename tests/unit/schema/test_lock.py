"""The lock holds what is released: additions pass and are named, everything else is a fault."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tectra.core.msg import SCHEMA_VERSION
from tectra.paths import schema_file
from tectra.schema.codegen import main
from tectra.schema.lock import LockError, compare, lock_text, parse_lock
from tectra.schema.model import Schema, load

FIELD = '<field name="match_id" id='
Edit = Callable[[str], str]


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., Schema]:
    def edit(*changes: tuple[str, str]) -> Schema:
        text = schema_file().read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new, 1)
        path = tmp_path / "schema.xml"
        path.write_text(text)
        return load(path)

    return edit


@pytest.fixture(scope="module")
def released() -> str:
    return lock_text(load(schema_file()))


def test_the_lock_of_the_tree_is_the_schema(released: str) -> None:
    assert (schema_file().parent / "SCHEMA_LOCK").read_text() == released
    assert compare(parse_lock(released), load(schema_file())) == []
    assert released.count("\nrecord ") == len(load(schema_file()).messages)


def last_field_of_gap() -> str:
    text = schema_file().read_text()
    body = text[text.index('<sbe:message name="gap"') :]
    body = body[: body.index("</sbe:message>")]
    return [line for line in body.splitlines() if "<field" in line][-1]


NOW, NEXT = SCHEMA_VERSION, SCHEMA_VERSION + 1
HEAD_NOW = f'package="tectra" id="7433" version="{NOW}"'
NEXT_VERSION = (HEAD_NOW, f'package="tectra" id="7433" version="{NEXT}"')
GAP_END = last_field_of_gap()
NUMBER = int(GAP_END.split('id="')[1].split('"')[0]) + 1
NEW_FIELD = f'\n    <field name="extra" id="{NUMBER}" type="uint8" sinceVersion="{NEXT}"/>'
NEW_MESSAGE = (
    '<sbe:message name="fresh" id="99" blockLength="56" semanticType="note" '
    f'sinceVersion="{NEXT}">'
    '<field name="ring_seq" id="1" type="uint64"/><field name="ts_event_ns" id="2" type="int64"/>'
    '<field name="ts_recv_ns" id="3" type="int64"/>'
    '<field name="instrument_id" id="4" type="uint32"/></sbe:message></sbe:messageSchema>'
)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([NEXT_VERSION, (GAP_END, GAP_END + NEW_FIELD)],
         [f"gap.extra is new since version {NEXT}"]),
        ([NEXT_VERSION, ("</sbe:messageSchema>", NEW_MESSAGE)],
         [f"record fresh is new since version {NEXT}"]),
        ([('<validValue name="SELL">2</validValue>',
           '<validValue name="SELL">2</validValue><validValue name="SHORT">3</validValue>')],
         ["Side.SHORT is new"]),
        ([('<sbe:message name="gap"', '<sbe:message name="hole"')],
         ["record gap is now called hole"]),
        ([NEXT_VERSION], []),
    ],
    ids=["field", "record", "value", "rename", "version"],
)  # fmt: skip
def test_what_passes(
    edited: Callable[..., Schema], released: str, changes: list[tuple[str, str]], says: list[str]
) -> None:
    found = compare(parse_lock(released), edited(*changes))
    assert [(c.what, c.is_fault) for c in found] == [(what, False) for what in says]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ([(GAP_END + "\n", "")], "gap.last_seq (field"),
        ([(GAP_END, GAP_END.replace("uint64", "int64"))], "was @"),
        ([(GAP_END, GAP_END + NEW_FIELD.replace(f' sinceVersion="{NEXT}"', ""))],
         f"gap.extra is new, with sinceVersion 0; it must be above {NOW}"),
        ([('name="gap" id="15"', 'name="gap" id="98"')], "record gap (id 15) is gone"),
        ([('<validValue name="SELL">2</validValue>', "")], "Side.SELL (2) is gone"),
        ([('<validValue name="BUY">1</validValue>\n      <validValue name="SELL">2</validValue>',
           '<validValue name="SELL">1</validValue><validValue name="BUY">2</validValue>')],
         "Side.SELL moved to 1"),
        ([('name="gap" id="15" blockLength="56"', 'name="gap" id="15" blockLength="120"')],
         "gap: size was 64, is 128"),
        ([('name="gap" id="15" blockLength="56" semanticType="input"',
           'name="gap" id="15" blockLength="56" semanticType="note"')],
         "gap: direction was input, is note"),
        ([('package="tectra" id="7433"', 'package="tectra" id="7434"')], "another contract"),
        ([(HEAD_NOW, HEAD_NOW.replace(f'"{NOW}"', f'"{NOW - 1}"'))],
         f"went back from {NOW} to {NOW - 1}"),
    ],
    ids=["field gone", "type", "no sinceVersion", "record gone", "value gone", "values swapped",
         "size", "direction", "schema id", "version"],
)  # fmt: skip
def test_what_is_refused(
    edited: Callable[..., Schema], released: str, changes: list[tuple[str, str]], says: str
) -> None:
    found = [c.what for c in compare(parse_lock(released), edited(*changes)) if c.is_fault]
    assert found and says in " | ".join(found), found


@pytest.mark.parametrize(
    "text",
    ["", "nonsense\n", "schema x version 1\n", "schema 1\n", "schema 1 version 1\nrecord a b\n"],
)
def test_a_lock_that_cannot_be_read(text: str) -> None:
    with pytest.raises(LockError, match="SCHEMA_LOCK"):
        parse_lock(text)


def test_the_command_asks_for_a_new_lock(
    edited: Callable[..., Schema], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edited(NEXT_VERSION, (GAP_END, GAP_END + NEW_FIELD))
    root = tmp_path / "root"
    for folder in ("ext/tectra", "tectra/core"):
        (root / folder).mkdir(parents=True)
    (tmp_path / "schema.xml").rename(root / "ext/tectra/schema.xml")
    lock = root / "ext/tectra/SCHEMA_LOCK"
    lock.write_text((schema_file().parent / "SCHEMA_LOCK").read_text())
    assert main(["--root", str(root)]) == 0
    capsys.readouterr()
    assert main(["--check", "--root", str(root)]) == 0
    said = capsys.readouterr().err
    assert "adds to SCHEMA_LOCK: gap.extra" in said and "--lock" in said
    assert main(["--lock", "--root", str(root)]) == 0
    capsys.readouterr()
    assert main(["--check", "--root", str(root)]) == 0 and capsys.readouterr().err == ""
    assert "extra @" in lock.read_text()
