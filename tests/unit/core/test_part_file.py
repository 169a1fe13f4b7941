"""Files that are whole or not there."""

import gzip
from pathlib import Path

import pytest

from tectra.core.errors import ClosedError, InputError
from tectra.core.part_file import PartFile


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_and_fail(path: Path) -> None:
    with PartFile(path) as file:
        file.write(b"new")
        raise ZeroDivisionError


def write_and_lose_the_name(path: Path) -> None:
    with PartFile(path) as file:
        file.write(b"new")
        path.mkdir()


@pytest.mark.parametrize("name", ["a.bin", "a.bin.gz"])
def test_the_file_appears_when_it_is_whole(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with PartFile(path) as file:
        file.write(b"one")
        file.write(bytearray(b"two"))
        assert not path.exists()
    data = path.read_bytes()
    assert (gzip.decompress(data) if name.endswith(".gz") else data) == b"onetwo"
    assert names(tmp_path) == [name]
    file.close()
    with pytest.raises(ClosedError, match=name):
        file.write(b"")


def test_the_same_bytes_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with PartFile(tmp_path / name) as file:
            file.write(b"x" * 1000)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_nothing_is_there_before_the_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with PartFile(path, head=b"head"):
        assert names(tmp_path) == []
    assert path.read_bytes() == b"head"


def test_what_raises_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        write_and_fail(path)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_a_name_that_cannot_be_taken_at_the_end_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    with pytest.raises(OSError, match=r"a\.bin"):
        write_and_lose_the_name(path)
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("where", ["/dev/full", "", "none/a.bin"])
def test_what_is_no_place_for_a_file_is_refused(where: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot write"):
        PartFile(tmp_path / where)


def test_a_name_with_a_null_character_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without null"):
        PartFile(f"{tmp_path}/a\0b")
