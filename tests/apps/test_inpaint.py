"""`inpaint`: what a mask leaves black is not touched, and masks that do not fit are refused by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from translating import WORDS, trained

from imaginable.cli import main

__all__ = ["trained"]  # a fixture

RANDOM = np.random.default_rng(0)
COLOURED = RANDOM.integers(256, size=(50, 83, 3), dtype=np.uint8)
HOLE = np.zeros((50, 83), bool)
HOLE[5:30, 20:60] = True
Said = pytest.CaptureFixture[str]


def written(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def masked(path: Path, hole: np.ndarray = HOLE) -> Path:
    return written(path, np.where(hole, 255, 0).astype(np.uint8))


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def note(path: Path) -> str:
    with Image.open(path) as image:
        return str(image.text.get("Description", ""))  # type: ignore[attr-defined]


@pytest.mark.parametrize("tile", [32, 512])
@pytest.mark.parametrize("channels", [1, 3])
def test_only_the_hole_changes(channels: int, tile: int, trained: WORDS, tmp_path: Path) -> None:
    run = trained("inpaint", channels)
    given, mask = written(tmp_path / "one.png", COLOURED), masked(tmp_path / "mask.png")
    words = ["--masks", str(mask), "--out", str(tmp_path / "out"), "--tile", str(tile)]
    assert main(["inpaint", str(run), str(given), *words]) == 0
    found = read(tmp_path / "out" / "one.png")
    np.testing.assert_array_equal(found[~HOLE], COLOURED[~HOLE])
    inner = HOLE if tile == 512 else ndimage.binary_erosion(HOLE, iterations=4)  # a coarse fill has a soft edge
    assert (found[inner] == 128).all()
    assert note(tmp_path / "out" / "one.png").startswith("Synthetic image")


def test_grey_stays_grey_and_what_is_filled_is_opaque(trained: WORDS, tmp_path: Path) -> None:
    run = trained("inpaint")
    written(tmp_path / "photos" / "grey.png", COLOURED[..., 0])
    transparent = written(tmp_path / "photos" / "clear.png", RANDOM.integers(256, size=(50, 83, 4), dtype=np.uint8))
    mask, out = masked(tmp_path / "mask.png"), tmp_path / "out"
    assert main(["inpaint", str(run), str(tmp_path / "photos"), "--masks", str(mask), "--out", str(out)]) == 0
    np.testing.assert_array_equal(read(out / "grey.png"), np.where(HOLE, 128, COLOURED[..., 0]))
    found = read(out / "clear.png")
    np.testing.assert_array_equal(found[~HOLE], read(transparent)[~HOLE])
    assert (found[HOLE] == [128, 128, 128, 255]).all()


def test_masks_belong_to_pictures_by_name_and_a_black_one_copies(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, photos, masks, out = trained("inpaint"), tmp_path / "photos", tmp_path / "masks", tmp_path / "out"
    for name in ("a/one.png", "b/one.png", "without.png", "other.png"):
        written(photos / name, COLOURED)
    masked(masks / "a" / "one.bmp")
    masked(masks / "b" / "one.png", np.zeros_like(HOLE))
    masked(masks / "other.png", HOLE[:40])
    assert main(["inpaint", str(run), str(photos), "--masks", str(masks), "--out", str(out)]) == 0
    assert (read(out / "a" / "one.png")[HOLE] == 128).all()
    np.testing.assert_array_equal(read(out / "b" / "one.png"), COLOURED)
    assert note(out / "b" / "one.png") == "", "no model had a part in it"
    words = ["--masks", str(masks), "--out", str(out)]
    assert main(["inpaint", str(run), str(photos), *words]) == 0, "a copy is a result too, and may be written anew"
    lines = capsys.readouterr().out
    assert "left out without.png: no mask has its name" in lines
    assert "left out other.png: it is 83x50 and its mask other.png is 83x40" in lines
    assert sorted(path.name for path in out.iterdir()) == ["a", "b"]


def test_masks_are_read_as_a_viewer_shows_them(trained: WORDS, tmp_path: Path) -> None:
    """16 bits scaled and not cut, turned as EXIF says, transparent counts as black."""
    run, photos, masks, out = trained("inpaint"), tmp_path / "photos", tmp_path / "masks", tmp_path / "out"
    for name in ("sixteen", "turned", "clear"):
        written(photos / f"{name}.png", COLOURED)
    masks.mkdir()
    Image.fromarray(np.where(HOLE, 40_000, 20_000).astype(np.uint16)).save(masks / "sixteen.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees clockwise to see it
    Image.fromarray(np.rot90(np.where(HOLE, 255, 0).astype(np.uint8))).save(masks / "turned.png", exif=exif)
    written(masks / "clear.png", np.dstack([np.full((*HOLE.shape, 3), 255, np.uint8), HOLE.astype(np.uint8) * 255]))
    assert main(["inpaint", str(run), str(photos), "--masks", str(masks), "--out", str(out)]) == 0
    for name in ("sixteen", "turned", "clear"):
        np.testing.assert_array_equal(read(out / f"{name}.png"), np.where(HOLE[..., None], np.uint8(128), COLOURED))


def test_masks_that_cannot_be_used(trained: WORDS, tmp_path: Path, capsys: Said) -> None:
    run, given, masks = trained("inpaint"), written(tmp_path / "one.png", COLOURED), tmp_path / "masks"
    (tmp_path / "bad.png").write_bytes(b"no picture")
    words = ["inpaint", str(run), str(given), "--out", str(tmp_path / "out"), "--masks"]
    assert main([*words, str(tmp_path / "bad.png")]) == 1
    assert "its mask bad.png is not readable (not a picture)" in capsys.readouterr().out
    assert main([*words, str(tmp_path / "nowhere")]) == 2
    assert "no such file" in capsys.readouterr().err
    masked(masks / "one.png")
    masked(masks / "one.bmp")
    assert main([*words, str(masks)]) == 2
    assert "one.bmp and one.png are for the same picture" in capsys.readouterr().err
    (masks / "one.bmp").unlink()
    assert main(["inpaint", str(run), str(given), "--masks", str(masks), "--out", str(masks)]) == 2
    assert "would be written, and it is read" in capsys.readouterr().err
