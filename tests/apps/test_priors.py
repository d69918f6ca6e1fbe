"""Fitting a prior to codes, where that can be done."""

from pathlib import Path

import pytest
import torch

import imaginable as im
from imaginable.apps.sample import sample
from imaginable.core.errors import UserError


def test_codes_too_long_for_a_covariance_are_refused_at_once(tmp_path: Path) -> None:
    run = tmp_path / "run"
    im.train(
        "ladder_vae", "digits", run=str(run), size=64, limit=60, images=16, batch=8, width=4, rungs=1, device="cpu"
    )
    with pytest.raises(UserError, match="5,440 numbers are too long"):
        sample(run, n=2, prior="fitted", say=str)


def test_truncated_codes_stay_near_the_middle_and_are_the_priors_own(tmp_path: Path) -> None:
    model = im.train("vae", "digits", run=str(tmp_path / "run"), size=16, limit=100, images=64, width=8, device="cpu")
    codes = model.latents(50, seed=1, truncation=0.5)
    assert float(codes.abs().max()) <= 0.5
    assert torch.equal(codes.argsort(), model.latents(50, seed=1, prior="plain").argsort())
    sample(tmp_path / "run", n=4, truncation=0.5, out=tmp_path / "near", say=str)
    assert (tmp_path / "near" / "grid.png").exists()
    for wrong in (0.0, -1.0):
        with pytest.raises(UserError, match="a number above 0"):
            model.latents(2, truncation=wrong)
    with pytest.raises(UserError, match="truncation is of a normal prior"):
        model.latents(2, prior="fitted", truncation=0.5)
