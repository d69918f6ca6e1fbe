"""Masks that come with pictures: found by name, of their picture's size, black and white; the rest is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sample_files import encoded, picture

from imaginable.core.errors import UserError
from imaginable.data.check import check
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.training.feed import Feed

Make = Callable[..., Path]


def mask(number: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    """White in the first `number` + 1 columns."""
    pixels = np.zeros(size[::-1], np.uint8)
    pixels[:, : number + 1] = 255
    return Image.fromarray(pixels)


def pictures(count: int = 20, ending: str = ".png") -> dict[str, bytes]:
    return {f"{'cats' if index % 3 else 'dogs'}/{index:02}{ending}": encoded(picture(index)) for index in range(count)}


def masks(count: int = 20) -> dict[str, bytes]:
    return {f"{index:02}.bmp": encoded(mask(index), "BMP") for index in range(count)}


def prepared(make: Make, files: dict[str, bytes], holes: dict[str, bytes], say: Any = None, **options: Any) -> Dataset:
    where = make(files, name="pictures"), make(holes, name="masks")
    return prepare(DataOptions(str(where[0]), masks=str(where[1]), **options), say=say)


def test_masks_are_found_by_name_and_are_holes_of_the_batch(make: Make) -> None:
    data = prepared(make, pictures(), masks())
    assert data.spec.kind == "images"
    assert data.targets is None
    assert data.masks is not None
    for index, name in enumerate(data.names):
        number = int(Path(name).stem)
        assert np.array_equal(data.items[index], np.asarray(picture(number)))
        assert np.array_equal(data.masks[index][..., 0], np.asarray(mask(number)))
    batch = Feed(data, 16, 0, flip=True).batch(0)
    assert batch.hole is not None
    assert batch.hole.shape == (16, 1, 32, 32)
    assert set(batch.hole.flatten().tolist()) == {0.0, 1.0}
    stems = [Path(name).stem for name in data.names]
    columns = [float(hole[0, 0].sum()) for hole in batch.hole]
    for x, hole, count in zip(batch.x, batch.hole, columns, strict=True):
        plain = data.batch(np.array([stems.index(f"{count - 1:02.0f}")])).x[0]
        assert x.equal(plain if hole[0, 0, 0] == 1 else plain.flip(-1)), "mirrored with its picture"
    assert {float(hole[0, 0, 0]) for hole in batch.hole} == {0.0, 1.0}


def test_greys_become_black_and_white_and_padding_is_kept(make: Make) -> None:
    """A wide picture padded to a square: what is added is not to be filled."""
    files = pictures() | {"wide.png": encoded(picture(3, (32, 16)))}
    soft = Image.fromarray(np.asarray(mask(9, (32, 16))) // 255 * np.uint8(80) + np.uint8(60))  # 60 and 140
    data = prepared(make, files, masks() | {"wide.png": encoded(soft)}, fit="pad", size=32)
    assert data.masks is not None
    hole = data.masks[data.names.index("wide.png")][..., 0]
    assert set(np.unique(hole)) == {0, 255}
    assert not hole[:8].any()
    assert not hole[24:].any()
    assert hole[8:24, :10].all()
    assert not hole[8:24, 10:].any()


def test_masks_are_put_right_like_pictures(make: Make) -> None:
    """16 bits scaled and not cut, turned as EXIF says, transparent counts as black."""
    holes, exif = masks(), Image.Exif()
    exif[0x0112] = 3  # turn it upside down to see it
    clear = Image.new("RGBA", (32, 32), "white")
    clear.putalpha(mask(9))
    sixteen = np.where(np.asarray(mask(9)) > 0, 40_000, 20_000).astype(np.uint16)
    holes |= {
        "01.bmp": encoded(Image.fromarray(sixteen)),
        "02.bmp": encoded(mask(9).rotate(180), exif=exif),
        "03.bmp": encoded(clear),
    }
    data = prepared(make, pictures(), holes)
    assert data.masks is not None
    for stem in ("01", "02", "03"):
        index = [Path(name).stem for name in data.names].index(stem)
        assert np.array_equal(data.masks[index][..., 0], np.asarray(mask(9)))


def test_what_has_no_mask_or_no_picture_is_named_and_left_out(make: Make) -> None:
    holes = masks()
    del holes["04.bmp"]
    holes["other.png"] = encoded(mask(3))
    said: list[str] = []
    data = prepared(make, pictures(), holes, said.append)
    assert len(data.items) == 19
    assert data.manifest["alone"] == ["cats/04.png", "masks/other.png"]
    assert "2 files without a partner are left out: cats/04.png, masks/other.png" in said[0]


def test_masks_that_do_not_fit_are_bad_files(make: Make) -> None:
    files = {f"{index}.png": encoded(picture(index)) for index in range(60)}
    holes = {f"{index}.png": encoded(mask(index % 30)) for index in range(60)}
    holes |= {"3.png": encoded(mask(3, (16, 16))), "4.png": encoded(Image.new("L", (32, 32))), "5.png": b""}
    folder = make(holes, name="masks")
    data = prepare(DataOptions(str(make(files)), masks=str(folder)))
    assert data.manifest["skipped"] == {
        "masks/3.png": "16x16, and its picture is 32x32",
        "masks/4.png": "all black: nothing to fill",
        "masks/5.png": "zero bytes",
    }
    assert data.manifest["alone"] == ["3.png", "4.png", "5.png"]
    assert len(data.items) == 57
    with pytest.raises(UserError, match="more than 5% is unusable"):
        prepare(DataOptions(str(make({name: files[name] for name in list(files)[:20]}, name="few")), masks=str(folder)))


def test_masks_that_leave_nothing_are_bad_files(make: Make) -> None:
    white = dict.fromkeys(masks(), encoded(Image.new("L", (32, 32), 255)))
    with pytest.raises(UserError, match=r"none of its 20 .* usable;\n.* \(all: all white: nothing left to go by\)"):
        prepared(make, pictures(), white)


def test_check_looks_at_masks_too(make: Make) -> None:
    holes = masks() | {"07.bmp": b"", "other.png": encoded(mask(3))}
    where = make(pictures(), name="pictures"), make(holes, name="masks")
    checked = check(DataOptions(str(where[0]), masks=str(where[1])))
    assert (checked.found, checked.pairs) == (20, 19)
    assert checked.alone == ("cats/07.png", "masks/other.png")
    assert checked.duplicates == ()
    some = check(DataOptions(str(where[0]), masks=str(where[1]), limit=5))
    assert some.pairs is not None
    assert some.pairs >= 4, "one may be the picture of the bad mask"
    assert set(some.alone) <= {"cats/07.png"}, "masks of pictures that were not taken are not missed"
    lines = checked.lines()
    assert any(line.split() == ["masks", "19", "by", "name"] for line in lines)
    assert any("no partner 2: cats/07.png, masks/other.png" in line for line in lines)


def test_another_mask_is_seen(make: Make) -> None:
    first = prepared(make, pictures(), masks())
    assert first.masks is not None
    assert first.masks[0].sum() == 255 * 32 * (int(Path(first.names[0]).stem) + 1)
    second = prepared(make, pictures(), masks() | {Path(first.names[0]).stem + ".bmp": encoded(mask(30), "BMP")})
    assert second.masks is not None
    assert second.masks[0].sum() == 255 * 32 * 31
    assert second.held_out.tolist() == first.held_out.tolist(), "pictures are held out by their own content"


def test_a_limit_counts_pictures_with_a_mask(make: Make) -> None:
    data = prepared(make, pictures(), masks(10), limit=6)
    assert data.masks is not None
    assert len(data.items) == len(data.masks) == 6


def test_requests_that_make_no_sense_are_refused(make: Make) -> None:
    with pytest.raises(UserError, match="the masks lie among the pictures"):
        folder = make(pictures() | {f"masks/{name}": content for name, content in masks().items()})
        prepare(DataOptions(str(folder), masks=str(folder / "masks")))
    with pytest.raises(UserError, match="no mask here has the name of a picture"):
        prepared(make, pictures(), {"a.png": encoded(mask(1))})
    options = DataOptions(str(make(pictures(), name="other")), masks=str(make(masks(), name="masks")))
    with pytest.raises(UserError, match="--masks: only methods that learn from single pictures"):
        prepare(options, consumes=frozenset({"pairs"}))
    with pytest.raises(UserError, match="leave one out"):
        prepare(DataOptions(options.source, masks=options.masks, side_by_side=True))
    with pytest.raises(UserError, match="--masks nowhere: no such file or folder"):
        prepare(DataOptions(options.source, masks="nowhere"))
    with pytest.raises(UserError, match="--masks nowhere: no such file or folder"):
        check(DataOptions(options.source, masks="nowhere"))
    with pytest.raises(UserError, match="no mask here has the name"):
        prepare(DataOptions("digits", masks=options.masks))
