"""A model as a judge: the score is chosen on made defects, the threshold on other good pictures, once for these weights
and data, and never on what was trained on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from detecting import SIZE, Run, brightest, dark, good_data, items_of, npz, quietly, spotted
from torch import Tensor

from imaginable import model as models
from imaginable.apps import _calibration, _pictures, _scorers
from imaginable.apps._alarms import Alarms
from imaginable.apps._calibration import Standard, digest_of
from imaginable.apps._detector import Detector
from imaginable.apps._scorers import Scorer, Seen
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.metrics.score import Undefined

__all__ = ["brightest", "good_data"]  # fixtures
Look = Callable[[Tensor], Tensor]


NAME = f"{Path(__file__).with_name('detecting.py')}:Brightest"


def detector_of(run: Path, say: Callable[[str], None] = quietly, **how: Any) -> Detector:
    return Detector.of(models.load(run), run, say, **how)


def mean(x: Tensor) -> Tensor:
    return x.flatten(1).mean(1)


def roughness(x: Tensor) -> Tensor:
    """Tells pasted edges, and nothing of how bright a picture is."""
    return (x[..., 1:] - x[..., :-1]).square().flatten(1).mean(1)


def uphill(x: Tensor) -> Tensor:
    """Tells ramps that were turned, and hardly sees an edge."""
    return (x[..., :4].flatten(1).mean(1) - x[..., -4:].flatten(1).mean(1)).float()


def noise(x: Tensor) -> Tensor:
    """Of the picture alone, and says nothing."""
    return (1e4 * x.flatten(1).sum(1)).sin()


def with_scores(monkeypatch: pytest.MonkeyPatch, **looks: Look) -> None:
    """The model has these scores, and no others."""
    found = [Scorer(name, f"the {name}", lambda x, look=look: Seen(look(x))) for name, look in looks.items()]
    monkeypatch.setattr(_scorers, "scorers", lambda model, given: found)


def stripes(count: int, seed: int = 0) -> np.ndarray:
    """Smooth ramps in which a pasted piece has an edge."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, SIZE)[None, None, :, None]
    start, slope = random.uniform(0, 60, (2, count, 1, 1, 1))
    grain = random.integers(0, 2, (count, SIZE, SIZE, 3))
    return np.asarray(start + (120 + slope) * ramp + grain, np.uint8)


@pytest.fixture
def smooth(brightest: Run, tmp_path: Path) -> Path:
    """A run on stripes."""
    return brightest(npz(tmp_path / "stripes.npz", train_images=stripes(40), test_images=stripes(300, 1)))


# ---- the choice


def test_the_score_that_tells_made_defects_is_chosen(smooth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_scores(monkeypatch, noise=noise, roughness=roughness, mean=mean)
    detector = detector_of(smooth)
    assert detector.names == ("noise", "roughness", "mean", "combined")
    told = {name: one.told[0] for name, one in detector.standards.items()}
    assert told["roughness"] > 0.75
    assert told["noise"] == pytest.approx(0.5, abs=0.15)
    assert told["roughness"] > told["mean"]
    assert detector.default == detector.name("auto") == "roughness"
    assert detector.name("noise") == "noise"
    with pytest.raises(UserError, match=r"--score bound: .* has noise, roughness, mean, combined"):
        detector.name("bound")
    (head, *lines) = detector.described
    assert "150 good pictures held out from training" in head
    assert [line.split()[0] for line in lines] == list(detector.names)
    assert [line for line in lines if "used" in line] == [lines[1]]


def test_another_score_is_chosen_for_pictures_that_are_strange_as_a_whole(
    smooth: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_scores(monkeypatch, roughness=roughness, uphill=uphill)
    parts, wholes = detector_of(smooth), detector_of(smooth, look_for="wholes")
    told = {one.look_for: {name: of.told[0] for name, of in one.standards.items()} for one in (parts, wholes)}
    assert told["parts"]["roughness"] > 0.75 > told["parts"]["uphill"]
    assert told["wholes"]["uphill"] > 0.65 > told["wholes"]["roughness"]
    assert "defects (cut and pasted)" in parts.described[0]
    assert "strangers (halves of two, or turned)" in wholes.described[0]
    for name in ("roughness", "uphill"):
        assert parts.standards[name].calibration == wholes.standards[name].calibration, "only the choice differs"
    assert (smooth / "detector" / "detector.json").exists()
    assert (smooth / "detector" / "detector-wholes.json").exists()
    assert detector_of(smooth, look_for="wholes").standards == wholes.standards
    assert detector_of(smooth).standards == parts.standards, "both are kept"


def test_a_choice_no_better_than_chance_is_called_so(smooth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_scores(monkeypatch, noise=noise)
    assert "no better than chance" in detector_of(smooth).described[-1]
    (smooth / "detector" / "detector.json").unlink()
    with_scores(monkeypatch, roughness=roughness)
    assert "chance" not in "".join(detector_of(smooth).described)


def standard(area: float, error: float = 0.02) -> Standard:
    return Standard("said", (1.0, 2.0), 0.0, 1.0, (area, error, 100))


@pytest.mark.parametrize("costly", ["combined", "bound"])
@pytest.mark.parametrize(("area", "is_chosen"), [(0.79, False), (0.81, False), (0.8199, False), (0.83, True)])
def test_a_costly_score_is_used_only_where_it_is_better_beyond_the_error(
    costly: str, area: float, is_chosen: bool
) -> None:
    standards = {"other": standard(0.6), costly: standard(area), "one": standard(0.8)}
    assert _calibration._best(standards) == (costly if is_chosen else "one")
    del standards[costly]
    assert _calibration._best(standards) == "one"


def test_all_together_must_beat_the_bound_as_well() -> None:
    standards = {"one": standard(0.8), "bound": standard(0.9), "combined": standard(0.91)}
    assert _calibration._best(standards) == "bound"
    assert _calibration._best(standards | {"combined": standard(0.93)}) == "combined"


def test_together_is_the_mean_of_each_in_its_own_deviations(smooth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_scores(monkeypatch, mean=lambda x: 100 * mean(x) + 7, roughness=roughness)
    detector = detector_of(smooth)
    x = images.to_float(stripes(5, seed=4))
    found = detector.look(x, {"combined"})
    assert set(found) == {"mean", "roughness", "combined"}, "it needs the others"
    expected = sum(
        (found[name].score - detector.standards[name].mean) / detector.standards[name].deviation
        for name in ("mean", "roughness")
    )
    torch.testing.assert_close(found["combined"].score, expected / 2)
    assert set(detector.look(x, {"mean"})) == {"mean"}


def test_a_single_score_is_not_combined(brightest: Run) -> None:
    detector = detector_of(brightest())
    assert detector.names == ("own",)
    assert detector.default == "own"


def test_every_made_defect_can_be_seen_and_is_the_same_each_time() -> None:
    x = images.to_float(stripes(64))
    made, again = _calibration.spoilt(x, 0), _calibration.spoilt(x, 0)
    assert torch.equal(made, again)
    assert not torch.equal(made, _calibration.spoilt(x, 1))
    visible = ((made - x).abs().amax(1) > 0.1).flatten(1).float().mean(1)
    assert float(visible.min()) >= 0.0005
    state = torch.get_rng_state()
    _calibration.spoilt(x, 0)
    assert torch.equal(torch.get_rng_state(), state), "nobody else's draws are moved"


# ---- the calibration


def test_pictures_that_a_score_is_chosen_on_do_not_set_its_threshold(
    brightest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = brightest()
    chosen_on: list[Tensor] = []
    monkeypatch.setattr(_calibration, "spoilt", lambda x, seed, look_for: chosen_on.append(x) or x)
    detector = detector_of(run)
    used_to_choose = {digest_of(one) for one in images.to_uint8(torch.cat(chosen_on))}
    calibration = detector.standards["own"].calibration
    assert len(calibration) == len(used_to_choose) == 120
    assert list(calibration) == sorted(calibration)
    assert used_to_choose < detector.used
    assert len(detector.used) == 240


def test_thresholds_and_chances_are_those_of_the_held_out_pictures(brightest: Run, good_data: Path) -> None:
    own = items_of(good_data)
    detector = detector_of(brightest())
    calibration = np.array(detector.standards["own"].calibration)
    scores = own.items[own.held_out].mean(3).reshape(240, -1).max(1) / 255
    # every one of them is the score of a picture held out
    assert all(np.abs(scores - one).min() < 1e-5 for one in calibration)
    standard = detector.standards["own"]
    threshold = standard.threshold(0.05)
    assert threshold == np.sort(calibration)[-6], "⌊121 · 0.05⌋ = 6 may be that high, the new one counted"
    assert (calibration > threshold).mean() <= 0.05
    assert standard.p_value(2.0) == pytest.approx(1 / 121)
    assert standard.p_value(-1.0) == 1
    assert standard.p_value(threshold) > 0.05 >= standard.p_value(threshold + 1e-9)
    with pytest.raises(Undefined, match="needs at least 999 good images"):
        standard.threshold(0.001)


def test_not_more_are_looked_at_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_calibration, "CHOOSING", 20)
    monkeypatch.setattr(_calibration, "CALIBRATING", 50)
    choosing, calibrating = _calibration._halves(np.arange(1_000, 1_200))
    assert (len(choosing), len(calibrating)) == (20, 50)
    assert not set(choosing) & set(calibrating)
    choosing, calibrating = _calibration._halves(np.arange(30))
    assert (len(choosing), len(calibrating)) == (7, 23), "19 are needed for a rate of 5 %"
    assert sorted([*choosing, *calibrating]) == list(range(30))


def test_defects_that_the_data_holds_out_are_no_good_pictures(brightest: Run, tmp_path: Path) -> None:
    """MVTec's layout: train/good, test/good and test/scratch."""
    folder = tmp_path / "data"
    for name, arrays in {
        "train/good": dark(40),
        "test/good": dark(30, 1),
        "test/spot": spotted(dark(30, 2)),
    }.items():
        for number, one in enumerate(arrays):
            images.save(folder / name / f"{number}.png", one, None)
    detector = detector_of(brightest(folder))
    assert len(detector.used) == 30
    assert max(detector.standards["own"].calibration) < 0.6


def test_too_few_good_pictures_are_refused(brightest: Run, tmp_path: Path) -> None:
    run = brightest(npz(tmp_path / "few.npz", train_images=dark(9), test_images=dark(1, 1)))
    with pytest.raises(UserError, match=r"1 good pictures are held out .*--calibrate"):
        detector_of(run)


def test_copies_of_what_was_trained_on_do_not_calibrate(brightest: Run, tmp_path: Path) -> None:
    """A split that was given may straddle: such pictures are known by heart."""
    held_out = np.concatenate([dark(40)[:25], dark(20, 1)])
    detector = detector_of(brightest(npz(tmp_path / "data.npz", train_images=dark(40), test_images=held_out)))
    assert detector.used == {digest_of(one) for one in dark(20, 1)}


def test_held_out_pictures_that_are_all_the_same_set_a_threshold_that_they_do_not_exceed(
    brightest: Run, tmp_path: Path
) -> None:
    held_out = dark(1, 3).repeat(60, 0)
    detector = detector_of(brightest(npz(tmp_path / "data.npz", train_images=dark(40), test_images=held_out)))
    standard = detector.standards["own"]
    assert len(set(standard.calibration)) == 1
    assert standard.threshold(0.05) == standard.calibration[0]
    pictures = np.concatenate([held_out[:1], spotted(held_out[:1])])
    alarms = Alarms(detector, "own", 0.05)
    alarms.judge(pictures, ["as they are", "spotted"])
    assert [one.anomalous for one in alarms.judged] == [False, True], "above, and not at it"
    assert [one.p_value for one in alarms.judged] == [1, pytest.approx(1 / 41)]
    seen = detector.look(images.to_float(pictures), {"own"})["own"]
    heat = detector.heat("own", seen)
    assert heat is not None
    assert not heat[0].any()
    assert heat[1, 5, 5] == 1


# ---- kept


def test_it_is_made_once_and_found_again(brightest: Run) -> None:
    run, said = brightest(), []
    first = detector_of(run, said.append)
    assert said == [f"calibrating {NAME} on 240 good pictures held out from training, once"]
    again = detector_of(run, said.append)
    assert len(said) == 1
    assert again.standards == first.standards
    assert (again.default, again.used, again.sizes, again.said) == (first.default, first.used, first.sizes, first.said)
    assert [path.name for path in (run / "detector").iterdir()] == ["detector.json"]


def test_progress_is_told_to_the_end(brightest: Run) -> None:
    told: list[tuple[int, int]] = []
    detector_of(brightest(), on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (360, 360), "good ones, spoilt ones, and those that calibrate"
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@pytest.mark.parametrize("what", ["weights", "data", "format", "damage"])
def test_it_is_made_anew_for_other_weights_or_data_and_where_it_is_damaged(
    what: str, brightest: Run, tmp_path: Path
) -> None:
    run, said = brightest(), []
    detector_of(run)
    path = run / "detector" / "detector.json"
    if what == "weights":
        model = models.load(run)
        model.trained.networks.net.weight.data.add_(1)  # type: ignore[union-attr,operator]
        model.save(run / "model")
    elif what == "data":
        brightest(npz(tmp_path / "other.npz", train_images=dark(60), test_images=dark(100, 5)))
    elif what == "format":
        kept = json.loads(path.read_text())
        kept["key"]["format"] -= 1
        path.write_text(json.dumps(kept))
    else:
        path.write_text(path.read_text()[:100])
    detector_of(run, said.append)
    assert len(said) == 1
    detector_of(run, said.append)
    assert len(said) == 1


# ---- good pictures that are brought


def test_pictures_that_are_named_calibrate_in_place_of_those_held_out(brightest: Run, tmp_path: Path) -> None:
    run, said = brightest(), []
    others = np.asarray(2 * dark(90, 8), np.uint8)  # of a brighter camera
    given = str(npz(tmp_path / "new.npz", images=np.concatenate([others, dark(60)[:7]])))
    plain, named = detector_of(run), detector_of(run, said.append, calibrate=given)
    assert said == [f"calibrating {NAME} on 90 good pictures of {given}, once"], "those trained on do not count"
    assert named.used == {digest_of(one) for one in others}
    assert named.standards["own"].threshold(0.05) > plain.standards["own"].threshold(0.05) + 0.2
    assert detector_of(run, said.append, calibrate=given).standards == named.standards
    assert detector_of(run, said.append).standards == plain.standards, "both are kept"
    assert len(said) == 1


def test_a_folder_of_trained_pictures_cannot_calibrate(brightest: Run, tmp_path: Path) -> None:
    given = npz(tmp_path / "trained.npz", images=dark(60)[:30])
    with pytest.raises(UserError, match=r"--calibrate .*trained.npz: 0 pictures in it were not trained on"):
        detector_of(brightest(), calibrate=str(given))


# ---- heat


def test_heat_is_nothing_where_good_pictures_reach_and_full_far_above(brightest: Run) -> None:
    detector = detector_of(brightest())
    standard = detector.standards["own"]
    assert standard.low is not None
    assert standard.high is not None
    assert standard.low < standard.high
    maps = torch.tensor([[[0.0, standard.low], [1.0, 10.0]]])
    heat = detector.heat("own", Seen(torch.ones(1), maps))
    assert heat is not None
    assert heat[0, 0].tolist() == [0, 0]
    assert heat[0, 1, 1] == 1
    reach = max(2 * (standard.high - standard.low), 0.5 * standard.high)
    assert heat[0, 1, 0].item() == pytest.approx(min(1.0, (1 - standard.low) / reach), abs=1e-4)


def test_a_score_without_maps_is_shown_by_the_best_that_has_them(smooth: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mapped(scale: float) -> Callable[[Tensor], Seen]:
        return lambda x: Seen(scale * roughness(x) + noise(x), x.mean(1))

    found = [
        Scorer("sure", "no map", lambda x: Seen(roughness(x))),
        Scorer("worse", "a map", mapped(0)),
        Scorer("better", "a map", mapped(1e4)),
    ]
    monkeypatch.setattr(_scorers, "scorers", lambda model, given: found)
    detector = detector_of(smooth)
    assert detector.shown_by("sure") == "better"
    assert detector.shown_by("combined") == "better"
    assert detector.shown_by("worse") == "worse", "its own"


# ---- refusals and warnings


def test_other_sizes_are_warned_of_and_many_different_ones_are_not(brightest: Run, good_data: Path) -> None:
    detector = detector_of(brightest())
    assert detector.sizes == {"16x16"}
    assert detector.unlike({(16, 16): 5}) == []
    (line,) = detector.unlike({(16, 16): 5, (640, 480): 2, (8, 8): 1})
    assert line.startswith("3 pictures are not as large as those it was trained on (16x16)")
    assert "brought to 16x16" in line
    dataset = items_of(good_data)
    dataset.manifest["sizes"] = {f"{side}x{side}": 1 for side in range(50)}
    assert _calibration._sizes(dataset) == []


def test_a_model_without_its_run_is_refused(brightest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run = brightest()
    monkeypatch.undo()
    with pytest.raises(UserError, match="a model without its run"):
        _pictures.training_data(run, "anomalies of it")
