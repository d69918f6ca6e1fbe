"""`imaginable compare`: the same items and features for every model, every row filled or honestly none."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

import imaginable as im
from imaginable.apps._comparison import Comparison
from imaginable.apps.compare import compare
from imaginable.cli import main
from imaginable.core.errors import UserError

ROWS = {
    "Closeness to the data": {"fd", "kd", "precision", "density"},
    "Sharpness": {"sharpness", "swd_32", "swd_16"},
    "Latent smoothness": {"path_length"},
    "Training stability": {"setback", "losses", "rollbacks", "diagnosis", "seeds"},
    "Likelihood": {"bound", "bits_per_dimension"},
    "Encoder": {"mse", "psnr", "ssim", "ms_ssim"},
    "Mode coverage and duplicates": {"recall", "coverage", "duplicates", "support", "copies"},
    "Speed and cost": {"speed_1", "speed_64", "parameters", "training_time", "images_seen"},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of a hundred drawn sneakers: a GAN, and a VAE with two seeds."""
    folder = tmp_path_factory.mktemp("runs")
    fields = {"size": 32, "limit": 600, "images": 120, "batch": 20, "width": 8, "device": "cpu"}
    im.train("dcgan", "sneakers", run=str(folder / "gan"), **fields)
    for seed in (0, 1):
        im.train("vae", "sneakers", run=str(folder / "vaes" / f"seed-{seed}"), seed=seed, **fields)
    return folder


@pytest.fixture(scope="module")
def found(runs: Path) -> Comparison:
    return compare([runs / "gan", runs / "vaes"], data="sneakers", n=60, out=runs / "page.html", say=str)


def test_every_row_is_there_for_every_model_with_a_figure_or_a_reason(found: Comparison) -> None:
    assert {
        section.title: {next(iter(side.values())).key for side in section.sides} for section in found.sections
    } == ROWS
    for section in found.sections:
        for side in section.sides:
            assert list(side) == ["gan", "seed-0", "seed-1"]
            for row in side.values():
                assert row.score is not None or row.why or row.said
    assert found.side("psnr")["gan"].why == "dcgan has no encoder"
    assert found.side("bound")["gan"].why == "dcgan has no likelihood"
    assert "needs more images" in found.side("fd")["gan"].why, "60 items are too few for 112 features"
    assert found.side("kd")["gan"].score is not None
    with pytest.raises(KeyError):
        found.side("fame")


def test_all_models_are_measured_on_the_same_items_by_the_same_features(found: Comparison) -> None:
    references = {id(one.reference) for one in found.models.values()}
    assert len(references) == 1
    assert {len(one.drawn.samples) for one in found.models.values()} == {60}
    assert found.reference.extractor.name == "random"
    assert {row.name for row in found.side("kd").values()} == {"KD-random"}


def test_seeds_of_one_method_have_a_spread_and_a_single_run_has_none(found: Comparison) -> None:
    side = found.side("seeds")
    assert side["gan"].said == "one run only"
    assert re.fullmatch(r"\S+ ± \S+ \(deviation over 2 runs\)", side["seed-0"].said)
    assert side["seed-0"].said == side["seed-1"].said


def test_the_generator_alone_counts_as_parameters_of_a_gan(found: Comparison, runs: Path) -> None:
    stated = found.side("parameters")["gan"].score
    generator = im.load(runs / "gan").trained.networks.get_submodule("generator")
    assert stated is not None
    assert stated.value == sum(weights.numel() for weights in generator.parameters())


def test_the_page_is_one_file_and_its_figures_are_valid_json(found: Comparison, runs: Path) -> None:
    page = (runs / "page.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert page.count("data:image/png") >= 3 + 2 + 3, "samples of all and real ones, two plots, copies looked for"
    for section in ROWS:
        assert f"<h2>{section}</h2>" in page
    written = json.loads((runs / "page.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert set(written["sections"]) == set(ROWS)
    assert written["sections"]["Encoder"]["psnr"]["models"]["gan"] == {
        "name": "reconstruction, PSNR",
        "none": "dcgan has no encoder",
    }
    assert "wins over" in written["sections"]["Speed and cost"]["parameters"]["verdict"]


def test_again_it_finds_the_same(found: Comparison, runs: Path) -> None:
    again = compare([runs / "gan", runs / "vaes"], data="sneakers", n=60, out=runs / "again.html", say=str)
    for key in ("kd", "sharpness", "path_length", "duplicates", "bound", "setback"):
        assert again.side(key) == found.side(key)


def test_the_table_says_who_wins(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [str(runs / "gan"), str(runs / "vaes" / "seed-0")]
    assert main(["compare", *words, "--data", "sneakers", "-n", "60", "--out", str(runs / "table.html")]) == 0
    shown = capsys.readouterr().out
    assert "wins over" in shown
    assert "held-out items, blurred by a 3x3 box: KD-random" in shown
    assert re.search(r"gan wins \d+; seed-0 wins \d+; of \d+ figures", shown)


def test_a_model_without_its_run_has_no_history(found: Comparison, runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "gan" / "model", tmp_path / "bare")
    alone = compare([tmp_path / "bare", runs / "gan"], data="sneakers", n=60, out=tmp_path / "page.html", say=str)
    assert alone.side("setback")["bare"].why == "a model without its run has no history"
    assert alone.side("kd")["bare"].score == alone.side("kd")["gan"].score


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gan", "--data", "sneakers"], "compare takes two runs or more"),
        (["gan", "gan", "--data", "sneakers"], "a run is named twice"),
        (["gan", "vaes"], "--data"),
        (["gan", "vaes", "--data", "sneakers", "-n", "0"], "-n 0: must be at least 1"),
        (["gan", "nothing", "--data", "sneakers"], "no model here"),
        (["gan", "vaes", "--data", "gaussians"], "gaussians"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    words: list[str], said: str, runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    assert main(["compare", *words, "--out", "refused.html"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.strip().splitlines()) == 1
    assert not (runs / "refused.html").exists()


def test_models_of_other_pictures_are_not_compared(runs: Path, tmp_path: Path) -> None:
    fields = {"limit": 60, "images": 20, "batch": 20, "width": 8, "device": "cpu"}
    im.train("vae", "sneakers", run=str(tmp_path / "small"), size=48, **fields)
    im.train("vae", "sneakers", run=str(tmp_path / "padded"), size=32, fit="pad", background="black", **fields)
    for other, said in (("small", "48x48"), ("padded", "--fit pad --background black")):
        with pytest.raises(UserError, match=f"cannot be measured on the same items|{said}") as refused:
            compare([runs / "gan", tmp_path / other], data="sneakers", out=tmp_path / "page.html", say=str)
        assert said in str(refused.value)
