"""A file is there as a whole or as it was before; what the system refuses is said in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from imaginable.core import files
from imaginable.core.errors import UserError


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "folder" / "model.png"
    files.write_text(path, "old")
    return path


def only(path: Path) -> list[Path]:
    return list(path.parent.iterdir())


def test_content_is_replaced_and_folders_are_made(saved: Path) -> None:
    files.write_bytes(saved, b"new")
    assert saved.read_bytes() == b"new"
    assert only(saved) == [saved]


def test_nothing_shows_before_it_is_whole(saved: Path) -> None:
    with files.replacing(saved) as temporary:
        temporary.write_text("half")
        assert saved.read_text() == "old"
        assert temporary.suffix == ".png", "writers choose the format by it"
        assert temporary.parent == saved.parent, "a rename must not cross file systems"
    assert saved.read_text() == "half"


@pytest.mark.parametrize("failure", [ValueError("a bug"), KeyboardInterrupt()])
def test_a_failure_leaves_what_was_there(failure: BaseException, saved: Path) -> None:
    def write() -> None:
        with files.replacing(saved) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(type(failure)):
        write()
    assert saved.read_text() == "old"
    assert only(saved) == [saved]


def _cause(error: Exception) -> Exception:
    """As a library would hand it on."""
    try:
        raise RuntimeError("writer failed") from error
    except RuntimeError as wrapped:
        return wrapped


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk is full"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota"),
        (OSError(errno.EACCES, "Permission denied"), "no permission"),
        (OSError(errno.EROFS, "Read-only file system"), "read-only"),
        (_cause(OSError(errno.ENOSPC, "No space left on device")), "disk is full"),
        (RuntimeError("PytorchStreamWriter failed writing file: file write failed"), "disk is full"),
    ],
)
def test_a_disk_that_refuses_is_explained_and_the_old_file_stays(failure: Exception, reason: str, saved: Path) -> None:
    def write() -> None:
        with files.replacing(saved) as temporary:
            temporary.write_text("half")
            raise failure

    with pytest.raises(UserError, match=rf"model\.png: .*{reason}.*what was saved before is unchanged"):
        write()
    assert saved.read_text() == "old"
    assert only(saved) == [saved]


def test_a_full_disk_found_while_syncing_leaves_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="disk is full"):
        files.write_text(saved, "new")
    monkeypatch.undo()
    assert saved.read_text() == "old"
    assert only(saved) == [saved]


@pytest.mark.parametrize("below", ["child.txt", "folder/child.txt"])
def test_a_file_where_a_folder_is_needed_is_explained(below: str, saved: Path) -> None:
    with pytest.raises(UserError, match="a file stands where a folder is needed"):
        files.write_text(saved / below, "new")
    assert saved.read_text() == "old"


@pytest.mark.parametrize("letter", ["x", "é", "字"])
def test_the_longest_name_there_may_be_is_written(letter: str, saved: Path) -> None:
    name = letter * (251 // len(letter.encode())) + ".png"
    files.write_text(saved.with_name(name), "new")
    assert {path.name for path in only(saved)} == {saved.name, name}
    with pytest.raises(UserError, match="the name is too long for this disk"):
        files.write_text(saved.with_name(10 * letter + name), "new")


def test_a_folder_where_the_file_should_go_is_explained(saved: Path) -> None:
    with pytest.raises(UserError, match="folder"):
        files.write_text(saved.parent, "new")
    assert only(saved) == [saved]
    assert [path.name for path in saved.parent.parent.iterdir()] == ["folder"]
