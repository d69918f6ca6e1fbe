"""Fitting a prior to codes, where that can be done."""

from pathlib import Path

import pytest

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
