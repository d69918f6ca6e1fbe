"""Pairs and domains: partners by name or side by side; what is left out is named; nothing held out is trained on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sample_files import encoded, picture

from imaginable.core.errors import UserError
from imaginable.core.types import Kind
from imaginable.data import drawn, survey
from imaginable.data.check import check
from imaginable.data.dataset import DataOptions, Dataset
from imaginable.data.prepare import prepare
from imaginable.methods.vae import Vae
from imaginable.training.job import Job, Training
from imaginable.training.train import load_data

Make = Callable[..., Path]


def prepared(source: Path | str, kind: Kind = "pairs", say: Any = None, **options: Any) -> Dataset:
    return prepare(DataOptions(str(source), **options), say=say, consumes=frozenset({kind}))


def two_folders(count: int = 20, a: str = "A", b: str = "B") -> dict[str, bytes]:
    """Partner i of picture i is picture 100 + i, in another format."""
    files = {f"{a}/{index:02}.png": encoded(picture(index)) for index in range(count)}
    return files | {f"{b}/{index:02}.bmp": encoded(picture(100 + index), "BMP") for index in range(count)}


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    both = Image.new(left.mode, (left.width + right.width, left.height))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return both


def double(count: int = 20) -> dict[str, bytes]:
    return {f"{index:02}.png": encoded(beside(picture(index), picture(100 + index))) for index in range(count)}


def shown(array: np.ndarray | None, index: int, seed: int) -> bool:
    """Whether an array holds `picture(seed)` there."""
    assert array is not None
    return np.array_equal(array[index], np.asarray(picture(seed)))


# ---- partners by name


@pytest.mark.parametrize(("a", "b"), [("A", "B"), ("a", "b"), ("set/A", "set/B"), ("A/x", "B/x")])
def test_partners_are_found_by_name(make: Make, a: str, b: str) -> None:
    data = prepared(make(two_folders(a=a, b=b)))
    assert data.spec.kind == "pairs"
    assert data.spec.shape == data.spec.target_shape == (3, 32, 32)
    assert data.spec.classes == ()
    assert data.spec.count == len(data.train)
    assert data.targets is not None
    assert not data.targets.flags.writeable
    for index, (name, other) in enumerate(zip(data.names, data.target_names, strict=True)):
        seed = int(Path(name).stem)
        assert Path(other).stem == Path(name).stem
        assert shown(data.items, index, seed)
        assert shown(data.targets, index, 100 + seed)
    assert sorted([*data.train, *data.held_out]) == list(range(20))
    batch = data.batch(data.train[:4])
    assert batch.y is not None
    assert batch.y.equal(data.target_batch(data.train[:4]))
    assert data.manifest["pairs"] == 20
    assert data.manifest["arrangement"] == "pairs"


LAYOUTS = ["{split}/{side}/", "{side}/{split}/", "{split}{side}/", "set/{split}{side}/", "set/{split}/{side}/"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_splits_above_below_and_glued_are_kept_apart(make: Make, layout: str) -> None:
    """The same file names in train and test, as in the published sets."""
    files: dict[str, bytes] = {}
    for offset, split, count in ((0, "train", 6), (50, "test", 3)):
        for index in range(count):
            for side, more in (("A", 0), ("B", 100)):
                name = f"{layout.format(split=split, side=side)}{index}.png"
                files[name] = encoded(picture(offset + more + index))
    data = prepared(make(files))
    assert (len(data.train), len(data.held_out)) == (6, 3)
    for index in data.held_out:
        seed = 50 + int(Path(data.names[index]).stem)
        assert shown(data.items, index, seed)
        assert shown(data.targets, index, 100 + seed)


def test_missing_partners_are_named_and_left_out(make: Make) -> None:
    files = two_folders()
    del files["B/03.bmp"], files["A/05.png"]
    files["B/07.png"] = encoded(picture(7))  # a second 07 in B: which one is meant?
    said: list[str] = []
    data = prepared(folder := make(files), say=said.append)
    assert len(data.items) == 17
    assert data.manifest["alone"] == ["A/03.png", "A/07.png", "B/05.bmp", "B/07.bmp", "B/07.png"]
    assert "5 pictures without a partner are left out: A/03.png" in said[0]
    lines = check(DataOptions(str(folder))).lines()
    assert any(line.split() == ["pairs", "17", "by", "name", "in", "A", "and", "B"] for line in lines)
    assert check(DataOptions(str(folder), limit=9)).pairs is None, "partners may be among the others"
    assert any("no partner 5: A/03.png, A/07.png, B/05.bmp, B/07.bmp, B/07.png" in line for line in lines)


def test_the_partner_of_a_bad_file_is_left_out_too(make: Make) -> None:
    files = two_folders()
    files["B/03.bmp"] = b""
    data = prepared(folder := make(files))
    assert len(data.items) == len(data.targets if data.targets is not None else ()) == 19
    assert data.manifest["skipped"] == {"B/03.bmp": "zero bytes"}
    assert data.manifest["alone"] == ["A/03.png"]
    assert check(DataOptions(str(folder))).alone == ("A/03.png",)
    with pytest.raises(UserError, match=r"B/03\.bmp is unusable"):
        prepared(folder, on_bad="stop", size=16)
    with pytest.raises(UserError, match=r"B/03\.bmp is unusable"):
        prepared(folder, on_bad="stop")


def test_partners_of_other_proportions_are_pointed_out(make: Make) -> None:
    """Of each another part would be cut off; another size alone does no harm."""
    files = two_folders() | {"B/03.bmp": encoded(picture(103, size=(64, 32)), "BMP")}
    files["B/04.bmp"] = encoded(picture(104, size=(65, 64)), "BMP")
    folder = make(files)
    assert check(DataOptions(str(folder))).flagged == {"B/03.bmp": "64x32, and its partner A/03.png is 32x32"}
    assert len(prepared(folder).items) == 20, "used all the same"


def test_too_many_bad_files_stop_it(make: Make) -> None:
    files = two_folders()
    files |= dict.fromkeys(("B/03.bmp", "B/04.bmp", "A/11.png"), b"")
    with pytest.raises(UserError, match="more than 5% is unusable"):
        prepared(make(files))


def test_pictures_are_put_right_on_both_sides(make: Make) -> None:
    files = two_folders()
    exif = Image.Exif()
    exif[0x0112] = 3
    files["A/01.png"] = encoded(picture(1).rotate(180), exif=exif)
    clear = picture(102).convert("RGBA")
    clear.putalpha(0)
    files["B/02.bmp"] = encoded(clear)
    wide = np.asarray(picture(103, mode="L")).astype(np.uint16) * 257
    files["B/03.bmp"] = encoded(Image.fromarray(wide))
    data = prepared(make(files))
    assert shown(data.items, 1, 1)
    assert data.targets is not None
    assert (data.targets[2] == 255).all()
    assert np.array_equal(data.targets[3][..., 0], np.asarray(picture(103, mode="L")))
    assert set(data.manifest["fixed"]) >= {"rotated as its EXIF says", "transparency filled", "16 bits scaled to 8"}


def test_a_side_of_its_own_colours(make: Make) -> None:
    """Grey drawings to coloured photos."""
    files = two_folders()
    files |= {name: encoded(picture(int(Path(name).stem), mode="L")) for name in files if name.startswith("A")}
    data = prepared(make(files))
    assert data.spec.shape == (1, 32, 32)
    assert data.spec.target_shape == (3, 32, 32)
    assert prepared(make(files), colour="rgb").spec.shape == (3, 32, 32)


def test_no_copy_of_a_held_out_picture_is_trained_on(make: Make) -> None:
    """A copied pair, and pairs that share their A or their B, in chains."""
    files: dict[str, bytes] = {}
    for index in range(40):  # 0: (a0, b0), 1: (a0, b1), 2: (a2, b1), 3: (a3, b3) copied whole
        group, place = divmod(index, 5)
        a = (0, 0, 2, 3, 3)[place] + 5 * group
        b = (0, 1, 1, 3, 3)[place] + 5 * group
        files |= {f"A/{index}.png": encoded(picture(a)), f"B/{index}.png": encoded(picture(100 + b))}
    data = prepared(make(files))
    assert len(data.items) == 40
    assert len(data.held_out)
    for side in (data.items, data.targets):
        assert side is not None
        trained = {side[index].tobytes() for index in data.train}
        assert not trained & {side[index].tobytes() for index in data.held_out}


def test_the_split_goes_by_content_and_stays_at_another_size(make: Make) -> None:
    first = prepared(make(two_folders()))
    renamed = {name.replace("/", "/z"): content for name, content in two_folders().items()}
    second = prepared(make(renamed, name="renamed"), size=16)
    assert second.items.shape[1] == 16
    assert first.held_out.tolist() == second.held_out.tolist()


def test_a_zip_is_read_in_place_and_a_limit_counts_pairs(tmp_path: Path) -> None:
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w") as archive:
        for name, content in two_folders().items():
            archive.writestr(f"pairs/{name}", content)
    path = tmp_path / "pairs.zip"
    path.write_bytes(box.getvalue())
    data = prepared(path, limit=7)
    assert [Path(name).stem for name in data.names] == [Path(name).stem for name in data.target_names]
    assert len(data.items) == 7
    assert data.manifest["alone"] == []
    assert len(prepared(path).items) == 20


def test_second_time_nothing_is_decoded(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepared(folder := make(two_folders()))

    def fail(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(survey, "decode", fail)
    again = prepared(folder)
    assert first.manifest == again.manifest
    assert first.targets is not None
    assert again.targets is not None
    assert np.array_equal(first.targets, again.targets)
    for kind in ("domains", "images"):
        with pytest.raises(AssertionError, match="decoded again"):
            prepared(folder, kind)


def test_half_an_entry_is_made_again(make: Make, own_cache: Path) -> None:
    expected = prepared(folder := make(two_folders()))
    assert expected.targets is not None
    copy = np.array(expected.targets)
    for record in (own_cache / "data").glob("*.json"):
        if '"kind"' not in record.read_text():  # that of B
            record.unlink()
    targets = prepared(folder).targets
    assert targets is not None
    assert np.array_equal(targets, copy)


# ---- side by side


def test_pairs_side_by_side(make: Make) -> None:
    data = prepared(folder := make(double()), side_by_side=True)
    assert data.spec.shape == data.spec.target_shape == (3, 32, 32)
    assert data.names == data.target_names
    assert all(shown(data.items, index, index) and shown(data.targets, index, 100 + index) for index in range(20))
    assert data.manifest["pairs"] == 20
    checked = check(DataOptions(str(folder), side_by_side=True))
    assert checked.proposed_size == 32
    assert checked.sample[0].shape == (64, 128, 3), "both halves on the sheet"
    assert any(line.split() == ["pairs", "20", "side", "by", "side"] for line in checked.lines())


@pytest.mark.parametrize(
    ("size", "why"),
    [
        ((32, 32), "32x32 is not twice as wide as high"),
        ((32, 64), "32x64 is not twice as wide as high"),
        ((66, 32), "66x32 is not twice as wide as high"),
        ((65, 32), "65x32 has an odd width"),
    ],
)
def test_what_is_no_pair_is_never_cut_in_half(make: Make, size: tuple[int, int], why: str) -> None:
    plain = {f"{index}.png": encoded(picture(index, size=size)) for index in range(20)}
    with pytest.raises(UserError, match=f"none of its 20 pictures is usable;\n.*{why}") as refused:
        prepared(make(plain), side_by_side=True)
    assert str(refused.value).count(why) == 1, "what is wrong with all of them is said once"
    one = make(double() | {"odd.png": encoded(picture(1, size=size))}, name="one")
    data = prepared(one, side_by_side=True)
    assert len(data.items) == 20
    assert why in data.manifest["skipped"]["odd.png"]
    assert any(why in line for line in check(DataOptions(str(one), side_by_side=True)).lines())
    some = make(double() | {f"odd{n}.png": encoded(picture(n, size=size)) for n in range(2)}, name="some")
    with pytest.raises(UserError, match="more than 5% is unusable"):
        prepared(some, side_by_side=True)


def test_halves_of_a_turned_photo_are_those_of_the_upright_one(make: Make) -> None:
    files, exif = double(), Image.Exif()
    exif[0x0112] = 6  # turn it by 90 degrees clockwise to see it
    files["01.png"] = encoded(beside(picture(1), picture(101)).rotate(90, expand=True), exif=exif)
    data = prepared(make(files), side_by_side=True)
    assert shown(data.items, 1, 1)
    assert shown(data.targets, 1, 101)


def test_halves_are_put_right_together(make: Make) -> None:
    """Brightness is scaled by the whole picture, not by each half; what is transparent in one is filled."""
    files = double()
    wide = np.asarray(beside(Image.new("L", (32, 32), 51), picture(3, mode="L"))).astype(np.uint16) * 257
    files["03.png"] = encoded(Image.fromarray(wide))
    clear = picture(104).convert("RGBA")
    clear.putalpha(0)
    files["04.png"] = encoded(beside(picture(4).convert("RGBA"), clear))
    data = prepared(make(files), side_by_side=True)
    assert data.targets is not None
    assert (data.items[3] == 51).all()
    assert np.array_equal(data.targets[3][..., 0], np.asarray(picture(3, mode="L")))
    assert shown(data.items, 4, 4)
    assert (data.targets[4] == 255).all()


def test_halves_of_jpegs_do_not_mix(make: Make) -> None:
    """At a ninth of the size, where the decoder could have shrunk it by a factor that does not divide the half."""
    black, white = Image.new("RGB", (201, 201)), Image.new("RGB", (201, 201), "white")
    files = {f"{n}.jpg": encoded(beside(black, white), "JPEG", quality=95) for n in range(3)}
    files["other.jpg"] = encoded(beside(white, black), "JPEG")
    data = prepared(make(files), side_by_side=True, size=24, colour="grey")
    assert data.targets is not None
    assert data.items[0][:, :-1].max() < 30
    assert data.targets[0][:, 1:].min() > 225


def test_side_by_side_needs_a_method_of_two_sides(make: Make) -> None:
    with pytest.raises(UserError, match="--side-by-side: only methods that learn from pairs"):
        prepared(make(double()), "images", side_by_side=True)


# ---- domains


def domains(count: int = 30, other: int = 20) -> dict[str, bytes]:
    files = {f"A/apple{index}.png": encoded(picture(index)) for index in range(count)}
    return files | {f"B/orange{index}.png": encoded(picture(100 + index)) for index in range(other)}


def test_two_heaps_without_partners(make: Make) -> None:
    said: list[str] = []
    data = prepared(folder := make(domains()), "domains", said.append)
    assert data.spec.kind == "domains"
    assert data.targets is not None
    assert (len(data.items), len(data.targets)) == (30, 20)
    assert data.spec.target_shape == (3, 32, 32)
    assert sorted([*data.target_train, *data.target_held_out]) == list(range(20))
    assert len(data.target_held_out)
    for index, name in enumerate(data.target_names):
        assert shown(data.targets, index, 100 + int(Path(name).stem.removeprefix("orange")))
    assert data.batch(data.train[:3]).y is None
    assert data.target_batch(data.target_train[:3]).shape == (3, 3, 32, 32)
    assert said == []
    assert data.manifest["B"]["held_out"] == [data.target_names[index] for index in data.target_held_out]
    assert any("two domains" in line for line in check(DataOptions(str(folder))).lines())
    limited = prepared(folder, "domains", limit=15)
    assert limited.targets is not None
    assert (len(limited.items), len(limited.targets)) == (15, 15)


def test_domains_have_splits_of_their_own(make: Make) -> None:
    heaps = ((0, "train", "A", 6), (20, "test", "A", 2), (40, "train", "B", 4), (60, "test", "B", 3))
    files = {
        f"{split}{side}/{index}.png": encoded(picture(seed + index))
        for seed, split, side, count in heaps
        for index in range(count)
    }
    data = prepared(folder := make(files), "domains")
    counts = [len(index) for index in (data.train, data.held_out, data.target_train, data.target_held_out)]
    assert counts == [6, 2, 4, 3]
    pictures = prepared(folder, "images")
    assert pictures.spec.classes == ("A", "B"), "a method that takes pictures gets them as classes"
    assert (len(pictures.train), len(pictures.held_out)) == (10, 5)


def test_halves_as_domains_are_held_out_together(make: Make) -> None:
    data = prepared(make(double()), "domains", side_by_side=True)
    assert data.spec.kind == "domains"
    assert data.held_out.tolist() == data.target_held_out.tolist()
    assert shown(data.targets, 4, 104)


# ---- what cannot be


def test_pictures_get_a_and_b_as_classes(make: Make) -> None:
    data = prepared(make(two_folders()), "images")
    assert data.spec.classes == ("A", "B")
    assert data.targets is None
    assert len(data.items) == 40


@pytest.mark.parametrize("kind", ["pairs", "domains"])
@pytest.mark.parametrize(
    "files",
    [
        {f"{index}.png": encoded(picture(index)) for index in range(4)},
        {f"A/{index}.png": encoded(picture(index)) for index in range(4)},
        {f"{side}/{index}.png": encoded(picture(index)) for index in range(4) for side in "ABC"},
        {f"{side}{index}.png": encoded(picture(index)) for index in range(4) for side in ("A/", "B/", "")},
    ],
    ids=["flat", "only A", "a third folder", "pictures beside"],
)
def test_a_folder_without_two_sides_is_refused(make: Make, kind: Kind, files: dict[str, bytes]) -> None:
    with pytest.raises(UserError, match="there are no two sides here; needed are two folders A and B"):
        prepared(make(files), kind)


def test_useless_sources_are_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="digits: pairs are made of two folders A and B"):
        prepared("digits")
    monkeypatch.setattr(drawn, "sneakers", None)  # refused before one is drawn
    with pytest.raises(UserError, match="sneakers: domains are made of"):
        prepared("sneakers", "domains")
    with pytest.raises(UserError, match="no picture in A has a partner of the same name"):
        prepared(make(domains()))
    with pytest.raises(UserError, match="only 1 usable pair"):
        prepared(make(two_folders(1), name="one"))
    with pytest.raises(UserError, match="B: only 1 usable picture"):
        prepared(make(domains(5, 1), name="few"), "domains")
    same = {f"{side}/{index}.png": encoded(picture(side == "A")) for side in "AB" for index in range(5)}
    with pytest.raises(UserError, match="all 5 pairs are the same"):
        prepared(make(same, name="same"))
    with pytest.raises(UserError, match="--binarise"):
        prepared(make(two_folders(), name="grey"), binarise=True, colour="grey")


def test_a_method_gets_what_it_consumes_in_a_size_it_takes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{side}/{index}.png": encoded(picture(index, size=(30, 30))) for side in "AB" for index in range(5)}
    folder = str(make(files))
    assert load_data(Job(Vae(), DataOptions(folder), Training(), "")).spec.kind == "images"
    monkeypatch.setattr(Vae, "consumes", frozenset({"pairs"}))
    found = load_data(Job(Vae(), DataOptions(folder), Training(), "")).spec
    assert (found.kind, found.shape) == ("pairs", (3, 32, 32)), "the nearest to 30 that its networks take"
    with pytest.raises(UserError, match="30"):
        load_data(Job(Vae(), DataOptions(folder, size=30), Training(), ""))
