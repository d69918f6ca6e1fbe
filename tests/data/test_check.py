"""`check` names what is wrong, proposes what suits, and never fails on a bad file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_files import encoded, picture, png_header

from imaginable.apps.check import check as check_app
from imaginable.core.errors import UserError
from imaginable.data.check import check, content_keys
from imaginable.data.dataset import DataOptions
from imaginable.data.propose import mirror_ratio, propose_size

BAD = {
    "words.png": b"only words",
    "nothing.jpg": b"",
    "half.jpg": encoded(picture(), "JPEG")[:-200],
    "bomb.png": png_header(60_000, 60_000),
    "dot.png": encoded(picture(size=(1, 1))),
}


def test_bad_files_are_named_with_their_reason(make: Callable[..., Path]) -> None:
    folder = make({"fine.png": encoded(picture()), "readme.txt": b"hello", **BAD})
    checked = check(DataOptions(str(folder)))
    assert (checked.found, checked.usable) == (6, 1)
    assert set(checked.skipped) == set(BAD)
    assert checked.others == {".txt": 1}
    text = "\n".join(checked.lines())
    assert "6 pictures (folder), 1 usable" in text
    assert "nothing.jpg (zero bytes)" in text


def test_folders_without_pictures(make: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder, message in (
        (tmp_path / "empty", "this is empty"),
        (make({"a.mid": b"x", "b.mid": b"x", "c.heic": b"x"}), r"only 2 \.mid, 1 \.heic"),
        (tmp_path / "missing", "no such file or folder"),
    ):
        with pytest.raises(UserError, match=message):
            check(DataOptions(str(folder)))


def test_fixes_flags_and_duplicates(make: Callable[..., Path]) -> None:
    same = picture(3)
    files = {
        "a/palette.png": encoded(picture(1, mode="P")),
        "a/long.png": encoded(picture(2, size=(100, 20))),
        "b/one.png": encoded(same),
        "b/two.png": encoded(same, compress_level=0),  # other bytes, same pixels
        "b/grey.png": encoded(picture(4, mode="L")),
    }
    checked = check(DataOptions(str(make(files))))
    assert checked.fixed == {
        "grey turned into colour": ("b/grey.png",),
        "palette converted": ("a/palette.png",),
    }
    assert checked.flagged == {"a/long.png": "very long: 100x20"}
    assert checked.duplicates == (("b/one.png", "b/two.png"),)
    assert checked.classes == {"a": 2, "b": 3}
    assert checked.sizes == {(32, 32): 4, (100, 20): 1}
    assert json.loads(json.dumps(checked.manifest))["duplicates"] == [["b/one.png", "b/two.png"]]


def test_keys_follow_the_files_and_join_what_looks_the_same() -> None:
    assert content_keys(["b", "a", "c"], ["p", "p", "q"]) == ["a", "a", "c"]


def test_flip_is_proposed_by_measurement() -> None:
    """Arrows that all point right must not be mirrored; the same arrows to both sides may be."""
    random = np.random.default_rng(0)
    arrows = []
    for _ in range(60):
        pixels = np.zeros((32, 32, 1), dtype=np.uint8)
        row, tone = random.integers(4, 24), random.integers(128, 256)
        pixels[row : row + 4, 4:28] = tone
        pixels[row - 3 : row + 7, 22:28] = tone
        arrows.append(pixels)
    both = [arrow[:, :: (-1) ** index] for index, arrow in enumerate(arrows)]
    one_sided, two_sided = mirror_ratio(arrows), mirror_ratio(both)
    assert one_sided is not None
    assert two_sided is not None
    assert one_sided > 1.5
    assert two_sided < 1.05
    assert mirror_ratio(arrows[:5]) is None


def test_digits_are_not_to_be_flipped() -> None:
    checked = check(DataOptions("digits"))
    assert not checked.proposed_flip
    assert checked.proposed_size == 32


def test_proposed_size() -> None:
    assert propose_size({(72, 72): 9}) == 72
    assert propose_size({(500, 300): 9, (300, 200): 3}) == 128
    assert propose_size({(70, 90): 9, (300, 200): 3}) == 64


def test_points_are_counted() -> None:
    checked = check(DataOptions("gaussians", limit=100))
    assert checked.lines()[0] == "gaussians: 100 points (built-in)"
    assert checked.proposed_size is None


def test_contact_sheet(photos: Path, tmp_path: Path) -> None:
    (photos / "cats" / "grey.png").write_bytes(encoded(picture(99, mode="L")))
    checked = check_app(DataOptions(str(photos), size=16), tmp_path / "out" / "sheet.png")
    assert checked.usable == 31
    with Image.open(tmp_path / "out" / "sheet.png") as image:
        assert image.size == (6 * 18 + 2, 6 * 18 + 2)
