"""What `sample` writes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import imaginable as im
from imaginable.apps.sample import sample
from imaginable.core import fast

NOTE = "this processor does not multiply bfloat16 itself"


def test_half_writes_nearly_the_same_pictures_and_says_where_it_is_no_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    im.train("vae", "digits", run=str(run), size=16, limit=100, images=64, width=8, device="cpu")
    said: list[str] = []

    def sheet(half: bool) -> np.ndarray:
        return np.asarray(Image.open(sample(run, n=8, half=half, say=said.append) / "grid.png")).astype(int)

    whole = sheet(False)
    assert not any(NOTE in line for line in said)
    for native, precision in ((True, torch.bfloat16), (False, torch.float32)):
        said.clear()
        monkeypatch.setattr(fast, "choose_precision", lambda name, device, given=precision: given)
        half = sheet(True)
        assert 0 < abs(half - whole).max() <= 8
        assert any(NOTE in line for line in said) is not native
