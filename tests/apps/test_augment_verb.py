"""Synthetic pictures for training: kept by a stated rule, marked as what they are, the same ones for the same seed."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from augmenting import EACH, GREYS, dataset_of, maker, write_data
from PIL import Image

import imaginable as im
from imaginable.apps import _augmented, _features, _harvest
from imaginable.apps._augmented import Folder
from imaginable.apps._filter import COPY, FAR, OTHER, Filter
from imaginable.apps._harvest import Harvest
from imaginable.apps._makers import TIMES, Asked, Maker
from imaginable.apps._neighbours import Neighbours
from imaginable.apps._recount import near_copies
from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.data.dataset import DataOptions
from imaginable.data.prepare import prepare
from imaginable.training import given

TINY = {"size": 16, "network": "mlp", "hidden": 8, "latents": 4, "batch": 8, "images": 64, "device": "cpu"}


@pytest.fixture(autouse=True)
def short_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Greys are told apart quickly."""
    monkeypatch.setattr(_features, "LEAST_IMAGES", 1500)
    monkeypatch.setattr(_features, "EPOCHS", 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("real") / "greys")


def made(one: Maker, out: Path, per_class: int = 5, seed: int = 0, said: list[str] | None = None) -> list[Harvest]:
    rule = Filter(one.options, one.dataset, one.options.flip, _quiet)
    folder = Folder(out, one.classes)
    say = _quiet if said is None else said.append
    return _augmented.make(one, rule, one.classes, Asked(per_class, seed), folder, say)


def _quiet(line: str) -> None:
    pass


def rows(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "manifest.csv").read_text().splitlines()))


# ---- what is kept


def test_good_pictures_pass_and_every_draw_is_accounted_for(data: Path, tmp_path: Path) -> None:
    harvests = made(maker(data), tmp_path / "out")
    assert [one.name for one in harvests] == list(GREYS)
    for one in harvests:
        assert len(one.kept) == 5
        assert one.drawn == len(one.kept) + sum(one.refused.values())
        grey = np.mean([kept.pixels for kept in one.kept])
        assert abs(grey - GREYS[one.name]) < 10
    assert sum(one.drawn for one in harvests) < 20, "nearly all are good"


@pytest.mark.parametrize(("kind", "reason"), [("copy", COPY), ("other", OTHER), ("noise", FAR)])
def test_every_reason_refuses_and_the_draws_end(kind: str, reason: str, data: Path, tmp_path: Path) -> None:
    said: list[str] = []
    harvests = made(maker(data, kind), tmp_path / "out", per_class=10, said=said)
    for one in harvests:
        assert not one.kept
        assert one.drawn == sum(one.refused.values()) == TIMES * 10
        assert one.refused[reason] == one.drawn or kind == "noise", "noise may look like another class"
        assert all(0 < len(shown) <= _harvest.EXAMPLES for shown in one.examples.values())
    assert any(one.refused[reason] for one in harvests)
    assert sum("fell short of 10" in line for line in said) == 3
    assert not list((tmp_path / "out").rglob("*.png"))
    assert json.loads((tmp_path / "out" / "augment.json").read_text())["classes"]["dark"]["kept"] == 0


def test_a_mirrored_copy_is_one_where_the_run_mirrors(data: Path, tmp_path: Path) -> None:
    plain, mirrored = (made(maker(data, "mirror", flip), tmp_path / str(flip)) for flip in (False, True))
    assert all(one.refused[COPY] == one.drawn for one in mirrored)
    assert all(one.kept for one in plain)


def test_copies_in_the_data_do_not_make_copies_usual(data: Path) -> None:
    dataset = dataset_of(data)
    train = dataset.train
    items = np.array(dataset.items)
    items[train[:10]] = items[train[10:20]]
    found = Neighbours(replace(dataset, items=items))
    assert found.copy_below > 1
    assert (found.apart(items[train])[0] < found.copy_below).all()
    distances, index = found.apart(items[train[20:40]])
    assert index.tolist() == train[20:40].tolist()
    assert distances.max() == 0
    lighter = np.clip(items[train[20:40]].astype(int) + 7, 0, 255).astype(np.uint8)
    assert found.apart(lighter)[0] == pytest.approx(np.full(20, 7.0), abs=0.01)
    near, verdict = found.nearest(items[train[30]])
    assert near[0].name == dataset.names[train[30]]
    assert verdict.startswith("nearly a copy")


def test_held_out_real_pictures_pass(data: Path) -> None:
    rule = Filter(DataOptions(str(data)), dataset_of(data), False, _quiet)
    found = rule.yardstick([0, 1, 2])
    assert found["n"] == len(dataset_of(data).held_out) > 3
    assert sum(found[reason] for reason in (COPY, OTHER, FAR)) <= 0.25


def test_the_recount_finds_what_the_filter_would_refuse(data: Path) -> None:
    dataset = dataset_of(data)
    index = dataset.train[:4]
    copies = np.array(dataset.items[index])
    assert near_copies([copies, copies[:2]], dataset, 3.0, mirrored=False) == 6
    assert near_copies([copies[:, :, ::-1]], dataset, 3.0, mirrored=False) == 0
    assert near_copies([copies[:, :, ::-1]], dataset, 3.0, mirrored=True) == 4
    rule = Filter(DataOptions(str(data)), dataset, False, _quiet)
    far = np.clip(copies.astype(int) + 30, 0, 255).astype(np.uint8)
    distances, _ = rule.neighbours.apart(far)
    below = float(np.sort(distances)[1])
    assert near_copies([far], dataset, below + 1e-3, mirrored=False) == 2
    assert near_copies([far], dataset, below - 1e-3, mirrored=False) == 1


# ---- what is written


def test_the_same_seed_gives_the_same_pictures_however_many(data: Path, tmp_path: Path) -> None:
    one = maker(data)
    for name, per_class, seed in (("few", 3, 0), ("more", 70, 0), ("others", 3, 1)):
        made(one, tmp_path / name, per_class, seed)
    few = sorted(path.relative_to(tmp_path / "few") for path in (tmp_path / "few").rglob("*.png"))
    assert len(few) == 9
    for path in few:
        assert (tmp_path / "few" / path).read_bytes() == (tmp_path / "more" / path).read_bytes()
    assert (tmp_path / "few" / few[0]).read_bytes() not in [
        path.read_bytes() for path in (tmp_path / "others").rglob("*.png")
    ]


def test_every_picture_says_what_it_is(data: Path, tmp_path: Path) -> None:
    made(maker(data), tmp_path / "out", seed=7)
    found = rows(tmp_path / "out")
    assert sorted(row["file"] for row in found) == sorted(
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png")
    )
    for row in found:
        with Image.open(tmp_path / "out" / row["file"]) as picture:
            text = picture.text  # type: ignore[attr-defined]
        assert text["Description"] == "Synthetic image, made by Painter (painted), seed 7".replace(
            "Painter", row["method"]
        )
        assert (text["Imaginable-Class"], text["Seed"], text["Number"]) == (row["class"], "7", row["number"])
        assert text["Model-SHA256"] == row["model_sha256"] == "5" * 64
        assert row["synthetic"] == "true"
        assert row["file"].startswith(f"{row['class']}/seed7-")
        assert row["nearest_training_picture"] in dataset_of(data).names
        assert 0.5 < float(row["probability"]) <= 1
        assert float(row["grey_levels_from_it"]) > 0


def test_the_folder_is_training_data_with_the_same_classes(data: Path, tmp_path: Path) -> None:
    made(maker(data), tmp_path / "out")
    found = prepare(DataOptions(str(tmp_path / "out")))
    assert found.spec.classes == dataset_of(data).spec.classes
    assert len(found.items) == 15


def test_earlier_results_are_replaced_and_strange_pictures_stop_it(data: Path, tmp_path: Path) -> None:
    one, out, said = maker(data), tmp_path / "out", list[str]()
    made(one, out, 5, seed=0)
    made(one, out, 2, seed=1, said=said)
    assert "15 pictures there from before" in said[0]
    assert len(list(out.rglob("*.png"))) == 6
    Image.new("L", (16, 16)).save(out / "dark" / "mine.png")
    with pytest.raises(UserError, match=r"dark/mine.png is no earlier result"):
        made(one, out, 2)
    assert len(list(out.rglob("*.png"))) == 7


def test_ctrl_c_leaves_whole_files_and_says_how_far_it_came(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, calls, said = _augmented._write, list[int](), list[str]()

    def write(*given: object) -> list[object]:
        calls.append(1)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return whole(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(_augmented, "_write", write)
    with pytest.raises(KeyboardInterrupt):
        made(maker(data), tmp_path / "out", said=said)
    assert said[-1].startswith("stopped: 7 of 15 pictures")
    assert len(rows(tmp_path / "out")) == len(list((tmp_path / "out").rglob("*.png"))) == 7
    assert json.loads((tmp_path / "out" / "augment.json").read_text())["complete"] is False
    assert not Folder(tmp_path / "out", list(GREYS)).is_whole()


def test_classes_whose_names_are_no_folders(tmp_path: Path) -> None:
    classes = ("t-shirt", "shoes & boots", "a/b", "a-b", "..", "A/B")
    names = list(Folder(tmp_path / "none", classes).of.values())
    assert names[:2] == ["t-shirt", "shoes & boots"]
    assert len({name.casefold() for name in names}) == 6
    assert not any("/" in name or name.startswith(".") for name in names)


# ---- on the command line


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "told"
    im.train("conditional_vae", str(data), run=str(folder), **TINY)
    return folder


def test_a_run_that_was_told_the_classes(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["augment", str(run), "--per-class", "2", "--out", str(tmp_path / "out"), "--label", "middle"])
    out = capsys.readouterr().out
    assert "of 6 held-out real pictures it would refuse" in out or "held-out real pictures" in out
    found = json.loads((tmp_path / "out" / "augment.json").read_text())
    assert set(found["classes"]) == {"middle"}
    assert found["models"]["middle"] == {"method": "conditional_vae", "sha256": given.fingerprint(run / "model")}
    assert code == (0 if found["classes"]["middle"]["kept"] else 1)
    assert (tmp_path / "out" / "augment.html").read_text().count("<img") >= 2


def test_one_run_a_class(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    for name in ("dark", "light"):
        im.train("vae", str(data / name), run=str(runs / name), **TINY)
    assert main(["augment", str(runs), "--per-class", "2", "--out", str(tmp_path / "out")]) in (0, 1)
    found = json.loads((tmp_path / "out" / "augment.json").read_text())
    assert {name: one["sha256"] for name, one in found["models"].items()} == {
        name: given.fingerprint(runs / name / "model") for name in ("dark", "light")
    }
    assert all(one["drawn"] > 0 for one in found["classes"].values())
    capsys.readouterr()
    assert main(["augment", str(runs / "dark")]) == 2
    said = capsys.readouterr().err
    assert "a model without classes (vae is never told them)" in said
    assert "imaginable augment RUNS" in said
    assert len(said.strip().splitlines()) == 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere"], "no run here"),
        (["RUN", "--per-class", "0"], "--per-class 0: must be at least 1"),
        (["RUN", "--label", "drak"], "did you mean 'dark'"),
        (["RUN", "--out", "DATA/more"], "inside the real data"),
        (["RUN", "--out", "DATA"], "inside the real data"),
        (["RUN", "--truncation", "0"], "truncation 0.0: a number above 0"),
        (["RUN", "--per-clas", "3"], "did you mean '--per-class'"),
    ],
)
def test_mistakes_get_one_or_two_clear_lines(
    words: list[str], expected: str, run: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word.replace("RUN", str(run)).replace("DATA", str(data)) for word in words]
    before = sorted(data.rglob("*"))
    assert main(["augment", *given]) == 2
    said = capsys.readouterr().err
    assert expected in said
    assert len(said.strip().splitlines()) <= 2
    assert sorted(data.rglob("*")) == before


def spoilt(data: Path, name: str, keep: int, same: bool = False) -> None:
    for number, path in enumerate(sorted((data / name).glob("*.png"))):
        if number >= keep:
            path.unlink()
        elif same:
            Image.new("L", (16, 16), 100).save(path)  # a grey that is not held out


@pytest.mark.parametrize(
    ("keep", "same", "expected"),
    [
        (1, False, r"class 'dark' has (1|no) training picture \(. held out or not used\), and at least 2"),
        (EACH, True, r"all \d+ training pictures of class 'dark' look exactly the same"),
    ],
)
def test_classes_that_cannot_be_augmented_are_named(
    keep: int, same: bool, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path / "data")
    spoilt(data, "dark", keep, same)
    im.train("conditional_vae", str(data), run=str(tmp_path / "run"), **TINY)
    capsys.readouterr()
    for more in ([], ["--prove"]):
        assert main(["augment", str(tmp_path / "run"), *more]) == 2
        assert re.search(expected, capsys.readouterr().err)
    assert not (tmp_path / "run" / "augmented").exists()


def test_unreadable_files_are_named_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_data(tmp_path / "data")
    (data / "dark" / "broken.png").write_text("no picture")
    im.train("conditional_vae", str(data), run=str(tmp_path / "run"), **TINY)
    capsys.readouterr()
    assert main(["augment", str(tmp_path / "run"), "--per-class", "1"]) in (0, 1)
    assert "skipped 1 of 73: dark/broken.png" in capsys.readouterr().out
