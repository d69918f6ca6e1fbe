"""New pictures from a model's prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imaginable import model as models
from imaginable.apps import _pictures
from imaginable.apps._pictures import Say
from imaginable.core import files
from imaginable.core.errors import UserError
from imaginable.data import images
from imaginable.methods._method import Encodes
from imaginable.model import Model


def sample(
    run: Path,
    *,
    n: int = 64,
    out: Path | None = None,
    seed: int = 0,
    grid: bool = True,
    fit_prior: bool = False,
    say: Say = print,
) -> Path:
    """Draws n items; returns the folder written.

    grid: also one sheet of all. fit_prior: fit a mixture of Gaussians to the codes of the run's training
    data first, and keep it with the model. Points come as samples.npy and a plot.
    """
    if n < 1:
        raise UserError(f"-n {n}: must be at least 1")
    model = models.load(run)
    if fit_prior:
        model = _with_prior(model, run, say)
    z = model.latents(n, seed)
    out = out or Path(run) / "sampled"
    origin = model.origin(seed)
    if model.trained.spec.kind == "points":
        points = model.decode_tensor(z).numpy()
        with files.replacing(out / "samples.npy") as temporary:
            np.save(temporary, points)
        images.save(out / "samples.png", images.scatter(points, 1.2 * float(np.abs(points).max())), origin)
    else:
        arrays = model.decode_array(z)
        _pictures.save_all(arrays, [f"seed{seed}-{number:05d}" for number in range(n)], out, origin)
        if grid:
            images.save(out / "grid.png", images.sheet(arrays), origin)
    say(f"{n} samples of {model.name} in {out}" + (f", all on {out / 'grid.png'}" if grid else ""))
    return out


def _with_prior(model: Model, run: Path, say: Say) -> Model:
    if not model.can(Encodes):
        raise UserError(f"--fit-prior: {model.name} has no encoder whose codes a prior could be fitted to")
    dataset = _pictures.training_data(run, "--fit-prior")
    say(f"fitting a mixture of Gaussians to the codes of {len(dataset.train):,} training items")
    return model.fit_prior(dataset.batch(dataset.train).x)
