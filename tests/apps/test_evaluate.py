"""`imaginable evaluate`: what it prints is what it measures, and what it refuses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

import imaginable as im
from imaginable.apps import _features
from imaginable.apps._features import Extractor
from imaginable.apps._items import choose
from imaginable.apps._measure import Measured
from imaginable.apps._reference import Reference
from imaginable.apps.evaluate import evaluate
from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.data import prepare as preparing
from imaginable.data.split import Split
from imaginable.model import Model
from imaginable.training import job as jobs
from imaginable.training.job import Training
from imaginable.training.train import load_data

SAMPLES = ("fd", "kd", "precision", "recall", "density", "coverage", "duplicates", "support", "copies", "path_length")
PICTURES = ("classifier_score", "class_divergence", "sharpness", "swd_16")
RECONSTRUCTION = ("mse", "psnr", "ssim", "ms_ssim")
LIKELIHOOD = ("bound", "bits_per_dimension")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(images=4_000, batch=100, precision="float32", device="cpu", snapshot_every=4_000)
    monkeypatch.setattr(_features, "TRAINING", training)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A run of so many images on 300 digits or other data, in a folder of its own."""

    def train(method: str = "vae", data: str = "digits", **options: Any) -> Path:
        folder = tmp_path_factory.mktemp("runs") / method
        size = {} if data == "gaussians" else {"size": 16, "width": 8}
        fields: dict[str, Any] = {"limit": 300, "images": 300, "batch": 30, "device": "cpu", **size, **options}
        im.train(method, data, run=str(folder), **fields)
        return folder

    return train


@pytest.fixture(scope="module")
def run(trained: Callable[..., Path]) -> Path:
    return trained(output="bernoulli", binarise=True, images=1500)


@pytest.fixture(scope="module")
def grey(trained: Callable[..., Path]) -> Path:
    return trained(output="logistic")


@pytest.fixture(scope="module")
def gan(trained: Callable[..., Path]) -> Path:
    return trained("dcgan", images=30, size=32)


@pytest.fixture(scope="module")
def plain(trained: Callable[..., Path]) -> Path:
    return trained("autoencoder")


@pytest.fixture(scope="module")
def points(trained: Callable[..., Path]) -> Path:
    return trained(data="gaussians", limit=3000, hidden=16)


def written(path: Path) -> dict[str, Any]:
    """evaluation.json, which must be JSON as every language reads it."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    return found


def noise(folder: Path, count: int, mode: str = "L", size: int = 16, first: int = 0) -> Path:
    """Pictures that nothing else is like."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + count):
        pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{seed}.png")
    return folder


def complete(rows: dict[str, Any], expected: set[str]) -> None:
    """Every figure has a number with its n, or a reason why there is none."""
    assert rows.keys() == expected
    for row in rows.values():
        assert row["name"]
        assert row["none"] if "none" in row else row["n"] > 0


# ---- the table


def test_the_table_has_every_figure_and_the_file_holds_what_was_printed(
    grey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "found.json"
    assert main(["evaluate", str(grey), "digits", "--out", str(path)]) == 0
    shown, found = capsys.readouterr().out, written(path)
    complete(found["measured"], {*SAMPLES, *PICTURES, *RECONSTRUCTION, *LIKELIHOOD})
    n = found["on"]["n"]
    assert 130 < n < 230, "all that is held out of 1,797"
    for key, row in found["measured"].items():
        assert "none" not in row, key
        assert row["n"] == {"path_length": 500}.get(key, n)
        line = next(line for line in shown.splitlines() if line.startswith(f"  {row['name']}  "))
        first = re.search(r"  ((at least )?-?[\d,.]+)", line)
        assert first
        if row["value"] is not None:  # infinite
            assert float(first[1].replace(",", "")) == pytest.approx(row["value"], rel=0.1, abs=0.01)
    assert f"by {found['features']['said']}" in shown
    assert len(found["frame"]) == 3
    assert all(name in shown for name in found["frame"])


def test_the_page_is_one_file_without_network(grey: Path, tmp_path: Path) -> None:
    evaluate(grey, "digits", out=tmp_path / "found.json", say=str)
    page = (tmp_path / "found.html").read_text(encoding="utf-8")
    assert "http:" not in page
    assert "https:" not in page
    fetched = Fetched()
    fetched.feed(page)
    assert len(fetched.sources) == 4, "samples, real ones, samples beside training items, spectra"
    assert all(source.startswith("data:image/png;base64,") for source in fetched.sources)
    assert not fetched.tags & {"script", "link", "iframe", "object"}
    for row in written(tmp_path / "found.json")["measured"].values():
        assert row["name"] in page
    assert "synthetic" in page


class Fetched(HTMLParser):
    """What a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_same_again_but_not_for_another_seed(grey: Path, tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate((0, 0, 1)):
        torch.manual_seed(number)  # the global generator must not matter
        evaluate(grey, "digits", n=60, seed=seed, out=tmp_path / f"{number}.json", say=str)
        found.append(written(tmp_path / f"{number}.json"))
    assert found[0] == found[1]
    assert found[0]["measured"]["kd"] != found[2]["measured"]["kd"]


def test_it_measures_held_out_items_only(grey: Path) -> None:
    model, said = im.load(grey), list[str]()
    chosen = choose(model, "digits", 5000, everything=False, binarise=False, seed=0, say=said.append)
    trained_on = set(chosen.dataset.train)
    assert not trained_on & set(chosen.index)
    run_saw = load_data(jobs.load(grey / "job.yaml"))
    assert not {run_saw.names[item] for item in run_saw.train} & set(chosen.names)
    everything = choose(model, "digits", 5000, everything=True, binarise=False, seed=0, say=said.append)
    assert len(everything) == len(chosen) + len(trained_on)
    assert "1,797 items" in everything.said


def test_the_frame_stands_between_real_items_and_a_poor_model(grey: Path) -> None:
    found = evaluate(grey, "digits", features="random", say=str)
    floor, blurred, noisy = ({key: row["value"] for key, row in rows.items()} for rows in found["frame"].values())
    errors = {key: row["error"] for key, row in next(iter(found["frame"].values())).items()}
    assert abs(floor["kd"]) < 3 * errors["kd"]
    for key in ("fd", "kd"):
        assert blurred[key] > floor[key] + 3 * errors[key]
        assert noisy[key] > floor[key] - errors[key], "held-out items with noise would be nearer than any others"
        assert found["measured"][key]["value"] > blurred[key], "a model of ten steps"


def test_a_gan_has_no_encoder_and_no_likelihood(gan: Path) -> None:
    found = evaluate(gan, "digits", n=20, features="random", say=str)["measured"]
    complete(found, {*SAMPLES, "sharpness", "swd_32", "swd_16", *RECONSTRUCTION, *LIKELIHOOD})
    assert {found[key]["none"] for key in RECONSTRUCTION} == {"dcgan has no encoder"}
    assert {found[key]["none"] for key in LIKELIHOOD} == {"dcgan has no likelihood"}


def test_too_few_items_leave_the_distance_that_needs_fewest(gan: Path) -> None:
    found = evaluate(gan, "digits", n=20, features="random", say=str)["measured"]
    assert "use the kernel distance" in found["fd"]["none"]
    assert found["kd"]["n"] == 20
    assert all("at least 50 images" in found[key]["none"] for key in ("precision", "recall", "density", "coverage"))
    assert "at least 50 pictures" in found["swd_16"]["none"]


def test_one_item_is_enough_not_to_fail(grey: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = evaluate(grey, "digits", n=1, features="random")["measured"]
    written(grey / "evaluation.json")
    assert found["mse"]["n"] == 1
    assert found["mse"]["error"] is None
    assert "at least 10 images" in found["kd"]["none"]
    shown = capsys.readouterr().out
    assert "held-out items (the floor): none" in shown
    assert "nan" not in shown


def test_without_a_prior_there_are_no_samples_until_one_is_fitted(plain: Path) -> None:
    before = evaluate(plain, "digits", n=60, say=str)["measured"]
    complete(before, {*SAMPLES, *PICTURES, *RECONSTRUCTION, *LIKELIHOOD})
    assert all("--prior fitted" in before[key]["none"] for key in (*SAMPLES, *PICTURES))
    assert all(before[key]["n"] == 60 for key in RECONSTRUCTION)
    assert "no prior to draw samples from" in (plain / "evaluation.html").read_text(encoding="utf-8")
    im.load(plain).fit_prior_to(torch.randn(500, *im.load(plain).code_shape), components=1)
    after = evaluate(plain, "digits", n=60, say=str)["measured"]
    assert after.keys() == before.keys()
    assert after["kd"]["n"] == 60
    assert after["mse"] == before["mse"]


def test_points_are_measured_by_their_own_coordinates(points: Path, plain: Path) -> None:
    found = evaluate(points, "gaussians", n=200, say=str)
    complete(found["measured"], {*SAMPLES, "mse", *LIKELIHOOD})
    assert found["measured"]["fd"]["name"] == "FD-points"
    assert found["features"]["name"] == "points"
    reference = Reference(
        choose(im.load(points), "gaussians", 200, everything=False, binarise=False, seed=0, say=str),
        Extractor("points", "", None),
        seed=0,
    )
    np.testing.assert_array_equal(reference.features, reference.items.x.numpy())
    assert (points / "evaluation.html").exists()


def test_points_without_a_prior_have_no_rows_of_pictures(trained: Callable[..., Path]) -> None:
    run = trained("autoencoder", "gaussians", limit=3000, hidden=16)
    found = evaluate(run, "gaussians", n=20, say=str)["measured"]
    complete(found, {*SAMPLES, "mse", *LIKELIHOOD})


def test_unlabelled_pictures_are_measured_by_random_features_and_the_names_say_so(grey: Path, tmp_path: Path) -> None:
    folder = noise(tmp_path / "unlabelled", 150)
    found = evaluate(grey, str(folder), say=str)
    assert found["measured"]["fd"]["name"] == "FD-random"
    assert found["measured"]["path_length"]["name"].startswith("path length-random")
    assert "no classes" in found["features"]["said"]
    assert not {"classifier_score", "class_divergence"} & found["measured"].keys()


def test_models_that_know_classes_draw_those_of_the_held_out_items(
    trained: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = im.load(trained("conditional_vae"))
    items = choose(model, "digits", 40, everything=False, binarise=False, seed=0, say=str)
    labels = items.dataset.batch(items.index).label
    assert labels is not None
    latents, asked = Model.latents, list[Any]()

    def watched(self: Model, n: int, seed: int = 0, **options: Any) -> torch.Tensor:
        asked.append(options["label"])  # which a prior may depend on
        return latents(self, n, seed, **options)

    monkeypatch.setattr(Model, "latents", watched)
    measured = Measured(model, Reference(items, Extractor("points", "", None), seed=0))
    codes = latents(model, 40, 0)
    expected = model.decode_array(codes, labels)
    np.testing.assert_array_equal(measured.drawn.samples, expected)
    assert not np.array_equal(expected, model.decode_array(codes, (labels + 1) % 10)), "or classes would not matter"
    assert torch.equal(asked[0], labels)


def test_held_out_copies_of_each_other_leave_duplicates_undefined(grey: Path, tmp_path: Path) -> None:
    noise(tmp_path / "data" / "train", 20)
    test = noise(tmp_path / "data" / "test", 110, first=100)
    for number in range(100, 104):
        (test / f"copy{number}.png").write_bytes((test / f"{number}.png").read_bytes())
    found = evaluate(grey, str(tmp_path / "data"), features="random", say=str)["measured"]
    assert "remove copies" in found["duplicates"]["none"]
    assert "remove copies" in found["support"]["none"]
    assert found["copies"]["n"] == 114


# ---- what is refused


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The one line that a person gets."""
    capsys.readouterr()
    assert main(["evaluate", *map(str, words)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("imaginable: ")
    assert len(error.splitlines()) == 1
    return error


def test_requests_that_cannot_be_met_are_refused_in_one_line(
    grey: Path, points: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coloured, large = noise(tmp_path / "large", 12, size=32), noise(tmp_path / "rgb", 12, "RGB")
    for words, said in [
        ((grey, "digits", "--n", 0), "--n 0: must be at least 1"),
        ((grey, "digits", "--features", "foo"), "invalid choice 'foo'"),
        ((grey, "digits", "--inception", "missing.pth"), "missing.pth: no such file"),
        ((grey, "digits", "--inception", "x.pth", "--features", "random"), "leave one of them out"),
        ((grey, coloured, "--features", "classifier"), "has no classes to train a classifier on"),
        ((grey, tmp_path / "nowhere"), "nowhere: no such file or folder"),
        ((tmp_path / "nowhere", "digits"), "nowhere: no model here"),
        ((grey, "gaussians"), "gaussians: points 2, and vae was trained on images 1x16x16"),
        ((points, "digits"), "and vae was trained on points 2"),
        ((grey, "digits", "--beside", grey), "--beside: vae makes no pictures of pictures"),
        ((grey, "digits", "--masks", tmp_path), "--masks: vae makes no pictures of pictures"),
        ((grey, "digits", "--side-by-side"), "--side-by-side: vae makes no pictures of pictures"),
        ((grey, "digits", "--out", tmp_path), "must end in .json"),
        ((grey, "digits", "--out", tmp_path / "found.html"), "must end in .json"),
    ]:
        assert said in refused(capsys, *words), words
    assert evaluate(grey, str(large), n=1, features="random", say=str), "colour and size are made to fit"


def test_data_of_which_nothing_is_held_out_is_refused(
    grey: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = noise(tmp_path / "tiny", 3)
    monkeypatch.setattr(preparing, "split", lambda keys, named: Split(*_all(len(keys)), how="none"))
    assert "measure on all of it with --everything" in refused(capsys, grey, folder)
    assert evaluate(grey, str(folder), everything=True, say=str)["on"]["n"] == 3


def _all(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    nothing = np.zeros(0, np.int64)
    return np.arange(count), nothing, nothing


@pytest.mark.parametrize("more", [(), ("--likelihood",), ("--compression",)])
def test_a_model_with_weights_that_are_no_numbers_is_named(
    more: tuple[str, ...], grey: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = im.load(grey)
    model.save(tmp_path / "broken")
    path = tmp_path / "broken" / "model.safetensors"
    weights = safetensors.torch.load_file(path)
    name = next(name for name, value in weights.items() if value.is_floating_point())
    weights[name].view(-1)[0] = math.nan
    safetensors.torch.save_file(weights, path)
    said = refused(capsys, tmp_path / "broken", "digits", *more)
    assert "broken: the model has weights that are no numbers" in said


def test_pictures_that_are_no_numbers_are_not_taken_for_black_ones(grey: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Model, "decode_tensor", lambda self, z, label=None: torch.full((len(z), 1, 16, 16), math.nan))
    with pytest.raises(UserError, match=r"vae \(vae\): what the model makes is no numbers"):
        evaluate(grey, "digits", n=20, features="random", say=str)


@pytest.mark.parametrize("content", ["<html>", "[1]", "3"])
def test_a_file_of_something_else_is_not_overwritten(content: str, grey: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(UserError, match="not a file of measurements"):
        evaluate(grey, "digits", n=1, features="random", out=path, say=str)
    assert path.read_text() == content


# ---- likelihood


def test_bounds_in_nats_and_bits_with_their_errors(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "digits", "--likelihood", "--samples", "20", "--items", "25"]) == 0
    shown = capsys.readouterr().out
    found = written(run / "evaluation.json")["likelihood"]
    per_item = np.load(run / "likelihood.npz")
    assert (found["n"], found["samples"]) == (25, 20)
    assert found["bound"] == pytest.approx(per_item["bound"].mean())
    assert found["bound_error"] == pytest.approx(per_item["bound"].std(ddof=1) / 5)
    assert found["bits_per_dimension"] == pytest.approx(-found["bound"] / 256 / math.log(2))
    assert bool((per_item["bound"] >= per_item["elbo"] - 1e-9).all())
    assert f"{found['bound']:.3f} ± {found['bound_error']:.3f} nats per item, k = 20" in shown
    assert "n = 25" in shown
    assert "binarised once" in shown


def test_the_likelihoods_items_are_held_out_and_the_same_ones_again(run: Path) -> None:
    first, again = (evaluate(run, "digits", likelihood=True, samples=3, say=str) for _ in range(2))
    assert first == again
    dataset = load_data(jobs.load(run / "job.yaml"))
    trained_on = {dataset.names[index] for index in dataset.train}
    measured = set(np.load(run / "likelihood.npz")["names"])
    assert len(measured) > 30, "all digits, of which the run saw 300, and not those it was trained on"
    assert not measured & trained_on
    assert evaluate(run, "digits", likelihood=True, samples=3, seed=1, say=str) != first


def test_bits_are_refused_for_a_density_with_the_reason(
    trained: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(images=60)
    evaluate(run, "digits", likelihood=True, samples=2, items=4)
    shown = capsys.readouterr().out
    assert "bits per dimension: none, the output is a density" in shown
    assert "bits_per_dimension" not in written(run / "evaluation.json")["likelihood"]


def test_the_global_generator_does_not_matter(run: Path) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(evaluate(run, "digits", likelihood=True, samples=2, items=3, say=str))
    assert found[0] == found[1]


# ---- compression


def test_compression_error_grows_as_codes_shrink(run: Path) -> None:
    evaluate(run, "digits", likelihood=True, samples=2, items=1, say=str)
    found = evaluate(run, "digits", compression=True, say=str)["compression"]
    rows = found["rows"]
    assert [row["bytes"] for row in rows] == [found["numbers"] * row["bits"] / 8 for row in rows]
    assert rows[0]["mse"] == pytest.approx(rows[1]["mse"], rel=0.05)  # 8 bits lose next to nothing
    assert rows[-1]["mse"] > rows[0]["mse"]
    model = im.load(run)
    assert found["numbers"] == model.method.latents  # type: ignore[attr-defined]
    kept = written(run / "evaluation.json")
    assert "likelihood" in kept, "an earlier measurement is kept"
    assert kept["likelihood"]["elbo_error"] is None, "of one item there is none"


def test_what_a_model_has_not_is_refused(run: Path, gan: Path) -> None:
    for arguments, said in [
        ({"samples": 0, "likelihood": True}, "--samples 0"),
        ({"items": 0}, "--items 0"),
    ]:
        with pytest.raises(UserError, match=said):
            evaluate(run, "digits", say=str, **arguments)
    with pytest.raises(UserError, match="dcgan has no likelihood"):
        evaluate(gan, "digits", likelihood=True, say=str)
    with pytest.raises(UserError, match="no encoder"):
        evaluate(gan, "digits", compression=True, say=str)
