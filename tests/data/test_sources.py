"""Folders, zips, arrays and built-ins are the same list of items."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sample_files import encoded, picture

from imaginable.core.errors import UserError
from imaginable.data.dataset import DataOptions
from imaginable.data.items import Source
from imaginable.data.sources import locate, open_source

PNG = encoded(picture())


def opened(source: Path | str, **options: object) -> Source:
    return open_source(DataOptions(str(source), **options))  # type: ignore[arg-type]


def placed(source: Source) -> dict[str, tuple[str | None, str | None]]:
    return {item.name: (item.split, item.label) for item in source.items}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_sub_folders_are_classes_and_split_folders_are_not(make: Callable[..., Path]) -> None:
    folder = make({"Train/a/1.png": PNG, "Train/b/deep/2.png": PNG, "VAL/a/3.png": PNG, "test/b/4.JPG": PNG})
    assert placed(opened(folder)) == {
        "Train/a/1.png": ("train", "a"),
        "Train/b/deep/2.png": ("train", "b"),
        "VAL/a/3.png": ("validation", "a"),
        "test/b/4.JPG": ("test", "b"),
    }
    assert opened(folder).classes == ("a", "b")
    bare = opened(folder, unlabelled=True)
    assert bare.classes == ()
    assert {item.label for item in bare.items} == {None}
    assert [item.split for item in bare.items] == ["train", "train", "validation", "test"]


def test_zip_with_a_wrapping_folder_is_the_same(tmp_path: Path) -> None:
    files = {
        "set/train/a/1.png": PNG,
        "set/valid/b/2.png": PNG,
        "__MACOSX/set/._1.png": b"x",
        "set/.DS_Store": b"x",
    }
    with opened(zipped(tmp_path / "set.zip", files)) as source:
        assert placed(source) == {
            "set/train/a/1.png": ("train", "a"),
            "set/valid/b/2.png": ("validation", "b"),
        }
        assert source.read(source.items[1]) == PNG
        assert not source.others


def test_classes_that_are_numbers_are_in_their_order(make: Callable[..., Path]) -> None:
    assert opened(make({f"{n}/x{n}.png": PNG for n in (10, 9, 1)})).classes == ("1", "9", "10")


def test_a_single_class_says_nothing(make: Callable[..., Path]) -> None:
    assert opened(make({"train/shoes/1.png": PNG, "test/shoes/2.png": PNG})).classes == ()


def test_clutter_is_ignored_and_other_files_are_counted(make: Callable[..., Path]) -> None:
    files = {
        "1.png": PNG,
        "Thumbs.db": b"x",
        ".hidden.png": PNG,
        ".git/2.png": PNG,
        "notes.txt": b"x",
        "a.json": b"{}",
    }
    source = opened(make(files))
    assert [item.name for item in source.items] == ["1.png"]
    assert source.others == {".txt": 1, ".json": 1}


def test_labels_table_names_splits_classes_and_attributes(make: Callable[..., Path]) -> None:
    rows = ["images/1.png;train;cat;yes", "2;test;dog;no", "3.png;Val;cat;", "9.png;train;x;no"]
    table = "\n".join(["\ufefffile;split;label;hat", *rows])
    folder = make({**{f"images/{n}.png": PNG for n in (1, 2, 3)}, "labels.csv": table.encode()})
    source = opened(folder)
    assert [(item.split, item.label) for item in source.items] == [
        ("train", "cat"),
        ("test", "dog"),
        ("validation", "cat"),
    ]
    assert source.factors == ("hat",)
    assert source.factor_values == {"hat": ("no", "yes")}
    assert [item.factors[0] for item in source.items[:2]] == [1.0, 0.0]
    assert np.isnan(source.items[2].factors[0])
    assert any("1 of 4 rows name no picture" in note for note in source.notes)


def test_factors_are_numbers_or_indices(make: Callable[..., Path]) -> None:
    table = "file,height,shape,same,title\n" + "".join(
        f"{n}.png,{n / 2},{'round' if n % 2 else 'flat'},1,name {n}\n" for n in range(30)
    )
    folder = make({**{f"{n:}.png": PNG for n in range(30)}, "factors.csv": table.encode()})
    source = opened(folder)
    assert source.factors == ("height", "shape")
    assert source.factor_values == {"shape": ("flat", "round")}
    assert {item.name: item.factors for item in source.items}["7.png"] == (3.5, 1.0)
    assert sum("not used" in note for note in source.notes) == 2


def test_bare_names_that_fit_several_pictures_are_not_guessed(make: Callable[..., Path]) -> None:
    files = {"a/1.png": PNG, "b/1.png": PNG, "b/2.png": PNG, "labels.csv": b"file,label\n1,x\n2,y\n"}
    source = opened(make(files))
    assert [item.label for item in source.items] == ["a", "b", "y"]
    assert any("fit several" in note for note in source.notes)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (b"file,label\nnowhere.png,x\n", "names no picture that is here"),
        (b"file,label\n", "has no rows"),
        (b"file,label\n\xff\xfe\xff,x\n", "not a readable table"),
    ],
)
def test_useless_tables_are_refused(make: Callable[..., Path], table: bytes, message: str) -> None:
    with pytest.raises(UserError, match=f"labels.csv.*{message}"):
        opened(make({"1.png": PNG, "labels.csv": table}))


def test_limit_draws_from_all_classes(photos: Path) -> None:
    source = opened(photos, limit=12)
    assert len(source.items) == 12
    assert {item.label for item in source.items} == {"cats", "dogs"}
    assert [item.name for item in source.items] == sorted(item.name for item in source.items)


PICTURES = np.random.default_rng(0).integers(0, 256, (6, 16, 16), dtype=np.uint8)


@pytest.mark.parametrize(
    "arrays",
    [
        {
            "train_images": PICTURES[:4],
            "train_labels": [0, 1, 0, 2],
            "test_images": PICTURES[4:],
            "test_labels": [1, 2],
        },
        {
            "x_train": PICTURES[:4],
            "y_train": [[0], [1], [0], [2]],
            "x_test": PICTURES[4:],
            "y_test": [[1], [2]],
        },
    ],
)
def test_npz_with_splits(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    source = opened(tmp_path / "data.npz")
    assert [item.split for item in source.items] == ["train"] * 4 + ["test"] * 2
    assert [item.label for item in source.items] == ["0", "1", "0", "2", "1", "2"]
    assert source.own_size == 16
    assert np.array_equal(source.read(source.items[5]), PICTURES[5])


@pytest.mark.parametrize("kind", ["unit", "signed", "sixteen", "bool", "first"])
def test_npz_ranges_and_layouts(tmp_path: Path, kind: str) -> None:
    colour = np.random.default_rng(1).integers(0, 256, (5, 12, 12, 3), dtype=np.uint8)
    expected = np.where(colour > 127, 255, 0).astype(np.uint8) if kind == "bool" else colour
    stored = {
        "unit": (colour / 255).astype(np.float32),
        "signed": colour / 127.5 - 1,
        "sixteen": colour.astype(np.uint16) * 257,
        "bool": colour > 127,
        "first": colour.transpose(0, 3, 1, 2),
    }[kind]
    np.savez(tmp_path / "data.npz", images=stored)
    source = opened(tmp_path / "data.npz")
    assert np.array_equal(np.stack([source.read(item) for item in source.items]), expected)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": np.array([{}, 1], dtype=object)}, "Python objects"),
        ({"weights": np.zeros((3, 4))}, "no arrays of pictures"),
        ({"images": np.zeros((3, 4))}, "shape"),
        ({"images": np.full((3, 9, 9), -700.0)}, "values from -700"),
        ({"images": PICTURES, "labels": [1, 2]}, "6 pictures but 2 labels"),
    ],
)
def test_npz_that_cannot_be_used(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "data.npz", **arrays, allow_pickle=True)
    with pytest.raises(UserError, match=message):
        opened(tmp_path / "data.npz")


@pytest.mark.parametrize("suffix", [".zip", ".npz"])
@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_damaged_archives(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"data{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"{path.name}: .*again"):
        opened(path)


def test_encrypted_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "secret.zip", {"1.png": PNG})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    path.write_bytes(content)
    with pytest.raises(UserError, match="encrypted"):
        opened(path)


def test_zip_members_stay_inside(tmp_path: Path) -> None:
    with opened(zipped(tmp_path / "slip.zip", {"../../evil.png": PNG, "/root.png": PNG, "good.png": PNG})) as source:
        assert all(source.read(item) == PNG for item in source.items)
        assert [item.name for item in source.items] == ["good.png", "root.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["slip.zip"]


def test_missing_sources_hint_at_built_ins(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sneaker: no such file or folder, did you mean 'sneakers'"):
        locate("sneaker")
    with pytest.raises(UserError, match=r"qqq: no such file or folder; built in are"):
        locate("qqq")
    (tmp_path / "a.tar").write_bytes(b"x")
    with pytest.raises(UserError, match=r"a\.tar: neither a folder"):
        locate(str(tmp_path / "a.tar"))
    (tmp_path / "a.png").write_bytes(PNG)
    with pytest.raises(UserError, match="this is one picture"):
        locate(str(tmp_path / "a.png"))


def test_built_ins_win_over_bare_names_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert locate("digits")[0] == "built-in"
    assert locate("./digits")[0] == "folder"


def test_gaussians() -> None:
    for name, modes in (("gaussians", 8), ("gaussians-grid", 25)):
        source = opened(name, limit=4000)
        points = np.stack([source.read(item) for item in source.items])
        labels = np.array([int(item.label or 0) for item in source.items])
        assert source.points
        assert points.shape == (4000, 2)
        assert len(source.classes) == modes
        spread = [points[labels == mode].std(axis=0) for mode in range(modes)]
        assert np.allclose(spread, 0.05, atol=0.015)
        assert np.allclose(points.mean(axis=0), 0, atol=0.1)
    ring = opened("gaussians", limit=4000)
    assert np.allclose([np.hypot(*ring.read(item)) for item in ring.items], 1, atol=0.3)


def test_sneakers_and_digits() -> None:
    shoes = opened("sneakers", limit=3, size=32)
    assert shoes.read(shoes.items[0]).shape == (32, 32, 3)
    assert len(shoes.items[0].factors) == len(shoes.factors) > 3
    with pytest.raises(UserError, match="--size 16: sneakers"):
        opened("sneakers", limit=3, size=16)
    digits = opened("digits")
    assert len(digits.items) == 1797
    assert max(int(digits.read(item).max()) for item in digits.items) == 255


@pytest.mark.parametrize("size", [-8, 0, 3, 4097])
def test_senseless_sizes(size: int, photos: Path) -> None:
    with pytest.raises(UserError, match=f"--size {size}"):
        opened(photos, size=size)


def test_linked_folders_are_read_once(make: Callable[..., Path]) -> None:
    folder = make({"a/1.png": PNG, "b/2.png": PNG})
    (folder / "a" / "round").symlink_to(folder, target_is_directory=True)
    assert [item.name for item in opened(folder).items] == ["a/1.png", "b/2.png"]


def test_io_is_not_left_open(tmp_path: Path) -> None:
    """A zip that turns out useless is closed again (ResourceWarnings are errors)."""
    buffer = io.BytesIO(zipped(tmp_path / "none.zip", {"readme.md": b"x"}).read_bytes())
    assert zipfile.is_zipfile(buffer)
    with pytest.raises(UserError, match=r"no pictures here, only 1 \.md"):
        opened(tmp_path / "none.zip")
