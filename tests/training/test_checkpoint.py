"""The file a run resumes from: whole, or the one before, and never code."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from imaginable.core.errors import UserError
from imaginable.training import checkpoint


def state(seen: int) -> dict[str, Any]:
    return {"seen": seen, "state": {"weights": torch.full((300,), float(seen)), "step": seen // 8, "name": "vae"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A checkpoint at 16 images; the one before at 8."""
    path = tmp_path / "run" / "checkpoint.pt"
    checkpoint.save(path, state(8))
    checkpoint.save(path, state(16))
    return path


def seen_in(path: Path) -> int:
    return int(checkpoint.load(path, pytest.fail)["seen"])


def flip_a_bit(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.unlink()  # not through a link
    path.write_bytes(bytes(content))


def test_saved_is_loaded(path: Path) -> None:
    loaded = checkpoint.load(path, pytest.fail)
    assert torch.equal(loaded["state"]["weights"], torch.full((300,), 16.0))
    assert (loaded["state"]["step"], loaded["state"]["name"]) == (2, "vae")


def test_two_are_kept_and_nothing_else(path: Path) -> None:
    assert sorted(path.parent.iterdir()) == sorted([path, checkpoint.previous(path)])
    path.unlink()
    said: list[str] = []
    assert checkpoint.load(path, said.append)["seen"] == 8
    assert "missing" in said[0]


@pytest.mark.parametrize("at", [0, 30, 700, -1])
def test_one_flipped_bit_is_found_and_the_one_before_is_taken_and_announced(at: int, path: Path) -> None:
    flip_a_bit(path, at)
    said: list[str] = []
    assert checkpoint.load(path, said.append)["seen"] == 8
    assert said == ["checkpoint.pt is damaged: going on from checkpoint.previous, 8 images seen"]


@pytest.mark.parametrize("length", [0, 10, 500])
def test_a_cut_off_file_is_found_too(length: int, path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:length])
    said: list[str] = []
    assert checkpoint.load(path, said.append)["seen"] == 8
    assert said


def test_both_damaged_is_said(path: Path) -> None:
    flip_a_bit(path, 700)
    flip_a_bit(checkpoint.previous(path), 700)
    with pytest.raises(UserError, match="damaged, and there is no good one before it"):
        checkpoint.load(path, pytest.fail)


def test_none_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint yet"):
        checkpoint.load(tmp_path / "checkpoint.pt", pytest.fail)


def test_another_version_is_refused_and_not_taken_for_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "FORMAT", 99)
        checkpoint.save(path, state(24))
    with pytest.raises(UserError, match="version 99"):
        checkpoint.load(path, pytest.fail)


def test_a_disk_full_at_any_moment_leaves_both_as_they_were(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **options: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    for where, name in ((os, "fsync"), (Path, "open"), (Path, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(where, name, full)
            with pytest.raises(UserError, match="disk is full"):
                checkpoint.save(path, state(24))
        assert {file.name for file in path.parent.iterdir()} == set(before), name
        assert seen_in(path) == 16, name
        if name != "replace":  # by then all bytes are on the disk, and only the older copy is given up
            assert checkpoint.previous(path).read_bytes() == before["checkpoint.previous"], name
    checkpoint.save(path, state(24))
    assert seen_in(path) == 24


def test_without_links_the_one_before_is_copied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    checkpoint.save(path, state(24))
    path.unlink()
    assert checkpoint.load(path, lambda line: None)["seen"] == 16


class Evil:
    """Unpickling it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    checkpoint.save(path, {"seen": 8, "evil": Evil(tmp_path / "made")})
    with pytest.raises((UserError, pickle.UnpicklingError)):
        checkpoint.load(path, pytest.fail)
    assert not (tmp_path / "made").exists()
