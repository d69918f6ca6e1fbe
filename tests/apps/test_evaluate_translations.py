"""`evaluate` of models that translate: figures against models that leave pictures alone or make them perfectly."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contesting import Grey, Negative, Same, Save, pictures, saved, write

from imaginable.apps import _features
from imaginable.apps._rows import number
from imaginable.apps.compare import compare
from imaginable.apps.evaluate import evaluate
from imaginable.cli import main
from imaginable.core.errors import UserError

__all__ = ["saved"]
COUNT = 120
A = pictures(COUNT)
B = 255 - A


@pytest.fixture(scope="module")
def negatives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs, each a picture and its negative."""
    folder = tmp_path_factory.mktemp("pairs")
    write(folder / "A", A)
    write(folder / "B", B)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random features, but where a test is about others: a classifier of the sides takes its time."""
    monkeypatch.setattr(_features, "between", without_sides)


def without_sides(kind: Any, options: Any, dataset: Any, wanted: Any, inception: Any, say: Any) -> Any:
    return _features.choose(kind, options, wanted, inception, say)


def figures(found: dict[str, Any], maker: str, contest: int = 0) -> dict[str, Any]:
    of: dict[str, Any] = found["contests"][contest]["makers"][maker]
    return of


def test_a_model_that_leaves_pictures_alone_has_the_numbers_of_identity(saved: Save, negatives: Path) -> None:
    found = evaluate(saved("lazy", Same(), "pairs"), str(negatives), everything=True, say=lambda line: None)
    lazy, identity = figures(found, "lazy"), figures(found, "identity")
    assert lazy == identity
    assert lazy.keys() == {"l1", "psnr", "ssim", "fd", "kd", "sharpness"}
    differences = found["contests"][0]["differences"]["identity"]
    assert all(one["value"] == one["error"] == 0 for one in differences.values())


def test_figures_are_those_computed_by_hand(saved: Save, negatives: Path) -> None:
    found = evaluate(saved("lazy", Same(), "pairs"), str(negatives), everything=True, say=lambda line: None)
    lazy = figures(found, "lazy")
    errors = np.abs(A / 127.5 - B / 127.5).mean((1, 2, 3))
    assert lazy["l1"]["value"] == pytest.approx(errors.mean())
    assert lazy["l1"]["error"] == pytest.approx(errors.std(ddof=1) / math.sqrt(COUNT))
    decibels = 10 * np.log10(255**2 / np.square(A.astype(float) - B).mean((1, 2, 3)))
    assert lazy["psnr"]["value"] == pytest.approx(decibels.mean())
    assert lazy["l1"]["n"] == COUNT


def test_a_perfect_model_is_beyond_all_others(saved: Save, negatives: Path) -> None:
    run, lazy = saved("perfect", Negative(), "pairs"), saved("lazy", Same(), "pairs")
    found = evaluate(run, str(negatives), everything=True, beside=[lazy], say=lambda line: None)
    perfect = figures(found, "perfect")
    assert perfect["l1"]["value"] == 0
    assert perfect["psnr"]["value"] == pytest.approx(10 * math.log10(255**2 * 12))
    assert perfect["fd"]["value"] == pytest.approx(0, abs=1e-6)
    assert perfect["kd"]["value"] == pytest.approx(0, abs=1e-9)
    assert perfect["sharpness"]["value"] == 1
    assert figures(found, "lazy")["fd"]["value"] > 0.01
    assert found["contests"][0]["differences"]["lazy"]["l1"]["value"] < 0


def test_the_table_says_what_it_found_and_how_it_counted(
    saved: Save, negatives: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, other = saved("perfect", Negative(), "pairs"), saved("lazy", Same(), "pairs")
    assert main(["evaluate", str(run), str(negatives), "--everything", "--beside", str(other)]) == 0
    said = capsys.readouterr().out
    for word in ("identity", "perfect", "lazy", "perfect less", "better", "all channels, range 255", "[-1, 1]"):
        assert word in said
    assert "features of a fixed random network" in said
    written = json.loads((run / "evaluation.json").read_text())
    found = figures(written, "identity")["l1"]
    assert f"{number(found['value'], found['error'])} ± {number(found['error'], found['error'])}" in said
    page = (run / "evaluation.html").read_text()
    assert "data:image/png" in page
    assert "From top to bottom: A, perfect, lazy, B" in page


def test_only_held_out_pairs_unless_everything_is_asked_for(saved: Save, negatives: Path) -> None:
    run = saved("lazy", Same(), "pairs")
    said: list[str] = []
    found = evaluate(run, str(negatives), say=said.append)
    n = figures(found, "lazy")["l1"]["n"]
    assert 1 < n < COUNT / 4
    assert any(f"{n} of the {n} held-out pairs" in line for line in said)
    assert "needs more images than its features" in figures(found, "lazy")["fd"]["none"]
    fewer = evaluate(run, str(negatives), n=5, everything=True, say=said.append)
    assert figures(fewer, "lazy")["l1"]["n"] == 5


def test_domains_are_measured_there_and_back(saved: Save, negatives: Path) -> None:
    run = saved("turned", Negative(), "domains")
    found = evaluate(run, str(negatives), everything=True, say=lambda line: None)
    assert [contest["title"][:6] for contest in found["contests"]] == ["A to B", "B to A"]
    there, back = (figures(found, "turned", way) for way in (0, 1))
    assert there["fd"]["value"] == pytest.approx(0, abs=1e-3)
    assert there["fd"]["value"] < figures(found, "identity")["fd"]["value"]
    x = A / 127.5 - 1
    assert there["cycle"]["value"] == pytest.approx(0.5 * np.abs(x).mean(), rel=1e-4)
    assert there["identity"]["value"] == pytest.approx(2 * np.abs(x).mean(), rel=1e-4)  # -(-x) - (-x)
    assert back["identity"]["value"] == pytest.approx(1.5 * np.abs(x).mean(), rel=1e-4)
    assert figures(found, "identity")["cycle"]["value"] == 0


def test_halves_of_pictures_are_pairs_when_that_is_said(saved: Save, tmp_path: Path) -> None:
    data = write(tmp_path / "halves", np.concatenate([A, B], axis=2)[:20])
    run = saved("perfect", Negative(), "pairs")
    found = evaluate(run, str(data), everything=True, side_by_side=True, say=lambda line: None)
    assert figures(found, "perfect")["l1"]["value"] == 0
    with pytest.raises(UserError, match="two sides"):
        evaluate(run, str(data), everything=True, say=lambda line: None)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"likelihood": True}, "--likelihood: .* makes pictures of pictures"),
        ({"compression": True}, "--compression"),
        ({"binarise": True}, "--binarise"),
        ({"masks": "masks"}, "--masks: there are no holes"),
        ({"features": "classifier"}, "has no classes"),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags: dict[str, Any], reason: str, saved: Save, negatives: Path) -> None:
    with pytest.raises(UserError, match=reason):
        evaluate(saved("lazy", Same(), "pairs"), str(negatives), everything=True, say=lambda line: None, **flags)


def test_runs_beside_it_must_be_for_the_same(saved: Save, negatives: Path) -> None:
    run = saved("lazy", Same(), "pairs")

    def beside(*others: Path) -> None:
        evaluate(run, str(negatives), everything=True, beside=others, say=lambda line: None)

    with pytest.raises(UserError, match="does not translate; it can inpaint"):
        beside(saved("grey", Grey()))
    with pytest.raises(UserError, match=r"domains 3x16x16 and 3x16x16.*cannot be measured"):
        beside(saved("unpaired", Same(), "domains"))
    with pytest.raises(UserError, match=r"--fit pad.*cannot be measured"):
        beside(saved("padded", Same(), "pairs", fit="pad"))
    with pytest.raises(UserError, match="named twice"):
        beside(run)
    assert not (run / "evaluation.json").exists()


def test_data_of_another_shape_is_refused(saved: Save, negatives: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two folders A and B"):
        evaluate(saved("lazy", Same(), "pairs"), str(write(tmp_path / "plain", A[:9])), say=lambda line: None)
    with pytest.raises(UserError, match="what it should make of them is not known"):
        evaluate(saved("odd", Same(), "images"), str(negatives), say=lambda line: None)


def test_compare_points_to_evaluate(saved: Save, negatives: Path) -> None:
    runs = [saved("one", Same(), "pairs"), saved("two", Same(), "pairs")]
    with pytest.raises(UserError, match=r"imaginable evaluate .*one DATA --beside RUN"):
        compare(runs, data=str(negatives))


def test_a_run_with_the_name_of_a_baseline_does_not_take_its_place(saved: Save, negatives: Path) -> None:
    run = saved("identity", Negative(), "pairs")
    found = evaluate(run, str(negatives), everything=True, say=lambda line: None)
    assert figures(found, "identity")["l1"]["value"] > figures(found, "run identity")["l1"]["value"] == 0


def test_what_is_made_is_compared_by_features_of_the_two_sides(
    saved: Save, negatives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bool]] = []

    def between(kind: Any, options: Any, dataset: Any, wanted: Any, inception: Any, say: Any) -> Any:
        asked.append((dataset.spec.kind, bool(wanted.items.mean() == dataset.targets.mean())))
        return without_sides(kind, options, dataset, wanted, inception, say)

    monkeypatch.setattr(_features, "between", between)
    evaluate(saved("lazy", Same(), "pairs"), str(negatives), everything=True, n=20, say=lambda line: None)
    assert asked == [("pairs", True)]
