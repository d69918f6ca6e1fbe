"""`imaginable evaluate`: what it prints is what it measures, and what it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import imaginable as im
from imaginable.apps.evaluate import evaluate
from imaginable.cli import main
from imaginable.core.errors import UserError
from imaginable.training import job as jobs
from imaginable.training.train import load_data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("runs") / "binary", output="bernoulli", binarise=True)


def trained(folder: Path, method: str = "vae", **options: Any) -> Path:
    fields: dict[str, Any] = {"size": 16, "limit": 300, "images": 600, "batch": 32, "device": "cpu", **options}
    im.train(method, "digits", run=str(folder), width=8, **fields)
    return folder


def test_bounds_in_nats_and_bits_with_their_errors(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "digits", "--likelihood", "--samples", "20", "--items", "25"]) == 0
    shown = capsys.readouterr().out
    found = json.loads((run / "evaluation.json").read_text())["likelihood"]
    per_item = np.load(run / "likelihood.npz")
    assert (found["n"], found["samples"]) == (25, 20)
    assert found["bound"] == pytest.approx(per_item["bound"].mean())
    assert found["bound_error"] == pytest.approx(per_item["bound"].std(ddof=1) / 5)
    assert found["bits_per_dimension"] == pytest.approx(-found["bound"] / 256 / math.log(2))
    assert bool((per_item["bound"] >= per_item["elbo"] - 1e-9).all())
    assert f"{found['bound']:.3f} ± {found['bound_error']:.3f} nats per item, k = 20" in shown
    assert "n = 25" in shown
    assert "binarised once" in shown


def test_it_measures_held_out_items_only_and_the_same_ones_again(run: Path) -> None:
    first, again = (evaluate(run, "digits", likelihood=True, samples=3, say=str) for _ in range(2))
    assert first == again
    dataset = load_data(jobs.load(run / "job.yaml"))
    trained_on = {dataset.names[index] for index in dataset.train}
    measured = set(np.load(run / "likelihood.npz")["names"])
    assert len(measured) > 30, "all digits, of which the run saw 300, and not those it was trained on"
    assert not measured & trained_on
    assert evaluate(run, "digits", likelihood=True, samples=3, seed=1, say=str) != first


def test_bits_are_refused_for_a_density_with_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(tmp_path / "density", images=64)
    evaluate(run, "digits", likelihood=True, samples=2, items=4)
    shown = capsys.readouterr().out
    assert "bits per dimension: none, the output is a density" in shown
    assert "bits_per_dimension" not in json.loads((run / "evaluation.json").read_text())["likelihood"]


def test_compression_error_grows_as_codes_shrink(run: Path) -> None:
    found = evaluate(run, "digits", say=str)["compression"]
    rows = found["rows"]
    assert [row["bytes"] for row in rows] == [found["numbers"] * row["bits"] / 8 for row in rows]
    assert rows[0]["mse"] == pytest.approx(rows[1]["mse"], rel=0.05)  # 8 bits lose next to nothing
    model = im.load(run)
    assert found["numbers"] == model.method.latents  # type: ignore[attr-defined]
    assert "likelihood" in json.loads((run / "evaluation.json").read_text()), "an earlier measurement is kept"


def test_what_cannot_be_measured_is_refused_in_one_line(run: Path, tmp_path: Path) -> None:
    for arguments, said in [
        ({"samples": 0, "likelihood": True}, "--samples 0"),
        ({"items": 0}, "--items 0"),
    ]:
        with pytest.raises(UserError, match=said):
            evaluate(run, "digits", say=str, **arguments)
    gan = trained(tmp_path / "gan", "dcgan", size=32, images=32)
    with pytest.raises(UserError, match="dcgan has no likelihood"):
        evaluate(gan, "digits", likelihood=True, say=str)
    with pytest.raises(UserError, match="no encoder"):
        evaluate(gan, "digits", say=str)
    with pytest.raises(UserError, match="gaussians"):
        evaluate(run, "gaussians", say=str)


def test_the_global_generator_does_not_matter(run: Path) -> None:
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        found.append(evaluate(run, "digits", likelihood=True, samples=2, items=3, say=str))
    assert found[0] == found[1]
