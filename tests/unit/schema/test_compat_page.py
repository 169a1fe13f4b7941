"""docs/schema-compat.md says what the code says."""

import re
from pathlib import Path

import msgspec
import pytest

from tectra.core.msg import SCHEMA_ID, SCHEMA_VERSION
from tectra.journal.manifest import FORMAT_VERSION
from tectra.journal.scan import LAYOUT_VERSION
from tectra.paths import get_include
from tectra.schema.command import COMMAND_VERSION, Command, decode_command
from tectra.schema.lock import parse_lock

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "schema-compat.md").read_text()


def shared_layout() -> int:
    text = (Path(get_include()) / "tectra" / "shm.h").read_text()
    match = re.search(r"#define TT_LAYOUT_VERSION (\d+)u", text)
    assert match
    return int(match[1])


VERSIONS = {
    "record schema": SCHEMA_VERSION,
    "journal segment": LAYOUT_VERSION,
    "journal manifest": FORMAT_VERSION,
    "shared pages": shared_layout(),
    "commands": COMMAND_VERSION,
}


def matrix() -> dict[str, list[str]]:
    body = PAGE.split("## Matrix")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in body.splitlines() if line.startswith("| ")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows[1:]}


def test_every_artefact_has_its_row() -> None:
    assert list(matrix()) == list(VERSIONS)


@pytest.mark.parametrize("artefact", VERSIONS)
def test_the_versions_are_those_of_the_code(artefact: str) -> None:
    version, _, reads, _ = matrix()[artefact]
    assert int(version) == VERSIONS[artefact]
    newest = re.match(r"[\d, ]*?(\d+)(?![\d,])", reads)
    assert newest and newest[1] == str(VERSIONS[artefact])


@pytest.mark.parametrize("artefact", VERSIONS)
def test_every_version_has_a_note(artefact: str) -> None:
    notes = PAGE.split("## Migration notes")[1].lower()
    assert re.search(rf"{artefact} (?:\d+ to )?{VERSIONS[artefact]}\b", notes), artefact


def test_the_schema_id_is_that_of_the_code() -> None:
    assert f"schema id {SCHEMA_ID}," in PAGE


def test_the_lock_is_of_this_version() -> None:
    lock = parse_lock((Path(get_include()) / "tectra" / "SCHEMA_LOCK").read_text())
    assert (lock.id, lock.version) == (SCHEMA_ID, SCHEMA_VERSION)


def test_a_newer_command_is_refused_as_the_page_says() -> None:
    command = f'{{"type":"pnl.query","command_id":"a","version":{COMMAND_VERSION + 1}}}'
    with pytest.raises(msgspec.ValidationError, match="version"):
        decode_command(command)
    older: Command = decode_command('{"type":"pnl.query","command_id":"a"}')
    assert older.version == COMMAND_VERSION
