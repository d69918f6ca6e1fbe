"""`evaluate` on labelled defects: the figures of a score that is known, against scikit-learn; where they are; who
counts as good; and what it must not be measured on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from detecting import SIZE, Run, brightest, dark, good_data, npz, spotted
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

from imaginable.apps import _told
from imaginable.apps._simple_scorers import simple_scorers
from imaginable.apps.evaluate import evaluate
from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.metrics.detection import false_alarm_interval

__all__ = ["brightest", "good_data"]  # fixtures
GOOD, FAINT = dark(80, 21), dark(40, 22)
SPOTS, SHADES = spotted(dark(30, 23)), spotted(FAINT, grey=90)
"""all brighter than any good picture; and as bright as many are"""


@pytest.fixture(autouse=True)
def one_simple_score(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are tested by themselves, and take their time."""
    monkeypatch.setattr(_told, "simple_scorers", lambda own: simple_scorers(own)[:1])


def written(folder: Path, **classes: np.ndarray) -> Path:
    for name, pictures in classes.items():
        for number, one in enumerate(pictures):
            images.save(folder / name / f"{number}.png", one, None)
    return folder


@pytest.fixture(scope="module")
def defects(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("defects"), good=GOOD, spot=SPOTS, shade=SHADES)


def found(run: Path, data: Path, **flags: Any) -> tuple[dict[str, Any], str]:
    said: list[str] = []
    result = evaluate(run, str(data), say=said.append, **flags)["defects"]
    return result, "\n".join(said)


def brightest_pixel(pictures: np.ndarray) -> np.ndarray:
    return np.asarray(pictures.mean(3).reshape(len(pictures), -1).max(1) / 255)


# ---- figures


def test_the_figures_are_those_of_scikit_learn(brightest: Run, defects: Path) -> None:
    result, said = found(brightest(), defects)
    truth = np.repeat([0, 1], [80, 70])
    scores = np.concatenate([brightest_pixel(one) for one in (GOOD, SHADES, SPOTS)])
    own = result["scores"]["own"]
    assert own["auroc"]["value"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-6)
    assert own["aupr"]["value"] == pytest.approx(average_precision_score(truth, scores), abs=1e-6)
    low, high = own["auroc"]["interval"]
    assert low < own["auroc"]["value"] < high <= 1
    kinds = own["kinds"]
    assert set(kinds) == {"shade", "spot"}
    shaded = roc_auc_score(truth[:120], scores[:120])
    assert 0.3 < shaded < 0.9, "or the test would not tell"
    assert kinds["shade"]["value"] == pytest.approx(shaded, abs=1e-6)
    assert kinds["spot"]["value"] == 1
    assert "80 good pictures and 70 with defects" in said


def test_false_alarms_are_counted_beside_what_was_promised(brightest: Run, defects: Path) -> None:
    run = brightest()
    result, said = found(run, defects)
    calibration = np.array(
        json.loads((run / "detector" / "detector.json").read_text())["standards"]["own"]["calibration"]
    )
    threshold = np.sort(calibration)[-6]
    expected = float((brightest_pixel(GOOD) > threshold).mean())
    assert result["scores"]["own"]["alarms"] == pytest.approx(expected)
    assert result["promised_alarms"] == list(false_alarm_interval(120, 80, 0.05))
    assert f"false alarms of own at a promised rate of 5.0%: {expected:.1%} of 80 good pictures" in said


def test_with_too_few_good_pictures_for_a_threshold_all_else_is_measured(
    brightest: Run, defects: Path, tmp_path: Path
) -> None:
    run = brightest(npz(tmp_path / "few.npz", train_images=dark(60), test_images=dark(14, 1)))
    result, said = found(run, defects)
    assert "false alarms: not counted, 11 good pictures held out from training are too few to promise 5%" in said
    assert result["promised_alarms"] is None
    assert result["scores"]["own"]["alarms"] is None
    assert result["scores"]["own"]["kinds"]["spot"]["value"] == 1


def test_scores_without_a_model_stand_beside_and_differences_have_errors(brightest: Run, defects: Path) -> None:
    result, said = found(brightest(), defects)
    assert set(result["scores"]) == {"own", "pca-mean"}
    own, simple = (result["scores"][name]["auroc"]["value"] for name in ("own", "pca-mean"))
    difference = result["differences"]["pca-mean"]
    assert difference["value"] == pytest.approx(own - simple)
    assert difference["error"] > 0
    assert result["scores"]["pca-mean"]["alarms"] is None
    assert "AUROC of own less pca-mean: " in said


def test_a_page_shows_every_kind_and_the_table(brightest: Run, defects: Path, tmp_path: Path) -> None:
    run = brightest()
    result, _ = found(run, defects, out=tmp_path / "mine.json")
    page = (tmp_path / "mine.html").read_text(encoding="utf-8")
    for word in ("spot: the 4 highest scores", "shade: the 4 highest", "good: the 4 highest", "own *", "false alarms"):
        assert word in page
    assert json.loads((tmp_path / "mine.json").read_text())["defects"] == json.loads(json.dumps(result))
    assert not (run / "evaluation.json").exists()


def test_it_is_a_command_and_adds_to_what_was_measured_before(brightest: Run, defects: Path) -> None:
    run = brightest()
    (run / "evaluation.json").write_text('{"likelihood": {"n": 3}}')
    assert main(["evaluate", str(run), str(defects), "--n", "100"]) == 0
    assert set(json.loads((run / "evaluation.json").read_text())) == {"likelihood", "defects"}


# ---- where


def drawn_mask(at: int = 4, side: int = 3, size: int = SIZE) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[at : at + side, at : at + side] = 255
    return mask


def spots_and_good(folder: Path) -> Path:
    return written(folder, good=GOOD, spot=SPOTS)


def pixel_truth(n_good: int, masks: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((n_good, SIZE, SIZE), bool), masks])


def test_masks_by_name_give_figures_of_pixels(brightest: Run, tmp_path: Path) -> None:
    data, masks = spots_and_good(tmp_path / "data"), tmp_path / "masks" / "spot"
    masks.mkdir(parents=True)
    for number in range(30):
        Image.fromarray(drawn_mask()).save(masks / f"{number}_mask.bmp")
    result, _ = found(brightest(), data, masks=str(tmp_path / "masks"))
    own = result["scores"]["own"]
    truth = pixel_truth(80, np.repeat(drawn_mask()[None] > 0, 30, 0))
    values = np.concatenate([GOOD, SPOTS]).mean(3)
    assert own["pixel_auroc"]["value"] == pytest.approx(roc_auc_score(truth.ravel(), values.ravel()), abs=1e-6)
    assert own["pointing"]["value"] == 1
    assert own["pointing"]["n"] == 30


def test_masks_elsewhere_are_not_pointed_at(brightest: Run, tmp_path: Path) -> None:
    data, masks = spots_and_good(tmp_path / "data"), tmp_path / "masks" / "spot"
    masks.mkdir(parents=True)
    for number in range(10):
        Image.fromarray(drawn_mask(at=10)).save(masks / f"{number}.png")
    own = found(brightest(), data, masks=str(tmp_path / "masks"))[0]["scores"]["own"]
    assert own["pointing"]["value"] == 0
    assert own["pointing"]["n"] == 10, "of the others nothing is known"
    truth = pixel_truth(80, np.repeat(drawn_mask(at=10)[None] > 0, 10, 0))
    values = np.concatenate([GOOD, SPOTS[:10]]).mean(3)
    expected = roc_auc_score(truth.ravel(), values.ravel())
    assert own["pixel_auroc"]["value"] == pytest.approx(expected, abs=1e-3), "greys that tie do not quite in floats"


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_boxes_are_in_pixels_of_the_original_however_it_is_brought_to_the_size(
    fit: str, brightest: Run, tmp_path: Path
) -> None:
    """Pictures of 64 x 32, whose spot is a box from (36, 8) to (43, 15), borders included."""
    data = tmp_path / "data"
    for number, one in enumerate(GOOD[:40]):
        images.save(data / "good" / f"{number}.png", wide(one), None)
    for number, one in enumerate(FAINT[:8]):
        large = wide(one)
        large[8:16, 36:44] = 255
        images.save(data / "spot" / f"{number}.png", large, None)
    table = tmp_path / "boxes.csv"
    lines = [f"spot/{number}.png,36,8,43,15" for number in range(8)]
    table.write_text("\n".join(["file,x1,y1,x2,y2", *lines]), encoding="utf-8")
    run = brightest(fit=fit, background="black")
    own = found(run, data, boxes=table)[0]["scores"]["own"]
    assert own["pointing"]["value"] == 1
    assert own["pointing"]["n"] == 8
    assert own["pixel_auroc"]["value"] == pytest.approx(1, abs=1e-3), "the box is where the bright pixels are"
    page = (run / "evaluation.html").read_text(encoding="utf-8")
    assert "the known defect outlined" in page


def wide(one: np.ndarray) -> np.ndarray:
    """A picture of 16 px twice as large, twice side by side."""
    large = one.repeat(2, 0).repeat(2, 1)
    return np.concatenate([large, large], axis=1)


def test_several_boxes_belong_to_a_picture_and_reach_to_its_edge_at_most(brightest: Run, tmp_path: Path) -> None:
    spots = spotted(spotted(dark(6, 2), at=0), at=13)
    data, table = written(tmp_path / "data", good=GOOD[:20], spot=spots), tmp_path / "boxes.csv"
    lines = [f"spot/{number}.png,{box}" for number in range(6) for box in ("-5,-5,2,2", "13,13,99,99")]
    table.write_text("\n".join(["file,x1,y1,x2,y2", *lines]), encoding="utf-8")
    own = found(brightest(), data, boxes=table)[0]["scores"]["own"]
    assert own["pixel_auroc"]["value"] == 1
    assert own["pointing"]["value"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,x1,y1,x2\nspot/0.png,1,2,3\n", "no column 'y2'"),
        ("file,x1,y1,x2,y2\nspot/0.png,1,2,three,4\n", "line 2: numbers were expected"),
        ("file,x1,y1,x2,y2\nother.png,1,2,3,4\n", "nothing in it has the name of a picture"),
        ("file,x1,y1,x2,y2\nspot/0.png,1,2\n", "line 2: numbers were expected"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(
    text: str, said: str, brightest: Run, defects: Path, tmp_path: Path
) -> None:
    table = tmp_path / "boxes.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="--boxes") as error:
        found(brightest(), defects, boxes=table)
    assert said in str(error.value)


def test_masks_and_boxes_that_are_not_there_or_both(brightest: Run, defects: Path, tmp_path: Path) -> None:
    run = brightest()
    with pytest.raises(UserError, match=r"--boxes .*: not a readable table"):
        found(run, defects, boxes=tmp_path / "nowhere.csv")
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        found(run, defects, masks=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="--masks and --boxes both say"):
        found(run, defects, masks=str(defects), boxes=tmp_path / "nowhere.csv")
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "0.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"--masks .*: 0.png is not readable"):
        found(run, defects, masks=str(tmp_path / "masks"))


# ---- who counts


@pytest.mark.parametrize("name", ["good", "Normal", "OK"])
def test_the_class_of_good_pictures_is_known_by_its_usual_names(name: str, brightest: Run, tmp_path: Path) -> None:
    result, _ = found(brightest(), written(tmp_path / "data", **{name: GOOD[:20], "spot": SPOTS[:10]}))
    assert set(result["scores"]["own"]["kinds"]) == {"spot"}


def test_good_classes_are_named(brightest: Run, tmp_path: Path) -> None:
    data = written(tmp_path / "data", fine=GOOD[:20], shade=SHADES[:20], spot=SPOTS[:10])
    run = brightest()
    result, said = found(run, data, good="fine,shade")
    assert "40 good pictures and 10 with defects" in said
    assert set(result["scores"]["own"]["kinds"]) == {"spot"}
    with pytest.raises(UserError, match="which of fine, shade, spot are good"):
        found(run, data)
    with pytest.raises(UserError, match=r"--good fien: no such class, did you mean 'fine'\? \(there are: fine"):
        found(run, data, good="fien")


@pytest.mark.parametrize(("good", "missing"), [("fine,spot", "defects"), ("spot,fine", "defects")])
def test_defects_must_be_there(good: str, missing: str, brightest: Run, tmp_path: Path) -> None:
    data = written(tmp_path / "data", fine=GOOD[:20], spot=SPOTS[:10])
    with pytest.raises(UserError, match=f"no {missing} among its 30 labelled pictures"):
        found(brightest(), data, good=good)


def test_pictures_without_classes_are_refused(brightest: Run, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no labelled defects; put good pictures and each kind of defect into folders"):
        found(brightest(), written(tmp_path / "data", all=GOOD[:20]))


def test_pictures_that_were_trained_on_or_calibrated_on_do_not_count(brightest: Run, tmp_path: Path) -> None:
    """60 were trained on, 240 calibrated: the good pictures left are new."""
    known = np.concatenate([dark(60)[:5], dark(240, 1)[:7]])
    data = written(tmp_path / "data", good=np.concatenate([known, GOOD[:20]]), spot=SPOTS[:10])
    _, said = found(brightest(), data)
    assert "20 good pictures and 10 with defects" in said
    assert "12 learned from or unlabelled left out" in said
    everything = written(tmp_path / "known", good=known, spot=SPOTS[:10])
    with pytest.raises(UserError, match="no good pictures among its 10 labelled pictures that were not learned from"):
        found(brightest(), everything)


def test_pictures_that_set_the_threshold_do_not_judge_it(brightest: Run, defects: Path, tmp_path: Path) -> None:
    given = npz(tmp_path / "given.npz", images=GOOD[:50])
    _, said = found(brightest(), defects, calibrate=str(given))
    assert "30 good pictures and 70 with defects" in said


def test_of_data_with_a_split_only_what_it_holds_out_is_measured_on(brightest: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    written(data / "train", good=dark(40, 31))
    written(data / "test", good=GOOD[:20], spot=SPOTS[:10])
    _, said = found(brightest(), data)
    assert "20 good pictures and 10 with defects" in said


def test_points_are_no_pictures(brightest: Run) -> None:
    with pytest.raises(UserError, match=r"gaussians: .* was trained on"):
        found(brightest(), Path("gaussians"))
