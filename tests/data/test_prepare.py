"""Prepared data is right, cached once, never half-written, and refuses what is too bad."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sample_files import encoded, picture

from imaginable.core.errors import UserError
from imaginable.data import survey
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare


def prepared(source: Path | str, **options: Any) -> Dataset:
    return prepare(DataOptions(str(source), **options))


def held_out_pixels(data: Dataset) -> set[bytes]:
    return {data.items[index].tobytes() for index in data.held_out}


def test_a_folder_of_photos(photos: Path) -> None:
    steps: list[tuple[int, int]] = []
    data = prepare(DataOptions(str(photos)), progress=lambda done, total: steps.append((done, total)))
    assert data.spec.shape == (3, 32, 32)
    assert data.spec.classes == ("cats", "dogs")
    assert data.spec.count == len(data.train)
    assert data.items.dtype == np.uint8
    assert not data.items.flags.writeable
    assert steps[-1] == (30, 30)
    for index, name in enumerate(data.names):
        assert np.array_equal(data.items[index], np.asarray(Image.open(photos / name).convert("RGB")))
        assert data.spec.classes[data.labels[index]] == name.split("/")[0]
    assert sorted([*data.train, *data.held_out]) == list(range(30))
    assert data.manifest["held_out"] == [data.names[index] for index in data.held_out]
    assert len(data.manifest["digests"]) == 30
    assert data.batch(data.train[:4]).x.shape == (4, 3, 32, 32)


def test_second_time_nothing_is_decoded(photos: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = prepared(photos)

    def fail(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(survey, "decode", fail)
    again = prepared(photos)
    assert np.array_equal(first.items, again.items)
    assert first.manifest == again.manifest
    moved = shutil.copytree(photos, tmp_path / "elsewhere")
    assert prepared(moved).names == first.names
    assert prepared(moved).manifest["source"] == str(moved)
    with pytest.raises(AssertionError, match="decoded again"):
        prepared(photos, size=16)


def test_changed_content_is_seen(photos: Path) -> None:
    before = prepared(photos)
    (photos / "cats" / "01.png").write_bytes(encoded(picture(77)))
    after = prepared(photos)
    assert not np.array_equal(before.items, after.items)


def test_interruption_leaves_no_entry(photos: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, calls = survey.decode, []

    def interrupted(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) > 10:
            raise KeyboardInterrupt
        return whole(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(survey, "decode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepared(photos)
    assert list((own_cache / "data").iterdir()) == []
    assert len(prepared(photos).items) == 30


def test_a_damaged_entry_is_made_again(photos: Path, own_cache: Path) -> None:
    expected = np.array(prepared(photos).items)
    items = next((own_cache / "data").glob("*.npy"))
    items.write_bytes(items.read_bytes()[:-100])
    assert np.array_equal(prepared(photos).items, expected)


def test_names_and_order_do_not_decide_the_split(photos: Path, tmp_path: Path) -> None:
    files = sorted(photos.rglob("*.png"))
    other = tmp_path / "renamed"
    other.mkdir()
    for index, path in enumerate(reversed(files)):
        shutil.copy(path, other / f"picture {index}.png")
    first, second = prepared(photos), prepared(other)
    assert held_out_pixels(first) == held_out_pixels(second)
    at_16 = prepared(photos, size=16)
    assert at_16.held_out.tolist() == first.held_out.tolist()


def test_duplicates_do_not_straddle(photos: Path) -> None:
    for path in sorted(photos.rglob("*.png")):
        with Image.open(path) as image:
            image.save(path.with_name(f"copy of {path.name}"), compress_level=0)
    data = prepared(photos)
    assert len(data.items) == 60
    trained = {data.items[index].tobytes() for index in data.train}
    assert len(data.held_out) > 0
    assert not trained & held_out_pixels(data)
    assert len(data.manifest["duplicates"]) == 30


def test_given_splits_and_what_is_in_neither(make: Callable[..., Path]) -> None:
    files = {
        f"{part}/{n}.png": encoded(picture(hash((part, n)) % 999)) for part in ("train", "val", "test") for n in "123"
    }
    files["val/1.png"] = files["train/1.png"]
    said: list[str] = []
    data = prepare(DataOptions(str(make(files))), say=said.append)
    assert [data.names[i] for i in data.held_out] == ["val/1.png", "val/2.png", "val/3.png"]
    assert data.manifest["unused"] == ["test/1.png", "test/2.png", "test/3.png"]
    assert data.manifest["straddling"] == ["val/1.png"]
    assert any("val/1.png" in line for line in said)


def test_sizes_that_the_method_takes(photos: Path, make: Callable[..., Path]) -> None:
    def power(size: int) -> bool:
        return size & (size - 1) == 0

    options = DataOptions(str(make({f"{n}.png": encoded(picture(n, size=(28, 28))) for n in range(4)})))
    assert prepare(options).items.shape[1] == 28
    assert prepare(options, sizes=power).items.shape[1] == 32
    assert prepare(options, sizes=lambda size: size % 4 == 0).items.shape[1] == 28
    mixed = make({f"{n}.png": encoded(picture(n, size=(40 + n, 40))) for n in range(4)}, "mixed")
    assert prepared(mixed).items.shape[1] == 64


@pytest.mark.parametrize("first", ["grey", "colour"])
def test_grey_sets_have_one_channel_and_mixed_ones_three(make: Callable[..., Path], first: str) -> None:
    grey = {f"{n}.png": encoded(picture(n, mode="L").convert("RGB")) for n in range(5)}
    assert prepared(make(grey, "grey")).spec.shape == (1, 32, 32)
    assert prepared(make(grey, "grey"), colour="rgb").spec.shape == (3, 32, 32)
    odd = {("0" if first == "colour" else "9") + ".png": encoded(picture(50))}
    data = prepared(make(grey | odd, "mixed"))
    assert data.spec.shape == (3, 32, 32)
    for index, name in enumerate(data.names):
        assert (
            np.array_equal(data.items[index], np.asarray(picture(int(name[0]), mode="L").convert("RGB"))) or name in odd
        )
    assert prepared(make(grey | odd, "mixed"), colour="grey").spec.shape == (1, 32, 32)


def test_some_bad_files_are_skipped_and_said(photos: Path) -> None:
    (photos / "cats" / "bad.png").write_bytes(b"words")
    for _ in range(2):  # also when it comes from the cache
        said: list[str] = []
        data = prepare(DataOptions(str(photos)), say=said.append)
        assert len(data.items) == 30
        assert said == ["skipped 1 of 31: cats/bad.png (not a picture)"]
        with pytest.raises(UserError, match=r"cats/bad\.png is unusable \(not a picture\)"):
            prepared(photos, on_bad="stop")


def test_stop_at_the_first_without_a_cache(photos: Path, own_cache: Path) -> None:
    (photos / "cats" / "bad.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"cats/bad\.png is unusable \(zero bytes\)"):
        prepared(photos, on_bad="stop")
    assert list((own_cache / "data").iterdir()) == []


def test_too_many_bad_files(photos: Path) -> None:
    for index in range(2):
        (photos / f"bad{index}.png").write_bytes(b"words")
    with pytest.raises(UserError, match=r"(?s)more than 5% is unusable.*bad0\.png \(not a picture\), bad1\.png"):
        prepared(photos)


def test_nothing_usable(make: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="none of its 2 pictures is usable"):
        prepared(make({"a.png": b"words", "b.png": b""}, "bad"))
    with pytest.raises(UserError, match="only 1 usable picture"):
        prepared(make({"a.png": encoded(picture())}, "one"))
    with pytest.raises(UserError, match="are the same"):
        prepared(make({"a.png": encoded(picture()), "b.png": encoded(picture())}, "same"))


def test_points_and_factors() -> None:
    points = prepared("gaussians", limit=500)
    assert points.spec.kind == "points"
    assert points.spec.shape == (2,)
    assert points.items.dtype == np.float32
    assert points.batch(points.train[:3]).x.shape == (3, 2)
    shoes = prepared("sneakers", limit=20, size=32)
    assert shoes.factors.shape == (20, len(shoes.spec.factors))
    assert shoes.factors.dtype == np.float32
    assert np.isfinite(shoes.factors).all()


def test_digits_are_grey_at_32() -> None:
    digits = prepared("digits")
    assert digits.spec.shape == (1, 32, 32)
    assert len(digits.spec.classes) == 10
    assert 0.07 < len(digits.held_out) / 1797 < 0.13


def test_unwritable_cache_is_named(photos: Path, own_cache: Path) -> None:
    own_cache.write_bytes(b"a file where the folder should be")
    with pytest.raises(UserError, match=f"{own_cache}.*IMAGINABLE_CACHE"):
        prepared(photos)
