"""What a model with an encoder makes of given pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imaginable import model as models
from imaginable.apps import _pictures
from imaginable.apps._pictures import Say
from imaginable.data import images

SHOWN = 64


def reconstruct(run: Path, pictures: str, *, out: Path | None = None, say: Say = print) -> float:
    """Writes every reconstruction and a sheet of originals above reconstructions; returns the mean squared
    error over pixels in [0, 1]. A model that was told the classes is told theirs where it knows
    them."""
    model = models.load(run)
    given = _pictures.read(pictures, model, say)
    x = images.to_float(given.arrays)
    labels = [one if one in model.classes else None for one in given.labels] if model.classes else None
    rebuilt = model.decode_tensor(model.encode_tensor(x, labels), labels)
    errors = ((rebuilt - x) / 2).square().flatten(1).mean(1)
    arrays, out, origin = images.to_uint8(rebuilt), out or Path(run) / "reconstructed", model.origin()
    _pictures.save_all(arrays, [str(Path(name).with_suffix("")) for name in given.names], out, origin)
    images.save(out / "pairs.png", images.pairs(given.arrays[:SHOWN], arrays[:SHOWN]), origin)
    mean = float(errors.mean())
    error = f" ± {float(errors.std()) / np.sqrt(len(errors)):.5f}" if len(errors) > 1 else ""
    say(f"{len(arrays)} reconstructions by {model.name} in {out}, originals above them on {out / 'pairs.png'}")
    say(f"mean squared error {mean:.5f}{error} (values in [0, 1], n = {len(errors)})")
    return mean
