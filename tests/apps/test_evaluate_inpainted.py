"""`evaluate` of models that fill holes: against the mean and the nearest, in the hole and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contesting import SIZE, Grey, Same, Save, pictures, saved, write

from imaginable.apps._inpainted import mean_fill, nearest_fill
from imaginable.apps.evaluate import evaluate
from imaginable.core.errors import UserError

__all__ = ["saved"]
COUNT = 120
REAL = pictures(COUNT)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("photos"), REAL)


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square in the middle; the first two fill nothing and everything."""
    hole = np.zeros((COUNT, SIZE, SIZE), np.uint8)
    hole[:, 4:12, 4:12] = 255
    hole[0], hole[1] = 0, 255
    return write(tmp_path_factory.mktemp("masks"), hole)


def measured(run: Path, data: Path, **flags: Any) -> tuple[dict[str, Any], str]:
    said: list[str] = []
    found = evaluate(run, str(data), everything=True, say=said.append, **flags)["contests"][0]
    return found, "\n".join(said)


def test_masks_are_respected_and_figures_those_of_the_hole(saved: Save, photos: Path, masks: Path) -> None:
    found, said = measured(saved("grey", Grey()), photos, masks=str(masks))
    of = found["makers"]["grey"]
    inside = REAL[2:, 4:12, 4:12].astype(float)
    assert of["l1_hole"]["value"] == pytest.approx(np.abs(inside - 128).mean() / 127.5)
    decibels = 10 * np.log10(255**2 / np.square(inside - 128).mean((1, 2, 3)))
    assert of["psnr_hole"]["value"] == pytest.approx(decibels.mean())
    assert of["psnr_hole"]["n"] == COUNT - 2
    assert of["changed"]["value"] == 0
    assert of["sharpness_hole"]["value"] == 0
    assert "skipped 2 of 120" in said
    assert f"the masks of {masks}" in said


def test_pixels_changed_outside_the_hole_are_counted(saved: Save, photos: Path, masks: Path) -> None:
    found, _ = measured(saved("careless", Grey(careless=True)), photos, masks=str(masks))
    assert found["makers"]["careless"]["changed"]["value"] == (COUNT - 2) * (SIZE * SIZE - 64)
    assert found["makers"]["mean"]["changed"]["value"] == found["makers"]["nearest"]["changed"]["value"] == 0


def test_drawn_holes_are_those_of_the_model_and_of_the_seed(saved: Save, photos: Path) -> None:
    run = saved("grey", Grey())
    first, said = measured(run, photos)
    again, _ = measured(run, photos)
    other, _ = measured(run, photos, seed=1)
    assert first == again
    assert first["makers"]["mean"]["l1_hole"] != other["makers"]["mean"]["l1_hole"]
    assert "Holes: rectangles as in training, drawn with seed 0" in said
    assert "pixels in the hole only, all channels" in said
    assert "item by item a pair" in said
    assert first["makers"]["mean"]["fd"]["value"] > 0
    page = (run / "evaluation.html").read_text()
    assert "From top to bottom: with holes, mean, nearest, grey, as it was" in page


def test_the_baselines_are_what_they_say() -> None:
    x = torch.rand(2, 3, 5, 5) * 2 - 1
    hole = torch.zeros(2, 1, 5, 5)
    hole[:, :, 1:3, 1:4] = 1
    known = hole[:, 0] == 0
    filled = mean_fill(x, hole)
    assert torch.equal(filled * (1 - hole), x * (1 - hole))
    expected = torch.stack([one[:, where].mean(1) for one, where in zip(x, known, strict=True)])
    torch.testing.assert_close(filled[:, :, 1, 1], expected)
    nearest = nearest_fill(x, hole)
    assert torch.equal(nearest * (1 - hole), x * (1 - hole))
    assert torch.equal(nearest[:, :, 1, 2], x[:, :, 0, 2])  # above it; of all others further away
    assert torch.equal(nearest[:, :, 2, 2], x[:, :, 3, 2])  # below it


def test_what_was_there_all_along_is_a_perfect_fill(saved: Save, masks: Path, tmp_path: Path) -> None:
    flat = REAL.copy()
    flat[:, 4:12, 4:12] = 128
    found, said = measured(saved("grey", Grey()), write(tmp_path / "flat", flat), masks=str(masks))
    of = found["makers"]["grey"]
    assert of["l1_hole"]["value"] == 0
    assert of["psnr_hole"]["value"] == pytest.approx(10 * np.log10(255**2 * 12))
    assert of["kd"]["value"] == pytest.approx(0, abs=1e-9)
    assert of["fd"]["value"] == pytest.approx(0, abs=1e-6)
    assert "there is no sharpness to compare with" in of["sharpness_hole"]["none"]
    assert "there is no sharpness to compare with" in said


def test_what_makes_no_sense_is_refused(saved: Save, photos: Path, tmp_path: Path) -> None:
    run = saved("grey", Grey())
    with pytest.raises(UserError, match="does not inpaint; it can translate"):
        measured(run, photos, beside=[saved("lazy", Same(), "images")])
    useless = write(tmp_path / "useless", np.full((COUNT, SIZE, SIZE), 255, np.uint8))
    with pytest.raises(UserError, match="all white: nothing left to go by"):
        measured(run, photos, masks=str(useless))
    with pytest.raises(UserError, match="--side-by-side"):
        measured(run, photos, side_by_side=True)
