"""`anomalies` as a person runs it: what is written, what the threshold promises, and what it says of bad input."""

from __future__ import annotations

import csv
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detecting import dark, npz, spotted
from PIL import Image

import imaginable as im
from imaginable.apps import _alarm_files, anomalies
from imaginable.apps._alarms import Alarms
from imaginable.apps._detector import Detector
from imaginable.cli import main
from imaginable.data import images
from imaginable.data.survey import Examined
from imaginable.metrics.detection import conformal_threshold, false_alarm_interval

Said = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that learned a little from dark pictures; 400 are held out, half of which calibrate."""
    folder = tmp_path_factory.mktemp("trained")
    data = npz(folder / "good.npz", train_images=dark(60), test_images=dark(400, 1))
    fields = {"size": 16, "images": 640, "batch": 16, "width": 8, "latents": 4, "device": "cpu"}
    im.train("autoencoder", str(data), run=str(folder / "run"), precision="float32", **fields)
    Detector.of(im.load(folder / "run"), folder / "run", lambda line: None)
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def written(folder: Path, pictures: np.ndarray, name: str = "") -> Path:
    for number, one in enumerate(pictures):
        images.save(folder / f"{name}{number}.png", one, None)
    return folder


def rows_of(out: Path) -> list[dict[str, str]]:
    with (out / "scores.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def judged(run: Path, pictures: Path, *words: str) -> int:
    return main(["anomalies", str(run), str(pictures), *words])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Six good ones and two with a bright spot, in folders of their own."""
    written(tmp_path / "photos" / "day 1", dark(6, 2))
    return written(tmp_path / "photos" / "day 2", spotted(dark(2, 3))).parent


# ---- what is written


def test_a_table_heat_maps_and_a_page_are_written(run: Path, photos: Path, tmp_path: Path, capsys: Said) -> None:
    out = tmp_path / "out"
    assert judged(run, photos, "--out", str(out), "--score", "rebuilt-worst") == 0
    said = capsys.readouterr().out
    rows = rows_of(out)
    assert list(rows[0]) == ["file", "score", "verdict", "p_value"]
    assert [row["file"] for row in rows] == [f"day 1/{n}.png" for n in range(6)] + ["day 2/0.png", "day 2/1.png"]
    assert [row["verdict"] for row in rows[6:]] == ["anomalous", "anomalous"]
    # the score is that of the detector, and the verdict that of its threshold
    detector = Detector.of(im.load(run), run)
    standard = detector.standards["rebuilt-worst"]
    expected = detector.look(images.to_float(np.concatenate([dark(6, 2), spotted(dark(2, 3))])), {"rebuilt-worst"})
    for row, score in zip(rows, expected["rebuilt-worst"].score.tolist(), strict=True):
        assert float(row["score"]) == pytest.approx(score, rel=1e-4)
        assert row["verdict"] == ("anomalous" if score > standard.threshold(0.05) else "good")
        assert float(row["p_value"]) == pytest.approx(standard.p_value(score), rel=1e-3)
    maps = sorted(path.relative_to(out / "maps").as_posix() for path in (out / "maps").rglob("*.png"))
    assert maps == [row["file"] for row in rows], "each as its picture is named"
    found = sum(row["verdict"] == "anomalous" for row in rows)
    assert f"{found} of 8 pictures are anomalous" in said
    assert "rebuilt-worst above" in said
    assert "which at most 5.0% of good pictures exceed (set on 200 held out from training)" in said
    assert images.text_of(out / "maps" / "day 2" / "0.png", "Software") == "imaginable"


def test_heat_lies_where_the_spot_is(run: Path, tmp_path: Path) -> None:
    photos, out = written(tmp_path / "photos", spotted(dark(1, 3), at=10)), tmp_path / "out"
    assert judged(run, photos, "--out", str(out), "--score", "rebuilt-worst") == 0
    with Image.open(out / "maps" / "0.png") as image:
        colours = np.asarray(image.convert("RGB")).astype(int)
    assert colours.shape == (256, 256, 3), "enlarged by a whole factor"
    warm = colours[..., 0] - colours[..., 2] > 60
    rows, columns = np.nonzero(warm)
    assert 10 * 16 <= rows.mean() <= 13 * 16
    assert 10 * 16 <= columns.mean() <= 13 * 16
    assert warm.mean() < 0.5


def test_the_page_shows_the_highest_first(run: Path, photos: Path, tmp_path: Path) -> None:
    assert judged(run, photos, "--out", str(tmp_path / "out"), "--shown", "3") == 0
    page = (tmp_path / "out" / "anomalies.html").read_text(encoding="utf-8")
    captions = re.findall(r"<figcaption>(\d)\. (.+?): (\w+), ", page)
    ranked = sorted(rows_of(tmp_path / "out"), key=lambda row: -float(row["score"]))
    assert captions == [(str(at), row["file"], row["verdict"]) for at, row in enumerate(ranked[:3], start=1)]
    assert "The 3 highest of 8" in page
    assert page.count("data:image/png") == 3
    assert "http" not in page.replace("http-equiv", ""), "it needs no network"
    assert len(list((tmp_path / "out" / "maps").rglob("*.png"))) == 3


def test_names_cannot_break_the_page(run: Path, tmp_path: Path) -> None:
    photos = written(tmp_path / "photos", dark(1, 3), "<b>&")
    assert judged(run, photos, "--out", str(tmp_path / "out")) == 0
    page = (tmp_path / "out" / "anomalies.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;&amp;0.png" in page
    assert "<b>&0" not in page


def test_every_adds_the_other_scores(run: Path, photos: Path, tmp_path: Path) -> None:
    assert judged(run, photos, "--out", str(tmp_path / "out"), "--score", "nearest", "--every") == 0
    names = ["mahalanobis", "rebuilt-mean", "rebuilt-worst", "rebuilt-features", "combined"]
    rows = rows_of(tmp_path / "out")
    assert set(rows[0]) == {"file", "score", "verdict", "p_value", *names}
    assert judged(run, photos, "--out", str(tmp_path / "alone"), "--score", "rebuilt-mean") == 0
    alone = {row["file"]: row["score"] for row in rows_of(tmp_path / "alone")}
    assert {row["file"]: row["rebuilt-mean"] for row in rows} == alone


def test_by_default_the_results_lie_in_the_run(run: Path, photos: Path) -> None:
    assert judged(run, photos) == 0
    assert len(rows_of(run / "anomalies")) == 8


def test_a_second_run_replaces_the_first(run: Path, photos: Path, tmp_path: Path, capsys: Said) -> None:
    out = tmp_path / "out"
    assert judged(run, photos, "--out", str(out)) == 0
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    written(out / "maps", dark(1))  # of someone else
    assert judged(run, photos, "--out", str(out)) == 0
    assert "calibrating" not in capsys.readouterr().out
    assert {path: path.read_bytes() for path in before} == before, "the same, to the last bit"
    assert judged(run, photos / "day 2", "--out", str(out)) == 0
    assert [row["file"] for row in rows_of(out)] == ["0.png", "1.png"]
    left = sorted(path.relative_to(out / "maps").as_posix() for path in (out / "maps").rglob("*.png"))
    assert left == ["0.png", "1.png"]


def test_pictures_of_others_among_the_maps_stay(run: Path, photos: Path, tmp_path: Path) -> None:
    kept = written(tmp_path / "out" / "maps" / "mine", dark(1))
    assert judged(run, photos, "--out", str(tmp_path / "out")) == 0
    np.testing.assert_array_equal(np.asarray(Image.open(kept / "0.png")), dark(1)[0])


def test_results_among_the_pictures_are_not_judged(run: Path, photos: Path, capsys: Said) -> None:
    for _ in range(2):
        assert judged(run, photos, "--out", str(photos / "found")) == 0
    assert len(rows_of(photos / "found")) == 8
    assert "left out 8 pictures in" in capsys.readouterr().out


# ---- the promise


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_of_good_pictures_as_many_are_alarming_as_was_promised(rate: float, run: Path, tmp_path: Path) -> None:
    fresh = npz(tmp_path / "fresh.npz", images=dark(800, 11))
    assert judged(run, fresh, "--out", str(tmp_path / "out"), "--rate", str(rate), "--shown", "0") == 0
    alarms = np.mean([row["verdict"] == "anomalous" for row in rows_of(tmp_path / "out")])
    low, high = false_alarm_interval(200, 800, rate, level=0.999)
    assert low <= alarms <= high
    assert not (tmp_path / "out" / "maps").exists(), "none was asked for"


def test_the_threshold_is_the_conformal_one_at_every_rate(run: Path) -> None:
    detector = Detector.of(im.load(run), run)
    calibration = np.array(detector.standards[detector.default].calibration)
    for rate in (0.01, 0.05, 0.5):
        assert Alarms(detector, detector.default, rate).threshold == conformal_threshold(calibration, rate)


def test_pictures_that_are_named_set_the_threshold(run: Path, photos: Path, tmp_path: Path, capsys: Said) -> None:
    """Where all pictures have a spot, a spot is nothing to be alarmed of."""
    given = npz(tmp_path / "spotted.npz", images=spotted(dark(100, 4)))
    words = ["--out", str(tmp_path / "out"), "--score", "rebuilt-worst", "--calibrate", str(given)]
    assert judged(run, photos, *words, "--rate", "0.02") == 0
    assert f"set on 50 of {given}" in capsys.readouterr().out
    assert {row["verdict"] for row in rows_of(tmp_path / "out")} == {"good"}


# ---- where pictures come from


def test_a_single_picture_a_zip_and_an_npz(run: Path, photos: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted(photos.rglob("*.png")):
            archive.write(path, path.relative_to(photos))
    arrays = npz(tmp_path / "photos.npz", images=np.concatenate([dark(6, 2), spotted(dark(2, 3))]))
    scores = []
    for given in (photos, tmp_path / "photos.zip", arrays):
        assert judged(run, given, "--out", str(tmp_path / "out")) == 0
        scores.append([row["score"] for row in rows_of(tmp_path / "out")])
    assert scores[0] == scores[1] == scores[2]
    assert judged(run, photos / "day 2" / "1.png", "--out", str(tmp_path / "out")) == 0
    (row,) = rows_of(tmp_path / "out")
    assert row["file"] == "1.png"
    assert float(row["score"]) == pytest.approx(float(scores[0][7]), rel=1e-4)


# ---- bad input


def test_bad_files_are_named_on_the_page_and_in_the_table_and_the_rest_goes_on(
    run: Path, photos: Path, tmp_path: Path, capsys: Said
) -> None:
    (photos / "notes.png").write_bytes(b"no picture")
    (photos / "empty.jpg").write_bytes(b"")
    good = (photos / "day 1" / "0.png").read_bytes()
    (photos / "cut.png").write_bytes(good[: len(good) // 2])
    assert judged(run, photos, "--out", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out
    rows = {row["file"]: row for row in rows_of(tmp_path / "out")}
    page = (tmp_path / "out" / "anomalies.html").read_text(encoding="utf-8")
    assert len(rows) == 11
    for name in ("notes.png", "empty.jpg", "cut.png"):
        assert f"left out {name}: " in said
        assert rows[name]["verdict"].startswith("unreadable: ")
        assert rows[name]["score"] == rows[name]["p_value"] == ""
        assert f"<li>{name}: " in page
    assert "of 8 pictures are anomalous, 3 could not be read" in said


def test_nothing_readable_is_a_failure(run: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.png").write_bytes(b"no picture")
    assert judged(run, tmp_path / "photos", "--out", str(tmp_path / "out")) == 1
    assert "no readable picture among 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_other_sizes_are_warned_of(run: Path, photos: Path, tmp_path: Path, capsys: Said) -> None:
    images.save(photos / "wide.png", np.zeros((20, 60, 3), np.uint8), None)
    assert judged(run, photos, "--out", str(tmp_path / "out")) == 0
    assert "1 pictures are not as large as those it was trained on (16x16)" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "out")) == 9


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "0"], "--rate 0: a share between 0 and 1"),
        (["--rate", "1.5"], "--rate 1.5: a share between 0 and 1"),
        (["--shown", "-1"], "--shown -1: a number from 0 on"),
        (["--score", "bound"], "--score bound: autoencoder has rebuilt-mean, rebuilt-worst, rebuilt-features"),
        (["--calibrate", "nowhere"], "nowhere: no such file or folder"),
        (["--rat", "0.1"], "did you mean '--rate'?"),
    ],
)
def test_wrong_flags_are_refused_by_name(
    words: list[str], said: str, run: Path, photos: Path, tmp_path: Path, capsys: Said
) -> None:
    assert judged(run, photos, "--out", str(tmp_path / "out"), *words) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_rate_that_too_few_pictures_stand_behind_is_refused_with_one_that_would_do(
    run: Path, photos: Path, tmp_path: Path, capsys: Said
) -> None:
    assert judged(run, photos, "--out", str(tmp_path / "out"), "--rate", "0.004") == 2
    said = capsys.readouterr().err
    assert "--rate 0.004: 200 good pictures held out from training set the threshold, and that takes 249" in said
    (rate,) = re.findall(r"allow more alarms: --rate ([\d.]+)", said)
    assert judged(run, photos, "--out", str(tmp_path / "out"), "--rate", rate) == 0
    assert float(rate) == pytest.approx(1 / 201, abs=1e-3)


def test_an_empty_folder_and_no_folder(run: Path, tmp_path: Path, capsys: Said) -> None:
    (tmp_path / "empty").mkdir()
    assert judged(run, tmp_path / "empty") == 2
    assert "this is empty" in capsys.readouterr().err
    assert judged(run, tmp_path / "nowhere") == 2
    assert "no such file or folder" in capsys.readouterr().err
    assert judged(tmp_path / "nobody", tmp_path / "empty") == 2


def test_points_are_no_pictures(run: Path, capsys: Said) -> None:
    assert main(["anomalies", str(run), "gaussians"]) == 2
    assert "these are points, no pictures" in capsys.readouterr().err


def test_results_of_someone_else_are_not_overwritten(run: Path, photos: Path, tmp_path: Path, capsys: Said) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "scores.csv").write_text("name,goals\nwe,3\n")
    assert judged(run, photos, "--out", str(out)) == 2
    assert "scores.csv is there and no result of imaginable" in capsys.readouterr().err
    assert (out / "scores.csv").read_text() == "name,goals\nwe,3\n"
    assert judged(run, photos, "--out", str(out / "scores.csv")) == 2
    assert "this is a file, and a folder was expected" in capsys.readouterr().err


def test_whoever_stops_it_keeps_what_was_scored(
    run: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = npz(tmp_path / "fresh.npz", images=dark(150, 11))
    whole: Callable[..., Iterator[Examined]] = anomalies.examine

    def stopped(*words: Any) -> Iterator[Examined]:
        for number, one in enumerate(whole(*words)):
            if number == 140:
                raise KeyboardInterrupt
            yield one

    monkeypatch.setattr(anomalies, "examine", stopped)
    assert judged(run, fresh, "--out", str(tmp_path / "out")) == 130
    assert "stopped: 128 of 150 pictures were scored" in capsys.readouterr().out
    assert len(rows_of(tmp_path / "out")) == 128
    assert (tmp_path / "out" / "anomalies.html").exists()


# ---- bounded memory


def test_blocks_are_judged_one_by_one_and_only_the_highest_pictures_are_kept(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks: list[int] = []
    kept: list[int] = []
    plain = Alarms.judge

    def watched(self: Alarms, pixels: np.ndarray, names: list[str]) -> Any:
        found = plain(self, pixels, names)
        blocks.append(len(pixels))
        kept.append(len(self.kept))
        return found

    monkeypatch.setattr(Alarms, "judge", watched)
    fresh = npz(tmp_path / "fresh.npz", images=dark(150, 11))
    assert judged(run, fresh, "--out", str(tmp_path / "out"), "--shown", "20") == 0
    assert blocks == [64, 64, 22]
    assert kept == [20, 20, 20]


def test_the_highest_are_those_of_all_blocks(run: Path) -> None:
    detector = Detector.of(im.load(run), run)
    alarms = Alarms(detector, "rebuilt-mean", 0.05, shown=7)
    pictures = dark(90, 12)
    for start in range(0, 90, 30):
        alarms.judge(pictures[start : start + 30], [str(number) for number in range(start, start + 30)])
    assert [one.judged.name for one in alarms.kept] == [one.name for one in alarms.ranked[:7]]
    for one in alarms.kept:
        np.testing.assert_array_equal(one.pixels, pictures[int(one.judged.name)])
    assert len(alarms.judged) == 90


def test_ties_are_kept_in_the_order_they_came(run: Path) -> None:
    detector = Detector.of(im.load(run), run)
    alarms = Alarms(detector, "rebuilt-mean", 0.05, shown=3)
    alarms.judge(dark(1).repeat(5, 0), list("abcde"))
    assert [one.judged.name for one in alarms.kept] == list("abc")


# ---- pictures of heat


def test_no_heat_leaves_a_pale_picture_and_full_heat_covers_it() -> None:
    pixels = np.zeros((32, 32, 1), np.uint8)
    cold, hot = (_alarm_files.overlay(pixels, np.full((32, 32), heat, np.float32)) for heat in (0, 1))
    assert cold.shape == hot.shape == (256, 256, 3)
    assert np.unique(cold).tolist() == [48]
    assert hot[0, 0].tolist() == pytest.approx([0.15 * 48 + 0.85 * one for one in (200, 0, 80)], abs=1)


def test_large_pictures_keep_their_size() -> None:
    assert _alarm_files.enlarged(np.zeros((300, 300, 3), np.uint8)).shape == (300, 300, 3)
    assert _alarm_files.enlarged(np.zeros((100, 100, 1), np.uint8)).shape == (300, 300, 3)


def test_chance_and_verdict_agree_at_the_threshold_itself(run: Path) -> None:
    detector = Detector.of(im.load(run), run)
    standard, name = detector.standards["nearest"], "nearest"
    threshold = Alarms(detector, name, 0.05).threshold
    assert standard.p_value(threshold) > 0.05
    assert standard.p_value(float(np.nextafter(threshold, np.inf))) <= 0.05


def test_training_pictures_that_are_all_the_same_are_refused_before_anything_is_learned(
    tmp_path: Path, capsys: Said
) -> None:
    data = npz(tmp_path / "same.npz", images=dark(1).repeat(50, 0))
    assert main(["train", "autoencoder", str(data), "--run", str(tmp_path / "run")]) == 2
    assert "all 50 pictures are the same" in capsys.readouterr().err
