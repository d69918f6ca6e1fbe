"""Folders that the tests of data share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sample_files import encoded, picture, write


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test's own."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("IMAGINABLE_CACHE", str(folder))
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """30 small coloured pictures in two classes."""
    names = [f"{'cats' if index % 3 else 'dogs'}/{index:02}.png" for index in range(30)]
    return write(tmp_path / "photos", {name: encoded(picture(seed)) for seed, name in enumerate(names)})


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Writes files given as name=bytes in a dict to a fresh folder."""
    return lambda files, name="pictures": write(tmp_path / name, files)
